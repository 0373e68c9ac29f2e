# The configurations that the booted machine is switched between, as text: documents, units, users, and for each pair
# what a switch does with the units.
{nixpkgs}: let
  machine = import ../nix/machine.nix {inherit nixpkgs;};
  inherit (machine) lib;
  plan = import ../nix/switch-plan/plan.nix {inherit lib;};

  first = {
    services.nixcast = {
      streamKeys.main.keyFile = "/var/keys/main";
      admin.passwordFile = "/var/keys/admin";
      integrations.accessTokens.clock = {
        tokenFile = "/var/keys/clock";
        scopes = ["CAN_SEND_SYSTEM_MESSAGES"];
      };
      webhooks.hook = {
        url = "http://hooks.test:9090/";
        events = ["STREAM_STARTED"];
        secretFile = "/var/keys/hook";
      };
      metrics.enable = true;
      instance.name = "First";
      # Short segments and short waits, for a test has no patience.
      video.latencyLevel = 0;
      reconcile.intervalSeconds = 5;
      reconcile.timeoutSeconds = 30;
      video.variants = {
        source = {
          passthrough = true;
          order = 10;
        };
        # Encoded by the worker: one scaled down, one scaled up.
        low = {
          height = 90;
          videoBitrateKbps = 100;
          preset = "ultrafast";
          order = 30;
        };
        high = {
          height = 270;
          videoBitrateKbps = 300;
          preset = "ultrafast";
          order = 20;
        };
      };
    };
  };
  second = {
    imports = [first];
    services.nixcast = {
      instance.name = lib.mkForce "Second";
      # Only root may bind it, and whoever has the capability.
      http.port = 80;
    };
  };
  # A secret that is not there yet.
  third = {
    imports = [second];
    services.nixcast = {
      instance.name = lib.mkOverride 10 "Third";
      streamKeys.guest.keyFile = "/var/keys/guest";
    };
  };
  # Past the module, whose checks would not let it be built.
  refused = {config, ...}: {
    imports = [third];
    environment.etc."nixcast/settings.json".source = lib.mkForce (inStore refusedDocument);
  };
  refusedDocument = let
    document = (machine.configure [third]).services.nixcast.settingsDocument;
  in
    builtins.toJSON (document // {http = document.http // {port = 0;};});
  inStore = text: "${builtins.storeDir}/${builtins.substring 0 32 (builtins.hashString "sha256" text)}-refused.json";
  # The same settings with another package.
  updated = {
    imports = [third];
    services.nixcast.package = machine.package "2";
  };

  configurations = lib.mapAttrs (_: module: machine.configure [module]) {inherit first second third refused updated;};
  document = name: config:
    if name == "refused"
    then refusedDocument
    else builtins.toJSON config.services.nixcast.settingsDocument;
in {
  configurations =
    lib.mapAttrs (name: config: {
      document = document name config;
      documentPath = config.environment.etc."nixcast/settings.json".source;
      package = config.services.nixcast.package.outPath;
      units = config.systemd.rendered;
      wantedBy = lib.mapAttrs (_: service: service.wantedBy) config.systemd.services;
      users = lib.mapAttrs (_: user: {inherit (user) description extraGroups group;}) config.users.users;
      groups = lib.attrNames config.users.groups;
    })
    configurations;
  plans =
    lib.mapAttrs
    (_: from:
      lib.mapAttrs (_: to:
        plan {
          from = from.systemd.rendered;
          to = to.systemd.rendered;
        })
      configurations)
    configurations;
}
