# Holds the options against the schema, both ways: which there are, their types, bounds, choices and formats.
# Defaults are held by the documents in schema/tests/documents. Gives the list of differences.
{nixpkgs}: let
  lib = import (nixpkgs + "/lib");
  schema = builtins.fromJSON (builtins.readFile ../../schema/settings.schema.json);

  # The deliberate differences. About the host rather than the server, so not part of the document:
  hostOptions = ["enable" "openFirewall" "reverseProxy" "settingsDocument"];
  # The document's own, set by no option:
  documentProperties = ["apiVersion"];

  options =
    builtins.removeAttrs
    (lib.evalModules {
      modules = [
        ../../module/options
        (import ../../module/document.nix {renderFile = toString;})
        {
          options.assertions = lib.mkOption {type = lib.types.raw;};
          options.warnings = lib.mkOption {type = lib.types.raw;};
        }
      ];
    })
    .options
    .services
    .nixcast
    hostOptions;

  flattenOptions = path: tree:
    lib.concatLists (lib.mapAttrsToList
      (name: node: let
        here = path ++ [name];
        entry = node.type.entry or null;
        step =
          if node.type.name == "attrsOf"
          then "<name>"
          else "*";
      in
        if !(lib.isOption node)
        then flattenOptions here node
        else
          [
            {
              name = lib.concatStringsSep "." here;
              value = node.type.facts or {type = "unknown";};
            }
          ]
          ++ lib.optionals (entry != null && entry.name == "submodule")
          (flattenOptions (here ++ [step]) (builtins.removeAttrs (entry.getSubOptions []) ["_module"])))
      tree);

  resolve = node:
    if node ? "$ref"
    then schema."$defs".${lib.removePrefix "#/$defs/" node."$ref"}
    else node;

  facts = node:
    lib.filterAttrs (name: value: lib.elem name ["type" "minimum" "maximum" "multipleOf" "minLength" "maxLength" "enum" "maxItems"]) node
    // lib.optionalAttrs (node ? format && !lib.hasPrefix "uint" node.format) {inherit (node) format;}
    // lib.optionalAttrs (node ? items && !((resolve node.items) ? properties)) {items = facts node.items;};

  flattenSchema = path: properties:
    lib.concatLists (lib.mapAttrsToList
      (name: property: let
        here = path ++ [name];
        node = resolve property;
        entry = resolve node.items;
        step =
          if entry.properties.name.format or null == "name"
          then "<name>"
          else "*";
      in
        if node ? properties
        then flattenSchema here node.properties
        else
          [
            {
              name = lib.concatStringsSep "." here;
              value = facts node;
            }
          ]
          ++ lib.optionals (node ? items && entry ? properties) (flattenSchema (here ++ [step]) entry.properties))
      properties);

  ofOptions = lib.listToAttrs (flattenOptions [] options);
  ofSchema = lib.listToAttrs (flattenSchema [] (builtins.removeAttrs schema.properties documentProperties));

  # Descriptions and examples are the operator's user interface.
  undescribed = path: tree:
    lib.concatLists (lib.mapAttrsToList
      (name: node: let
        here = path ++ [name];
        entry = node.type.entry or null;
      in
        if !(lib.isOption node)
        then undescribed here node
        else
          lib.optional (!(node.internal or false) && !(node ? description && node ? example))
          "${lib.concatStringsSep "." here}: has no description or no example"
          ++ lib.optionals (entry != null && entry.name == "submodule")
          (undescribed here (builtins.removeAttrs (entry.getSubOptions []) ["_module"])))
      tree);
in
  map (name: "${name}: is an option and not in the schema") (lib.attrNames (builtins.removeAttrs ofOptions (lib.attrNames ofSchema)))
  ++ map (name: "${name}: is in the schema and no option") (lib.attrNames (builtins.removeAttrs ofSchema (lib.attrNames ofOptions)))
  ++ lib.concatMap
  (name:
    lib.optional (ofOptions.${name} != ofSchema.${name})
    "${name}: option ${builtins.toJSON ofOptions.${name}}, schema ${builtins.toJSON ofSchema.${name}}")
  (lib.attrNames (builtins.intersectAttrs ofSchema ofOptions))
  ++ undescribed [] options
  ++ lib.optional (lib.length (lib.attrNames ofSchema) < 30) "the schema was not read"
