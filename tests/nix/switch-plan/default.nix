# What a switch does with nixcast's units when one option changes: for every option of the module that there is, each
# leaf on its own, there and back. Gives the list of broken promises.
{nixpkgs}: let
  machine = import ../machine.nix {inherit nixpkgs;};
  inherit (machine) lib;
  plan = import ./plan.nix {inherit lib;};
  changesOf = import ./alternatives.nix {inherit lib;};

  # Options with a promise of their own, below.
  elsewhere = ["enable" "package"];

  leaves = path: tree:
    lib.concatLists (lib.mapAttrsToList
      (name: node: let
        here = path ++ [name];
      in
        if !(lib.isOption node)
        then leaves here node
        else lib.optional (!(node.internal or false) && !(node.readOnly or false)) (node // {path = here;}))
      tree);
  options = leaves [] (builtins.removeAttrs machine.options.services.nixcast elsewhere);

  configure = modules: machine.configure ([../bare.nix ../web-servers.nix] ++ modules);
  base = configure [];
  set = path: value: configure [(lib.setAttrByPath (["services" "nixcast"] ++ path) (lib.mkForce value))];

  switch = from: to:
    plan {
      from = from.systemd.rendered;
      to = to.systemd.rendered;
    };
  document = config: config.environment.etc."nixcast/settings.json".source;

  engine = "nixcast-engine.service";
  agent = "nixcast-agent.service";
  nothing = {
    stop = [];
    reload = [];
    restart = [];
    start = [];
    keep = [agent engine];
  };
  reload =
    nothing
    // {
      reload = [agent];
      keep = [engine];
    };
  restart =
    nothing
    // {
      restart = [engine agent];
      keep = [];
    };

  expect = promise: found: wanted:
    lib.optional (found != wanted) "${promise}: ${builtins.toJSON found} instead of ${builtins.toJSON wanted}";

  # A setting reloads the agent and nothing else, and what is about the host alone does nothing.
  judge = where: from: to:
    expect where (switch from to) (
      if document from != document to
      then reload
      else nothing
    );

  tried =
    lib.concatMap
    (option: let
      name = lib.concatStringsSep "." option.path;
    in
      map
      (change: let
        from = set option.path change.from;
        to = set option.path change.to;
      in {
        inherit name;
        isSetting = document from != document to;
        broken = judge change.where from to;
      })
      (changesOf name option.type (lib.getAttrFromPath option.path base.services.nixcast)))
    options;

  # An option without any effect would keep every promise above.
  without = lib.subtractLists (map (one: one.name) (lib.filter (one: one.isSetting) tried)) (lib.unique (map (one: one.name) tried));
  aboutTheHost = ["openFirewall" "reverseProxy.acme" "reverseProxy.domain" "reverseProxy.type"];

  behind = type:
    configure [
      {
        services.nixcast = {
          openFirewall = true;
          reverseProxy = {
            inherit type;
            domain = "live.example.org";
          };
        };
      }
    ];

  updated = {services.nixcast.package = machine.package "2";};
  renamed = {services.nixcast.instance.name = "Another";};
  disabled = configure [{services.nixcast.enable = lib.mkForce false;}];
in
  lib.concatMap (one: one.broken) tried
  ++ map (name: "${name} changes nothing in the document") (lib.subtractLists aboutTheHost without)
  ++ judge "Caddy in front" base (behind "caddy")
  ++ judge "nginx in front instead of Caddy" (behind "caddy") (behind "nginx")
  ++ expect "a new package restarts both, the engine first" (switch base (configure [updated])) restart
  ++ expect "a new package beside a setting restarts both, and nothing is reloaded by the old agent" (switch base (configure [updated renamed])) restart
  ++ expect "nothing happens twice" (switch base (configure [])) nothing
  ++ expect "the first switch starts both, the engine first" (switch disabled base) (nothing
    // {
      start = [engine agent];
      keep = [];
    })
  ++ expect "turned off, both stop" (switch base disabled) (nothing
    // {
      stop = [agent engine];
      keep = [];
    })
