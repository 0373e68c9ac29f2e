# Stand-ins for sops-nix and agenix: the options that our examples use, with the names, types and defaults of
# modules/sops/default.nix there and modules/age.nix here.
{
  config,
  lib,
  ...
}: let
  inherit (lib) mkOption types;

  pathIn = folder: name:
    mkOption {
      type = types.str;
      default = "${folder}/${name}";
    };
in {
  options = {
    sops = {
      defaultSopsFile = mkOption {type = types.path;};
      secrets = mkOption {
        default = {};
        type = types.attrsOf (types.submodule ({name, ...}: {
          options = {
            path = pathIn "/run/secrets" name;
            sopsFile = mkOption {
              type = types.path;
              default = config.sops.defaultSopsFile;
            };
          };
        }));
      };
    };

    age.secrets = mkOption {
      default = {};
      type = types.attrsOf (types.submodule ({name, ...}: {
        options = {
          file = mkOption {type = types.path;};
          path = pathIn "/run/agenix" name;
        };
      }));
    };
  };
}
