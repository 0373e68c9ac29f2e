# The server on NixOS: the document in /etc, and two units around it.
#
# No unit property depends on a setting except the agent's reload trigger, so a switch that changes settings reloads
# the agent and touches nothing else. The reload is synchronous and its exit status is the switch's.
{
  config,
  lib,
  options,
  pkgs,
  ...
}: let
  cfg = config.services.nixcast;
  nixcast = "${cfg.package}/bin/nixcast";

  documentPath = "/etc/nixcast/settings.json";
  engineSocket = "/run/nixcast/engine.sock";
  agentSocket = "/run/nixcast-agent/agent.sock";
  stateDir = "/var/lib/nixcast-agent";

  rendered = pkgs.writeText "nixcast-settings.json" (builtins.toJSON cfg.settingsDocument);

  # The full set of checks, at build time: what they refuse never reaches the machine. The program of another
  # platform cannot run here; the agent checks again in any case.
  checked = pkgs.runCommand "nixcast-settings.json" {} ''
    ${nixcast} validate ${rendered}
    cp ${rendered} $out
  '';
  canRun = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;

  isLoopback = lib.hasPrefix "127." cfg.http.address || cfg.http.address == "::1";

  # What both units give up. docs/systemd.md has the figures, and why the rest stays.
  hardening = {
    DevicePolicy = "closed";
    LockPersonality = true;
    # FFmpeg's scaler makes machine code for fast bilinear scaling alone, which the worker does not use.
    MemoryDenyWriteExecute = true;
    NoNewPrivileges = true;
    PrivateDevices = true;
    PrivateMounts = true;
    PrivateTmp = true;
    ProcSubset = "pid";
    ProtectClock = true;
    ProtectControlGroups = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    ProtectProc = "invisible";
    ProtectSystem = "strict";
    RemoveIPC = true;
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    SystemCallArchitectures = "native";
    # A library that tries what it may not is told so and goes on, instead of being killed.
    SystemCallErrorNumber = "EPERM";
    UMask = "0077";
  };

  # What servers need, less what takes privileges or changes how much of the machine one gets.
  systemCalls = ["@system-service" "~@privileged @resources"];

  common = {
    wantedBy = ["multi-user.target"];
    # One restart job after activation instead of a stop before it: the gap is as short as it can be.
    stopIfChanged = false;
    # Whatever makes it fail, going on trying is right: every failure has been logged.
    unitConfig.StartLimitIntervalSec = 0;
  };
in {
  options.services.nixcast.package = lib.mkOption {
    type = lib.types.package;
    example = lib.literalExpression "pkgs.nixcast";
    description = ''
      The nixcast to run. The one setting whose change restarts the server.
    '';
  };

  config = lib.mkIf cfg.enable (lib.mkMerge [
    {
      environment.etc."nixcast/settings.json".source =
        if canRun
        then checked
        else rendered;
      environment.systemPackages = [cfg.package];

      # Members of `nixcast` may speak to the engine, members of `nixcast-agent` may run plan, apply and status.
      users.groups.nixcast = {};
      users.groups.nixcast-agent = {};
      users.users.nixcast-agent = {
        isSystemUser = true;
        group = "nixcast-agent";
        extraGroups = ["nixcast"];
        description = "nixcast agent";
      };

      networking.firewall.allowedTCPPorts =
        lib.optionals cfg.openFirewall
        ([cfg.rtmp.port] ++ lib.optional (!isLoopback) cfg.http.port);

      systemd.services.nixcast-engine =
        common
        // {
          description = "nixcast engine: ingest, packaging and the page";
          after = ["network.target"];
          serviceConfig =
            hardening
            // {
              Type = "notify";
              ExecStart = "${nixcast} engine --control-socket ${engineSocket}";
              # The user is made up at each start. Its name must not be the group's: systemd refuses a user that it
              # would have to make up beside a group of that name.
              DynamicUser = true;
              User = "nixcast-engine";
              Group = "nixcast";
              RuntimeDirectory = "nixcast";
              RuntimeDirectoryMode = "0750";
              StateDirectory = "nixcast";
              StateDirectoryMode = "0700";
              Restart = "always";
              RestartSec = 1;
              # A port below 1024 is a setting like any other, so the capability does not depend on it.
              AmbientCapabilities = ["CAP_NET_BIND_SERVICE"];
              CapabilityBoundingSet = ["CAP_NET_BIND_SERVICE"];
              LimitNOFILE = 65536;
              ProtectHome = true;
              RestrictAddressFamilies = ["AF_UNIX" "AF_INET" "AF_INET6"];
              # The last four are for the workers, which lock themselves in further.
              SystemCallFilter =
                systemCalls
                ++ ["landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp"];
            };
        };

      systemd.services.nixcast-agent =
        common
        // {
          description = "nixcast agent: keeps the engine at the declared settings";
          # Not bound to the engine: the agent reports an engine that is down, and converges a new one by itself.
          wants = ["nixcast-engine.service"];
          after = ["nixcast-engine.service"];
          reloadTriggers = [config.environment.etc."nixcast/settings.json".source];
          serviceConfig =
            hardening
            // {
              Type = "notify";
              ExecStart = lib.concatStringsSep " " [
                "${nixcast} agent"
                "--settings ${documentPath}"
                "--engine-socket ${engineSocket}"
                "--socket ${agentSocket}"
                "--state-dir ${stateDir}"
              ];
              ExecReload = "${nixcast} apply --settings ${documentPath} --wait";
              # Longer than the longest wait that can be declared, so that nixcast and not systemd tells what is missing.
              TimeoutStartSec = 660;
              User = "nixcast-agent";
              Group = "nixcast-agent";
              SupplementaryGroups = ["nixcast"];
              RuntimeDirectory = "nixcast-agent";
              RuntimeDirectoryMode = "0750";
              StateDirectory = "nixcast-agent";
              StateDirectoryMode = "0700";
              Restart = "always";
              RestartSec = 1;
              # It reads secret files whoever owns them, and has no network to send them to.
              AmbientCapabilities = ["CAP_DAC_READ_SEARCH"];
              CapabilityBoundingSet = ["CAP_DAC_READ_SEARCH"];
              IPAddressDeny = "any";
              PrivateNetwork = true;
              ProtectHome = "read-only";
              RestrictAddressFamilies = ["AF_UNIX"];
              SystemCallFilter = systemCalls;
            };
        };
    }

    # Shows what a switch is about to do. It never refuses: the document has passed the new package's checks, and the
    # agent that answers here may still be the old one.
    (lib.optionalAttrs (options ? system && options.system ? preSwitchChecks) {
      system.preSwitchChecks.nixcast = ''
        if [ -S ${agentSocket} ] && [ -e "$1${documentPath}" ]; then
          ${nixcast} plan --settings "$1${documentPath}" || true
        fi
      '';
    })
  ]);
}
