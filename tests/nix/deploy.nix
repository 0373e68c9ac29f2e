# The deployment examples: their flakes evaluated with stand-ins for the tools, which call for what the real ones call
# for. Gives the list of broken promises.
{nixpkgs}: let
  machine = import ./machine.nix {inherit nixpkgs;};
  inherit (machine) lib;

  configure = modules: machine.configure ([./web-servers.nix] ++ modules);

  inputs = {
    nixpkgs = {
      outPath = toString ./stand-in-nixpkgs.nix;
      lib = lib // {nixosSystem = {modules, ...}: {config = configure modules;};};
    };
    nixcast.nixosModules.default = ../../module;

    # lib.<system>.{activate.nixos,deployChecks} of its flake.nix: a profile is a system to activate on a host.
    deploy-rs.lib.x86_64-linux = {
      activate.nixos = system: {activates = system.config;};
      deployChecks = deploy:
        lib.mapAttrs
        (_: node: lib.isString node.hostname && lib.all (profile: profile.path ? activates) (lib.attrValues node.profiles))
        deploy.nodes;
    };

    # lib.makeHive, with the options of src/nix/hive/options.nix that the example uses.
    colmena.lib.makeHive = hive:
      assert hive.meta.nixpkgs.system == "x86_64-linux";
        lib.mapAttrs
        (name: node: configure [hive.defaults node deploymentOptions {_module.args.name = name;}])
        (builtins.removeAttrs hive ["defaults" "meta"]);
  };

  deploymentOptions = {
    options.deployment = {
      targetHost = lib.mkOption {type = lib.types.nullOr lib.types.str;};
      tags = lib.mkOption {type = lib.types.listOf lib.types.str;};
      keys = lib.mkOption {
        type = lib.types.attrsOf (lib.types.submodule ({
          config,
          name,
          ...
        }: {
          options = {
            keyCommand = lib.mkOption {type = lib.types.nullOr (lib.types.listOf lib.types.str);};
            destDir = lib.mkOption {type = lib.types.path;};
            path = lib.mkOption {
              type = lib.types.path;
              default = "${config.destDir}/${name}";
            };
          };
        }));
      };
    };
  };

  outputsOf = flake: let
    wanted = builtins.functionArgs flake.outputs;
    outputs = flake.outputs (builtins.intersectAttrs (wanted // flake.inputs) inputs // lib.optionalAttrs (wanted ? self) {self = outputs;});
  in
    outputs;

  plain = outputsOf (import ../../examples/nixos-rebuild/flake.nix);
  deployed = outputsOf (import ../../examples/deploy-rs/flake.nix);
  hive = (outputsOf (import ../../examples/colmena/flake.nix)).colmenaHive;

  expect = promise: holds: lib.optional (!holds) promise;
  # A machine that serves the page at its domain, with a key and nothing to complain of.
  isPublicServer = domain: config:
    config.services.nixcast.publicUrl
    == "https://${domain}"
    && config.services.caddy.virtualHosts ? ${domain}
    && lib.length config.services.nixcast.settingsDocument.streamKeys == 1
    && config.systemd.services ? nixcast-engine
    && lib.all (entry: entry.assertion) config.assertions
    && config.warnings == [];
in
  expect "nixos-rebuild" (isPublicServer "stage.example.org" plain.nixosConfigurations.stage.config)
  ++ expect "deploy-rs" (isPublicServer "stage.example.org" deployed.deploy.nodes.stage.profiles.system.path.activates)
  ++ expect "deploy-rs's own checks" (deployed.checks == {x86_64-linux.stage = true;})
  ++ expect "colmena, two machines" (lib.attrNames hive == ["great-hall" "small-hall"])
  ++ expect "colmena" (lib.all (name: isPublicServer "${name}.example.org" hive.${name}) (lib.attrNames hive))
  ++ expect "colmena's key comes from outside the store"
  (map (key: key.keyFile) hive.great-hall.services.nixcast.settingsDocument.streamKeys == ["/var/keys/nixcast-main"])
