# The units of the NixOS module, rendered by the real unit code of nixpkgs. Gives the list of broken promises.
{nixpkgs}: let
  machine = import ./machine.nix {inherit nixpkgs;};
  inherit (machine) lib;

  base = machine.configure [./bare.nix];
  changed = machine.configure [./everything.nix];
  updated = machine.configure [./bare.nix {services.nixcast.package = machine.package "2";}];

  lines = text: lib.filter (line: line != "") (lib.splitString "\n" text);
  unit = name: config: config.systemd.rendered."${name}.service";
  engine = unit "nixcast-engine";
  agent = unit "nixcast-agent";
  untriggered = config: lib.filter (line: !lib.hasPrefix "X-Reload-Triggers=" line) (lines (agent config));

  expect = promise: holds: lib.optional (!holds) promise;
  has = text: line: lib.elem line (lines text);
  hasAll = text: lib.all (has text);
  mentions = part: lib.any (lib.hasInfix part) [(engine changed) (agent changed)];
  ports = config: config.networking.firewall.allowedTCPPorts;
  source = config: config.environment.etc."nixcast/settings.json".source;
in
  expect "there are exactly two units" (lib.attrNames base.systemd.rendered == ["nixcast-agent.service" "nixcast-engine.service"])
  ++ expect "changing every setting leaves the engine's unit as it is" (engine base == engine changed)
  ++ expect "changing every setting changes the agent's unit in its reload trigger alone" (untriggered base == untriggered changed)
  ++ expect "changing settings reloads the agent" (agent base != agent changed)
  ++ expect "the reload trigger is the document" (has (agent base) "X-Reload-Triggers=${source base}")
  ++ expect "no unit has a restart trigger" (!mentions "X-Restart-Triggers")
  ++ expect "a new package restarts both" (engine base != engine updated && untriggered base != untriggered updated)
  ++ expect "units are restarted in one job" (lib.all (text: has text "X-StopIfChanged=false") [(engine base) (agent base)])
  # Whoever has /etc or something below it mounted keeps the old one when /etc is an overlay that is replaced.
  ++ expect "no unit pins an old /etc"
  (!lib.any mentions ["ConfigurationDirectory=" "BindPaths=" "BindReadOnlyPaths=" "ReadOnlyPaths=" "ReadWritePaths=" "InaccessiblePaths="])
  ++ expect "the engine's user is made up at start, in a group that the agent shares"
  (hasAll (engine base) ["DynamicUser=true" "User=nixcast-engine" "Group=nixcast"]
    && has (agent base) "SupplementaryGroups=nixcast"
    && base.users.groups ? nixcast
    && !(base.users.users ? nixcast-engine)
    && !(base.users.groups ? nixcast-engine))
  ++ expect "the engine may bind low ports and nothing else that is root's"
  (hasAll (engine base) ["AmbientCapabilities=CAP_NET_BIND_SERVICE" "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"])
  ++ expect "the engine's folders are closed to strangers"
  (hasAll (engine base) ["RuntimeDirectory=nixcast" "RuntimeDirectoryMode=0750" "StateDirectory=nixcast" "StateDirectoryMode=0700"])
  ++ expect "the agent has no network" (hasAll (agent base) ["PrivateNetwork=true" "RestrictAddressFamilies=AF_UNIX"])
  ++ expect "the agent may read every file and nothing else that is root's"
  (hasAll (agent base) ["AmbientCapabilities=CAP_DAC_READ_SEARCH" "CapabilityBoundingSet=CAP_DAC_READ_SEARCH"])
  ++ expect "no secret is named in a unit" (!mentions "/run/secrets")
  ++ expect "the firewall is closed unless asked for" (ports base == [])
  ++ expect "a page for this machine alone is not opened" (ports changed == [11935 443])
  ++ expect "the document is the same as without NixOS"
  (base.services.nixcast.settingsDocument
    == import ../../module/eval.nix {
      inherit nixpkgs;
      file = ./bare.nix;
    })
  ++ expect "nobody can publish without a key, and is told so"
  ((machine.configure []).warnings == ["services.nixcast.streamKeys: no key is enabled, so nobody can publish"])
  ++ expect "no assertion fails" (lib.all (entry: entry.assertion) (base.assertions ++ changed.assertions))
