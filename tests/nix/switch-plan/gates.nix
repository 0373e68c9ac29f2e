# What stands between a document and the machine it is for, around a real program: the derivation that checks it when
# it is built, and the script that runs before a switch.
{
  nixpkgs,
  # Holds bin/nixcast.
  program,
  # Module with the settings.
  settings,
  # Folder with bin/timeout.
  coreutils,
  # A document that has come to the machine past its build.
  foreign ? "",
}: let
  machine = import ../machine.nix {
    inherit coreutils nixpkgs;
    # Derivations that a Nix without nixpkgs can build.
    extraPkgs = {
      writeText = builtins.toFile;
      runCommand = name: _: script:
        derivation {
          inherit name;
          system = builtins.currentSystem;
          builder = "/bin/sh";
          args = ["-euc" script];
          PATH = "/usr/bin:/bin";
        };
    };
  };
  configure = modules:
    machine.configure ([
        settings
        {
          services.nixcast.package = {
            type = "derivation";
            name = "nixcast";
            outPath = program;
          };
        }
      ]
      ++ modules);
  etc = config: config.environment.etc."nixcast/settings.json".source;
in {
  document = etc (configure []);
  check =
    (configure [{environment.etc."nixcast/settings.json".source = machine.lib.mkForce foreign;}])
    .system
    .preSwitchChecks
    .nixcast;
}
