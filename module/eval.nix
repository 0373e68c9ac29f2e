# The settings document of FILE without NixOS:
#
#   nix-instantiate --eval --strict --json module/eval.nix --argstr nixpkgs PATH --argstr file FILE
#
# FILE is the module that a NixOS configuration imports. Outside NixOS only `services.nixcast` exists: whatever else it
# sets is refused by name, because silently leaving out half of a file would be worse. `enable`, `openFirewall` and
# `package` are accepted and without meaning here. Of nixpkgs only `lib` is used.
{
  file,
  nixpkgs ? <nixpkgs>,
  lib ? import (nixpkgs + "/lib"),
}: let
  standalone = {
    options = {
      assertions = lib.mkOption {
        type = lib.types.listOf lib.types.raw;
        default = [];
        internal = true;
      };
      warnings = lib.mkOption {
        type = lib.types.listOf lib.types.str;
        default = [];
        internal = true;
      };
      services.nixcast.package = lib.mkOption {
        type = lib.types.raw;
        default = null;
        internal = true;
      };
    };
    # Whoever evaluates the file wants the server it describes.
    config.services.nixcast.enable = lib.mkOverride 10 true;
    config._module.args.pkgs =
      throw
      "${toString file}: there is no pkgs outside NixOS; write the settings without it, or evaluate them on NixOS";
  };

  evaluated = lib.evalModules {
    modules = [./options (import ./document.nix {renderFile = toString;}) standalone file];
  };

  inherit (evaluated) config;
  failed = map (entry: entry.message) (lib.filter (entry: !entry.assertion) config.assertions);
  document = config.services.nixcast.settingsDocument;
in
  if failed != []
  then throw "these settings do not fit together:\n${lib.concatMapStringsSep "\n" (message: "- ${message}") failed}"
  else lib.foldr (warning: lib.warn "${warning}") document config.warnings
