# Two machines that share everything but their names and keys, deployed with Colmena
# (https://github.com/nix-community/colmena):
#
#   colmena apply --on @stage
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  # Wherever you have nixcast from.
  inputs.nixcast.url = "git+https://git.example.org/nixcast";
  inputs.nixcast.inputs.nixpkgs.follows = "nixpkgs";
  inputs.colmena.url = "github:nix-community/colmena";
  inputs.colmena.inputs.nixpkgs.follows = "nixpkgs";

  outputs = {
    nixpkgs,
    nixcast,
    colmena,
    ...
  }: {
    colmenaHive = colmena.lib.makeHive {
      meta.nixpkgs = import nixpkgs {system = "x86_64-linux";};

      defaults = {
        config,
        name,
        ...
      }: {
        imports = [nixcast.nixosModules.default];

        deployment = {
          targetHost = "${name}.example.org";
          tags = ["stage"];
          # Read here with pass(1) at each deployment, and put on the machine past the Nix store, before the switch.
          keys.nixcast-main = {
            keyCommand = ["pass" "show" "nixcast/${name}"];
            destDir = "/var/keys";
          };
        };

        services.nixcast = {
          enable = true;
          openFirewall = true;
          reverseProxy = {
            type = "caddy";
            domain = "${name}.example.org";
          };
          streamKeys.main.keyFile = config.deployment.keys.nixcast-main.path;
        };
      };

      great-hall.services.nixcast.instance.name = "Great hall";
      small-hall.services.nixcast.instance.name = "Small hall";
    };
  };
}
