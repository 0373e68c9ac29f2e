# The rules of plan.nix on units made up for each. Gives the list of broken ones.
{nixpkgs}: let
  lib = import (nixpkgs + "/lib");
  plan = import ./plan.nix {inherit lib;};

  unit = {
    Unit ? "",
    Service ? "",
    Install ? "",
  }: "[Unit]\nAfter=network.target\n${Unit}\n[Service]\nType=notify\n\n${Service}\n[Install]\n${Install}\n";
  plain = unit {Service = "ExecStart=/a";};
  other = unit {Service = "ExecStart=/b";};

  nothing = {
    stop = [];
    reload = [];
    restart = [];
    start = [];
    keep = [];
  };
  change = from: to: plan {
    from.u = from;
    to.u = to;
  };
  expect = rule: found: wanted:
    lib.optional (found != nothing // wanted) "${rule}: ${builtins.toJSON found}";
in
  expect "an unchanged unit is left alone" (change plain plain) {keep = ["u"];}
  ++ expect "[Install] is ignored" (change plain (unit {
    Service = "ExecStart=/a";
    Install = "WantedBy=x.target";
  })) {keep = ["u"];}
  ++ expect "a description is ignored" (change plain (unit {
    Unit = "Description=x";
    Service = "ExecStart=/a";
  })) {keep = ["u"];}
  ++ expect "a reload trigger reloads" (change (unit {Unit = "X-Reload-Triggers=/a";}) (unit {Unit = "X-Reload-Triggers=/b";}))
  {reload = ["u"];}
  ++ expect "a reload trigger that goes away does nothing" (change (unit {Unit = "X-Reload-Triggers=/a";}) (unit {})) {keep = ["u"];}
  ++ expect "a restart trigger does more than reload" (change (unit {Unit = "X-Restart-Triggers=/a";}) (unit {Unit = "X-Restart-Triggers=/b";}))
  {
    stop = ["u"];
    start = ["u"];
  }
  ++ expect "a changed service is stopped, then started" (change plain other) {
    stop = ["u"];
    start = ["u"];
  }
  ++ expect "stopIfChanged = false restarts afterwards" (change plain (unit {Service = "ExecStart=/b\nX-StopIfChanged=false";}))
  {restart = ["u"];}
  ++ expect "reloadIfChanged reloads" (change plain (unit {Service = "ExecStart=/b\nX-ReloadIfChanged=true";})) {reload = ["u"];}
  ++ expect "restartIfChanged = false keeps" (change plain (unit {Service = "ExecStart=/b\nX-RestartIfChanged=false";})) {keep = ["u"];}
  ++ expect "an environment variable is a change" (change plain (unit {Service = ''Environment="A=b"'' + "\nExecStart=/a";})) {
    stop = ["u"];
    start = ["u"];
  }
  ++ expect "of a key given twice both values count" (change (unit {Service = "A=1\nA=2";}) (unit {Service = "A=3\nA=2";})) {
    stop = ["u"];
    start = ["u"];
  }
  ++ expect "a new unit is started" (plan {
    from = {};
    to.u = plain;
  }) {start = ["u"];}
  ++ expect "a removed unit is stopped" (plan {
    from.u = plain;
    to = {};
  }) {stop = ["u"];}
  ++ expect "what is ordered after something is restarted after it" (plan {
    from = {
      a = plain;
      b = plain;
    };
    to = {
      a = unit {
        Unit = "After=b";
        Service = "X-StopIfChanged=false";
      };
      b = unit {Service = "X-StopIfChanged=false";};
    };
  }) {restart = ["b" "a"];}
