# The units of the NixOS module, rendered by the real unit code of nixpkgs around stand-ins for the rest of NixOS.
# Gives the list of broken promises.
{nixpkgs}: let
  lib = import (nixpkgs + "/lib");
  hash = builtins.hashString "sha256";

  # Store paths are only compared here, so names made from the content will do.
  pkgs = {
    writeText = name: text: "/nix/store/${builtins.substring 0 32 (hash text)}-${name}";
    runCommand = name: _: script: "/nix/store/${builtins.substring 0 32 (hash script)}-${name}";
    stdenv = {
      buildPlatform.canExecute = _: true;
      hostPlatform = {};
    };
    coreutils = "/coreutils";
    findutils = "/findutils";
    gnugrep = "/gnugrep";
    gnused = "/gnused";
  };

  evaluate = file: package:
    lib.evalModules {
      modules = [
        ../../module
        file
        ({config, ...}: let
          utils = import (nixpkgs + "/nixos/lib/utils.nix") {inherit lib config pkgs;};
          anything = lib.mkOption {
            type = lib.types.attrsOf lib.types.anything;
            default = {};
          };
        in {
          options = {
            assertions = lib.mkOption {
              type = lib.types.listOf lib.types.raw;
              default = [];
            };
            warnings = lib.mkOption {
              type = lib.types.listOf lib.types.str;
              default = [];
            };
            environment.etc = anything;
            environment.systemPackages = lib.mkOption {type = lib.types.raw;};
            users.users = anything;
            users.groups = anything;
            networking.firewall.allowedTCPPorts = lib.mkOption {
              type = lib.types.listOf lib.types.port;
              default = [];
            };
            system.preSwitchChecks = anything;
            systemd = {
              package = lib.mkOption {
                type = lib.types.raw;
                default = "/systemd";
              };
              globalEnvironment = anything;
              services = lib.mkOption {
                type = utils.systemdUtils.types.services;
                default = {};
              };
              rendered = lib.mkOption {type = lib.types.raw;};
            };
          };
          config = {
            _module.args = {inherit pkgs;};
            services.nixcast.enable = true;
            services.nixcast.package = package;
            systemd.rendered =
              lib.mapAttrs
              (name: service:
                # Older unit code takes the name beside the service, newer finds it inside.
                let
                  render = utils.systemdUtils.lib.serviceToUnit name;
                in
                  (
                    if builtins.isFunction render
                    then render service
                    else utils.systemdUtils.lib.serviceToUnit service
                  )
                  .text)
              config.systemd.services;
          };
        })
      ];
    };

  package = version: {
    type = "derivation";
    name = "nixcast-${version}";
    outPath = "/nix/store/00000000000000000000000000000000-nixcast-${version}";
  };

  base = evaluate ./bare.nix (package "1");
  changed = evaluate ./everything.nix (package "1");
  updated = evaluate ./bare.nix (package "2");

  engine = evaluated: evaluated.config.systemd.rendered.nixcast-engine;
  agent = evaluated: evaluated.config.systemd.rendered.nixcast-agent;
  without = prefix: text:
    lib.concatStringsSep "\n" (lib.filter (line: !lib.hasPrefix prefix line) (lib.splitString "\n" text));
  untriggered = evaluated: without "X-Reload-Triggers=" (agent evaluated);

  expect = promise: holds: lib.optional (!holds) promise;
  has = evaluated: line: lib.elem line (lib.splitString "\n" (agent evaluated));
  ports = evaluated: evaluated.config.networking.firewall.allowedTCPPorts;
  source = evaluated: evaluated.config.environment.etc."nixcast/settings.json".source;
in
  expect "there are exactly two units" (lib.attrNames base.config.systemd.rendered == ["nixcast-agent" "nixcast-engine"])
  ++ expect "changing every setting leaves the engine's unit as it is" (engine base == engine changed)
  ++ expect "changing every setting changes the agent's unit in its reload trigger alone" (untriggered base == untriggered changed)
  ++ expect "changing settings reloads the agent" (agent base != agent changed)
  ++ expect "the reload trigger is the document" (has base "X-Reload-Triggers=${source base}")
  ++ expect "no unit has a restart trigger"
  (!lib.hasInfix "X-Restart-Triggers" (engine changed) && !lib.hasInfix "X-Restart-Triggers" (agent changed))
  ++ expect "a new package restarts both" (engine base != engine updated && untriggered base != untriggered updated)
  ++ expect "units are restarted in one job" (lib.all (lib.hasInfix "X-StopIfChanged=false") [(engine base) (agent base)])
  ++ expect "the agent has no network" (has base "PrivateNetwork=true" && has base "RestrictAddressFamilies=AF_UNIX")
  ++ expect "no secret is named in a unit"
  (!lib.hasInfix "/run/secrets" (engine changed) && !lib.hasInfix "/run/secrets" (agent changed))
  ++ expect "the firewall is closed unless asked for" (ports base == [])
  ++ expect "a page for this machine alone is not opened" (ports changed == [11935])
  ++ expect "the document is the same as without NixOS"
  (base.config.services.nixcast.settingsDocument
    == import ../../module/eval.nix {
      inherit nixpkgs;
      file = ./bare.nix;
    })
  ++ expect "nobody can publish without a key, and is told so"
  ((evaluate {} (package "1")).config.warnings == ["services.nixcast.streamKeys: no key is enabled, so nobody can publish"])
  ++ expect "no assertion fails" (lib.all (entry: entry.assertion) (base.config.assertions ++ changed.config.assertions))
