# Option types with the limits of the settings document.
#
# Each type carries `facts`: the limits in the words of JSON Schema. The check and the facts are made from the same
# arguments, and tests/nix/table.nix holds the facts against schema/settings.schema.json.
{lib}: let
  inherit (lib) types;

  # Bytes that continue a UTF-8 character. Nix counts bytes, the document counts characters.
  continuations = let
    hex = lib.stringToCharacters "0123456789abcdef";
    byte = high: low: builtins.substring 1 1 (builtins.fromJSON "\"\\u00${high}${low}\"");
  in
    lib.concatMap (high: map (byte high) hex) ["8" "9" "a" "b"];
  blanks = map (_: "") continuations;
  characters = text: builtins.stringLength (builtins.replaceStrings continuations blanks text);

  components = path: lib.filter (part: part != "" && part != ".") (lib.splitString "/" path);
  isTidyAbsolute = path: lib.hasPrefix "/" path && !(lib.elem ".." (components path));
  storeParts = components builtins.storeDir;
  isInStore = path:
    lib.take (lib.length storeParts) (components path)
    == storeParts
    || lib.take 2 (components path) == ["nix" "store"];

  # A type that takes fewer values than another one, with a description of its own.
  narrowed = type: description: facts: accepts:
    types.addCheck type accepts // {inherit description facts;};

  plural = count: noun: "${toString count} ${noun}${lib.optionalString (count != 1) "s"}";
in rec {
  bool = types.bool // {facts.type = "boolean";};

  # Whole numbers from least to most, both included.
  whole = least: most:
    types.ints.between least most
    // {
      facts = {
        type = "integer";
        minimum = least;
        maximum = most;
      };
    };

  evenWhole = least: most:
    narrowed (types.ints.between least most)
    "even integer between ${toString least} and ${toString most} (both inclusive)"
    {
      type = "integer";
      minimum = least;
      maximum = most;
      multipleOf = 2;
    }
    (number: lib.mod number 2 == 0);

  port = whole 1 65535;

  text = most:
    narrowed types.str "text of at most ${plural most "character"}" {
      type = "string";
      maxLength = most;
    }
    (value: characters value <= most);

  filledText = most:
    narrowed types.str "text of 1 to ${plural most "character"}"
    {
      type = "string";
      minLength = 1;
      maxLength = most;
    }
    (value: value != "" && characters value <= most);

  name = most:
    narrowed types.str "name of 1 to ${toString most} letters, digits, \".\", \"_\" or \"-\", the first a letter or digit"
    {
      type = "string";
      minLength = 1;
      maxLength = most;
      format = "name";
    }
    (value: builtins.match "[A-Za-z0-9][A-Za-z0-9._-]*" value != null && builtins.stringLength value <= most);

  ipAddress =
    narrowed types.str "IPv4 or IPv6 address without brackets and port" {
      type = "string";
      format = "ip";
    }
    (value: builtins.match "[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*" value != null);

  network =
    narrowed types.str "IP address or network in CIDR notation" {
      type = "string";
      format = "network";
    }
    (value: builtins.match "([0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)(/[0-9]{1,3})?" value != null);

  webAddress =
    narrowed types.str "web address that starts with https:// or http://" {
      type = "string";
      format = "web-url";
    }
    (value: builtins.match "https?://[^][:space:]@/?#]+([/?#][^[:space:]]*)?" value != null);

  colour =
    narrowed types.str "colour as \"#rrggbb\" or \"#rrggbbaa\"" {
      type = "string";
      format = "colour";
    }
    (value: builtins.match "#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?" value != null);

  moment =
    narrowed types.str "moment with time zone (RFC 3339) such as \"2027-01-31T20:00:00Z\""
    {
      type = "string";
      format = "date-time";
    }
    (value:
      builtins.match "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]+)?(Z|[+-][0-2][0-9]:[0-5][0-9])" value
      != null);

  choice = values:
    types.enum values
    // {
      facts = {
        type = "string";
        enum = values;
      };
    };

  isSecretFile = value:
    builtins.isString value
    && !builtins.hasContext value
    && isTidyAbsolute value
    && !isInStore value
    && !lib.hasSuffix "/" value;

  # A path literal would copy the secret to the world-readable store, and so would a string made from one.
  secretFile =
    lib.mkOptionType {
      name = "secretFile";
      description = "absolute path of a file outside the Nix store, written as a string";
      descriptionClass = "noun";
      # The module system repeats a value that fails this check, and the mistake to expect is the secret itself where
      # its file belongs: so the judgement is passed when definitions are merged, in words of our own.
      check = _: true;
      merge = option: definitions:
        if lib.all (definition: isSecretFile definition.value) definitions
        then lib.mergeEqualOption option definitions
        else
          throw ("${lib.showOption option}: must be the absolute path of a file outside the Nix store, written as a "
            + "string in quotes; its value is not shown, because it may be the secret itself");
    }
    // {
      facts = {
        type = "string";
        format = "secret-path";
      };
    };

  # A path literal is copied to the store, where everyone can read it.
  publicFile =
    types.path
    // {
      facts = {
        type = "string";
        format = "absolute-path";
      };
    };

  nullOr = type: types.nullOr type // {facts = type.facts // {type = [type.facts.type "null"];};};

  # A list of at most so many entries.
  listOf = most: entry:
    narrowed (types.listOf entry) "list of at most ${toString most} entries, each ${entry.description}"
    ({
        type = "array";
        maxItems = most;
      }
      // lib.optionalAttrs (entry ? facts) {items = entry.facts;})
    (entries: lib.length entries <= most)
    // rebuilt (listOf most) entry;

  # Attributes that become the entries of a list, at most so many; null: any number.
  namedEntries = most: entry:
    narrowed (types.attrsOf entry)
    (
      if most == null
      then "attribute set of submodules"
      else "attribute set of at most ${toString most} submodules"
    )
    ({type = "array";} // lib.optionalAttrs (most != null) {maxItems = most;})
    (entries: most == null || lib.length (lib.attrNames entries) <= most)
    // rebuilt (namedEntries most) entry;

  # The module system puts the type of a container together anew once it knows its submodules, and would drop the
  # narrower check with it.
  rebuilt = container: entry: {
    inherit entry;
    substSubModules = modules: container (entry.substSubModules modules);
  };
}
