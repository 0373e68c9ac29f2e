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
  engineStateDir = "/var/lib/nixcast";
  stateDir = "/var/lib/nixcast-agent";

  rendered = pkgs.writeText "nixcast-settings.json" (builtins.toJSON cfg.settingsDocument);

  # The full set of checks, at build time: what they refuse never reaches the machine. The program of another
  # platform cannot run here; the agent checks again in any case.
  checked = pkgs.runCommand "nixcast-settings.json" {} ''
    ${nixcast} validate ${rendered}
    cp ${rendered} $out
  '';
  canRun = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;

  # A plan takes milliseconds; an agent that hangs must not hold up a switch.
  planSeconds = 30;

  inherit (import ./addresses.nix {inherit lib;}) isLoopback;

  # Says what a switch is about to change, and refuses what the new package refuses. The second argument is what is
  # being done: only where it would put the document in force is it stopped. Whether an unhandled failure ends the
  # script differs between releases of NixOS, so none is left unhandled.
  preSwitchCheck = ''
    document=${config.environment.etc."nixcast/settings.json".source}
    refused=0
    said=$(${nixcast} validate "$document" 2>&1) || refused=$?
    if [ "$refused" -eq 1 ]; then
      printf '%s\n' "$said"
      case "''${2-}" in
        switch | test | check)
          echo 'nixcast: these settings are refused, so nothing was changed'
          exit 1
          ;;
        *) echo 'nixcast: these settings are refused; the server goes on with those it has' ;;
      esac
    elif [ "$refused" -ne 0 ]; then
      printf 'nixcast: the settings could not be checked: %s\n' "$said"
    elif [ -S ${agentSocket} ]; then
      # The agent that answers may be the old one, and may not know all of the new settings.
      planned=0
      said=$(${pkgs.coreutils}/bin/timeout ${toString planSeconds} ${nixcast} plan --agent-socket ${agentSocket} --settings "$document" 2>&1) || planned=$?
      case $planned in
        0) echo 'nixcast: nothing changes' ;;
        2) printf 'nixcast: what changes\n%s\n' "$said" ;;
        1) echo 'nixcast: no plan, because the agent that runs now does not take these settings; the new one does' ;;
        124) echo 'nixcast: no plan, because the agent did not answer in ${toString planSeconds} seconds' ;;
        *) printf 'nixcast: no plan: %s\n' "$said" ;;
      esac
    else
      echo 'nixcast: no plan, because no agent runs here yet'
    fi
  '';

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
        ([cfg.rtmp.port]
          ++ lib.optional cfg.rtmps.enable cfg.rtmps.port
          ++ lib.optional (!isLoopback cfg.http.address) cfg.http.port);

      systemd.services.nixcast-engine =
        common
        // {
          description = "nixcast engine: ingest, packaging and the page";
          after = ["network.target"];
          serviceConfig =
            hardening
            // {
              Type = "notify";
              ExecStart = "${nixcast} engine --control-socket ${engineSocket} --state-dir ${engineStateDir}";
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

    # Runs before a switch touches anything.
    (lib.optionalAttrs (options ? system && options.system ? preSwitchChecks) {
      system.preSwitchChecks.nixcast = preSwitchCheck;
    })
  ]);
}
