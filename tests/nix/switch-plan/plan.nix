# What `switch-to-configuration` does with the units of a machine when it goes from one configuration to another, by the
# rules that the NixOS manual states ("What happens during a system switch", "Unit handling") and its program follows.
#
# `from` and `to`: the text of each unit by file name; all of `from` are active. Gives the lists of unit names in the
# order of the steps: stop (before activation), reload, restart, start (after it), and those left as they are.
# Sockets, targets, slices and user units have rules of their own, and the module has none of them.
{lib}: {
  from,
  to,
}: let
  # The file as { section = { key = [value ...]; }; }.
  parse = text: let
    step = state: line: let
      header = builtins.match "\\[(.+)]" line;
      entry = builtins.match "([^=]+)=(.*)" line;
      key = lib.elemAt entry 0;
      section = state.sections.${state.name} or {};
    in
      if header != null
      then state // {name = lib.head header;}
      else if entry == null || lib.hasPrefix "#" line || lib.hasPrefix ";" line
      then state
      else
        state
        // {
          sections =
            state.sections
            // {${state.name} = section // {${key} = (section.${key} or []) ++ [(lib.elemAt entry 1)];};};
        };
  in
    (lib.foldl' step {
        name = "";
        sections = {};
      }
      (lib.splitString "\n" text))
    .sections;

  # Changes here are nothing to a running unit.
  withoutMeaning = [
    "AllowIsolate"
    "CollectMode"
    "Description"
    "Documentation"
    "IgnoreOnIsolate"
    "OnFailure"
    "OnFailureJobMode"
    "OnSuccess"
    "RefuseManualStart"
    "RefuseManualStop"
    "SourcePath"
    "StopWhenUnneeded"
  ];
  meaningful = sections:
    builtins.removeAttrs sections ["Install"]
    // {Unit = builtins.removeAttrs (sections.Unit or {}) withoutMeaning;};

  # An `ExecReload` that changes alone means a restart here. Releases from 26.05 on reload instead, which is less.
  compare = old: new: let
    a = meaningful old;
    b = meaningful new;
    untriggered = sections: sections // {Unit = builtins.removeAttrs sections.Unit ["X-Reload-Triggers"];};
  in
    if a == b
    then "keep"
    else if untriggered a != untriggered b
    then "modified"
    else if b.Unit ? X-Reload-Triggers
    then "reload"
    else "keep";

  says = sections: section: key: lib.elem (lib.last (sections.${section}.${key} or ["false"])) ["true" "yes" "1"];
  denies = sections: section: key: lib.elem (lib.last (sections.${section}.${key} or ["true"])) ["false" "no" "0"];

  decide = name: let
    old = parse from.${name};
    new = parse to.${name};
    compared = compare old new;
  in
    if !(to ? ${name})
    then
      (
        if denies old "Unit" "X-StopOnRemoval"
        then "keep"
        else "stop"
      )
    else if compared != "modified"
    then compared
    else if says new "Service" "X-ReloadIfChanged"
    then "reload"
    else if denies new "Service" "X-RestartIfChanged" || says new "Unit" "RefuseManualStop" || says new "Unit" "X-OnlyManualStart"
    then "keep"
    else if denies new "Service" "X-StopIfChanged"
    then "restart"
    else "stopAndStart";

  decisions = lib.genAttrs (lib.attrNames from) decide;
  these = which: lib.filter (name: lib.elem decisions.${name} which) (lib.attrNames from);
  added = lib.filter (name: !(from ? ${name})) (lib.attrNames to);

  # systemd brings up what is named in one command by `After=`, whatever the order of the names.
  after = name: lib.concatMap (lib.splitString " ") ((parse to.${name}).Unit.After or []);
  inOrder = names: (lib.toposort (a: b: lib.elem a (after b)) names).result;
in {
  stop = these ["stop" "stopAndStart"];
  reload = these ["reload"];
  restart = inOrder (these ["restart"]);
  start = inOrder (these ["stopAndStart"] ++ added);
  keep = these ["keep"];
}
