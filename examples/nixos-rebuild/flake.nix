# One machine, deployed with what NixOS brings:
#
#   nixos-rebuild switch --flake .#stage --target-host root@stage.example.org
#
# The switch prints what it is about to change, applies it to the running server, and fails with the option to mend if
# the server refuses it. The stream goes on either way.
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  # Wherever you have nixcast from.
  inputs.nixcast.url = "git+https://git.example.org/nixcast";
  inputs.nixcast.inputs.nixpkgs.follows = "nixpkgs";

  outputs = {
    nixpkgs,
    nixcast,
    ...
  }: {
    nixosConfigurations.stage = nixpkgs.lib.nixosSystem {
      system = "x86_64-linux";
      modules = [
        nixcast.nixosModules.default
        # Beside ./hardware-configuration.nix and whatever else makes the machine.
        {
          services.nixcast = {
            enable = true;
            openFirewall = true;
            reverseProxy = {
              type = "caddy";
              domain = "stage.example.org";
            };
            streamKeys.main.keyFile = "/var/keys/nixcast-main";
          };
        }
      ];
    };
  };
}
