# One machine, deployed with deploy-rs (https://github.com/serokell/deploy-rs):
#
#   nix run github:serokell/deploy-rs -- .#stage
#
# deploy-rs takes a failed switch for a broken machine and rolls back: settings that the server refuses are not left
# behind on it. The stream goes on in both directions.
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  # Wherever you have nixcast from.
  inputs.nixcast.url = "git+https://git.example.org/nixcast";
  inputs.nixcast.inputs.nixpkgs.follows = "nixpkgs";
  inputs.deploy-rs.url = "github:serokell/deploy-rs";
  inputs.deploy-rs.inputs.nixpkgs.follows = "nixpkgs";

  outputs = {
    self,
    nixpkgs,
    nixcast,
    deploy-rs,
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

    deploy.nodes.stage = {
      hostname = "stage.example.org";
      profiles.system = {
        user = "root";
        path = deploy-rs.lib.x86_64-linux.activate.nixos self.nixosConfigurations.stage;
      };
    };

    checks = builtins.mapAttrs (_: lib: lib.deployChecks self.deploy) deploy-rs.lib;
  };
}
