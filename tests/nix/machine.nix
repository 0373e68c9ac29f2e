# A NixOS machine as far as nixcast is concerned: our module, the real unit code of nixpkgs, and stand-ins for the rest
# of NixOS. Gives a function from modules to the evaluated configuration, in which `systemd.rendered` has the text of
# each unit by file name.
{
  nixpkgs,
  lib ? import (nixpkgs + "/lib"),
  # Where the programs are that scripts call.
  coreutils ? "/coreutils",
  # Replaces stand-ins of `pkgs`.
  extraPkgs ? {},
}: let
  hash = builtins.hashString "sha256";
  inStore = name: content: "${builtins.storeDir}/${builtins.substring 0 32 (hash content)}-${name}";

  pkgs =
    {
      # Nothing is built: paths made from the content are told apart just as well.
      writeText = inStore;
      runCommand = name: _: inStore name;
      stdenv = {
        buildPlatform.canExecute = _: true;
        hostPlatform = {};
      };
      inherit coreutils;
      findutils = "/findutils";
      gnugrep = "/gnugrep";
      gnused = "/gnused";
    }
    // extraPkgs;

  nixos = {config, ...}: let
    utils = import (nixpkgs + "/nixos/lib/utils.nix") {inherit lib config pkgs;};
    # Older unit code takes the name beside the service, newer finds it inside.
    render = name: service: let
      unit = utils.systemdUtils.lib.serviceToUnit name;
    in
      if builtins.isFunction unit
      then unit service
      else utils.systemdUtils.lib.serviceToUnit service;
    anything = lib.mkOption {
      type = lib.types.attrsOf lib.types.anything;
      default = {};
    };
    listOf = type:
      lib.mkOption {
        type = lib.types.listOf type;
        default = [];
      };
  in {
    options = {
      assertions = listOf lib.types.raw;
      warnings = listOf lib.types.str;
      environment.etc = anything;
      environment.systemPackages = listOf lib.types.raw;
      users.users = anything;
      users.groups = anything;
      networking.firewall.allowedTCPPorts = listOf lib.types.port;
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
      systemd.rendered =
        lib.mapAttrs' (name: service: lib.nameValuePair "${name}.service" (render name service).text)
        config.systemd.services;
    };
  };

  # A package whose store path differs by its version.
  package = version: {
    type = "derivation";
    name = "nixcast-${version}";
    outPath = inStore "nixcast-${version}" version;
  };

  evaluate = modules:
    lib.evalModules {
      modules =
        [
          ../../module
          nixos
          {
            services.nixcast = {
              enable = lib.mkDefault true;
              package = lib.mkDefault (package "1");
            };
          }
        ]
        ++ modules;
    };
in {
  inherit lib package;
  inherit (evaluate []) options;
  configure = modules: (evaluate modules).config;
}
