# docs/options.md: every option with its type, default, example, description and when a change takes hold. Gives the
# text. Walks the options itself, because what nixpkgs makes of them changes from release to release.
{nixpkgs}: let
  lib = import (nixpkgs + "/lib");
  effects = builtins.fromJSON (builtins.readFile ../../schema/effects.json);

  options =
    (lib.evalModules {
      # Only the options are looked at, so the rest of NixOS may be missing.
      modules = [../../module {_module.check = false;}];
    })
    .options
    .services
    .nixcast;

  # In the order in which one declares a server; an area that is not named comes after these, by name.
  areas = [
    {
      title = "The host";
      names = ["enable" "package" "openFirewall" "reverseProxy"];
    }
    {
      title = "Where to connect";
      names = ["publicUrl" "http" "rtmp" "rtmps"];
    }
    {
      title = "Who may publish";
      names = ["streamKeys"];
    }
    {
      title = "Picture and sound";
      names = ["video"];
    }
    {
      title = "The page";
      names = ["instance"];
    }
  ];
  remaining = lib.subtractLists (lib.concatMap (area: area.names) areas) (lib.attrNames options);
  allAreas =
    areas
    ++ map (name: {
      title = "`${name}`";
      names = [name];
    })
    remaining;

  # What is below an option: the options of the submodules it holds, by the path that effects.json gives them.
  below = path: option: let
    entry = option.type.entry or null;
    step =
      if option.type.name == "attrsOf"
      then "<name>"
      else "*";
  in
    lib.optionals (entry != null && entry.name == "submodule")
    (flatten (path ++ [step]) (builtins.removeAttrs (entry.getSubOptions []) ["_module"]));

  flatten = path: tree:
    lib.concatLists (lib.mapAttrsToList
      (name: node: let
        here = path ++ [name];
      in
        if !(lib.isOption node)
        then flatten here node
        else
          [
            {
              path = lib.concatStringsSep "." (["services" "nixcast"] ++ here);
              option = node;
            }
          ]
          ++ below here node)
      tree);

  shown = path: tree: lib.filter (row: !(row.option.internal or false)) (flatten path tree);
  rowsOf = names: lib.concatMap (name: shown [] {${name} = options.${name};}) (lib.filter (name: options ? ${name}) names);

  words = {
    live = "at once; open pages follow";
    segment = "at the next segment boundary of the running broadcast";
    session = "at once, for the session concerned";
    rebind = "at once, for whoever connects from then on; connections made before stay";
    host = "with the switch; the running server is not touched";
    start = "with the switch, which starts or stops the server";
    restart = "with the switch, which restarts the server";
  };

  # Of options that are not part of the settings document, and so not in effects.json.
  hostEffects = {
    enable = "start";
    openFirewall = "host";
    package = "restart";
    reverseProxy = "host";
  };

  effectsOf = path: let
    isBelow = name: lib.hasPrefix "${path}." name;
    found =
      if effects ? ${path}
      then [effects.${path}]
      else lib.unique (lib.attrValues (lib.filterAttrs (name: _: isBelow name) effects));
  in
    if found != []
    then found
    else
      [
        (hostEffects.${lib.elemAt (lib.splitString "." path) 2}
          or (throw "${path}: schema/effects.json does not say when a change takes hold"))
      ];

  code = text:
    if lib.hasInfix "\n" text
    then "\n\n  ```nix\n  ${lib.replaceStrings ["\n"] ["\n  "] text}\n  ```"
    else " `${text}`";
  value = given:
    if (given._type or "") == "literalExpression"
    then lib.removeSuffix "\n" given.text
    else lib.generators.toPretty {} given;

  # Roles of the NixOS manual mean nothing elsewhere.
  plain = text: lib.removeSuffix "\n" (lib.replaceStrings ["{option}`" "{file}`" "{command}`"] ["`" "`" "`"] text);
  sentence = text: lib.replaceStrings ["<" ">"] ["\\<" "\\>"] text;

  fact = name: text: "- **${name}**:${text}\n";
  row = {
    path,
    option,
  }:
    "\n### `${path}`\n\n${plain option.description}\n\n"
    + fact "Type" " ${sentence option.type.description}"
    + (
      if option ? default
      then fact "Default" (code (value option.default))
      else fact "Default" " none, has to be set"
    )
    + lib.optionalString (option ? example) (fact "Example" (code (value option.example)))
    + fact "Takes hold" " ${lib.concatMapStringsSep "; " (effect: "**${effect}**, ${words.${effect}}") (effectsOf path)}";

  area = {
    title,
    names,
  }: let
    rows = rowsOf names;
  in
    lib.optionalString (rows != []) "\n## ${title}\n${lib.concatMapStrings row rows}";
in ''
  # Options

  Every option of the NixOS module, and of a file for `nixcast run --nix`. Made from `module/options/` and
  `schema/effects.json` by `tests/nix/run --bless`; a test fails when it is out of date.

  `<name>` stands for a name that you choose, `*` for each entry of a list. **Takes hold** says when a change reaches
  the running server after `nixos-rebuild switch`. Only a new `package` restarts it; the flake's own module sets that.
  ${lib.concatMapStrings area allAreas}''
