# Changes of an option, made from its type: what it is set to before and after, one leaf at a time. An option with a
# type that says nothing here fails by name, so that none goes untested.
{lib}: let
  # Texts by the formats of module/types.nix, and by the descriptions of other types.
  texts = {
    absolute-path = ["/srv/another.svg" "/srv/third.svg"];
    colour = ["#010203" "#040506"];
    date-time = ["2031-01-31T20:00:00Z" "2032-01-31T20:00:00Z"];
    "domain name" = ["another.example" "third.example"];
    ip = ["192.0.2.77" "192.0.2.78"];
    name = ["another" "third"];
    network = ["192.0.2.0/24" "198.51.100.0/24"];
    secret-path = ["/run/keys/another" "/run/keys/third"];
    web-url = ["https://another.example" "https://third.example"];
  };

  # Options about the host have the types of nixpkgs, which say less.
  factsOf = where: type:
    if type ? facts
    then type.facts // {type = lib.head (lib.toList type.facts.type);}
    else if type.name == "nullOr"
    then factsOf where type.nestedTypes.elemType
    else if type.name == "bool"
    then {type = "boolean";}
    else if type.name == "enum"
    then {enum = type.functor.payload.values or type.functor.payload;}
    else {
      type = "string";
      format = type.description;
    };

  otherThan = where: value: facts: let
    candidates =
      if facts ? enum
      then facts.enum
      else if facts.type == "boolean"
      then [true false]
      else if facts.type == "integer"
      then [facts.minimum (facts.minimum + (facts.multipleOf or 1))]
      else if facts.type == "array" && facts ? items
      then [[(otherThan where null facts.items)]]
      else if facts.type != "string"
      then throw "${where}: no other value for the type \"${facts.type}\"; add one to ${toString ./alternatives.nix}"
      else if facts ? format
      then texts.${facts.format} or (throw "${where}: no text for the format \"${facts.format}\"; add one to ${toString ./alternatives.nix}")
      else ["another" "third"];
  in
    lib.findFirst (candidate: candidate != value) (throw "${where}: there is no value but ${builtins.toJSON value}") candidates;

  # What may be set in an entry. The rest follows from its name.
  settable = entryType:
    lib.filterAttrs (_: option: !(option.readOnly or false))
    (builtins.removeAttrs (entryType.getSubOptions []) ["_module"]);
  tidied = entryType: entry: lib.mapAttrs (name: option: entry.${name} or option.default) (settable entryType);
  # An entry with what has no default, and defaults.
  made = where: entryType:
    tidied entryType (lib.mapAttrs (name: option: otherThan "${where}.${name}" null (factsOf "${where}.${name}" option.type))
      (lib.filterAttrs (_: option: !(option ? default)) (settable entryType)));

  # [{ where; from; to; } ...], each leaf of the entry changed once.
  inEntry = where: entryType: entry:
    lib.concatLists (lib.mapAttrsToList
      (name: option:
        map (change:
          change
          // {
            from = entry // {${name} = change.from;};
            to = entry // {${name} = change.to;};
          })
        (changes "${where}.${name}" option.type entry.${name}))
      (settable entryType));

  changesOfNamed = where: entryType: value: let
    entries =
      if value == {}
      then {sample = made where entryType;}
      else lib.mapAttrs (_: tidied entryType) value;
    name = lib.head (lib.attrNames entries);
    more = entries // {one-more = made where entryType;};
  in
    both "${where}, the number of entries" entries more
    ++ map (change:
      change
      // {
        from = entries // {${name} = change.from;};
        to = entries // {${name} = change.to;};
      })
    (inEntry "${where}.<name>" entryType entries.${name});

  changesOfListed = where: entryType: let
    entry = made where entryType;
  in
    both "${where}, the number of entries" [] [entry]
    ++ map (change:
      change
      // {
        from = [change.from];
        to = [change.to];
      })
    (inEntry "${where}.*" entryType entry);

  # There and back: a switch to an older generation is a switch like any other.
  both = where: from: to: [
    {inherit where from to;}
    {
      where = "${where}, back";
      from = to;
      to = from;
    }
  ];

  changes = where: type: value: let
    isOfSubmodules = type ? entry && type.entry.name == "submodule";
    facts = factsOf where type;
    other = otherThan where value facts;
  in
    if isOfSubmodules && builtins.isAttrs value
    then changesOfNamed where type.entry value
    else if isOfSubmodules
    then changesOfListed where type.entry
    else if type ? entry
    then let
      one = otherThan where null (factsOf where type.entry);
    in
      both where [] [one]
    else both where value other;
in
  changes
