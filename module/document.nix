# The settings document, rendered from the options, and what the options have to be to each other.
#
# `renderFile` turns a declared file into an absolute path: a store path on NixOS, the file itself elsewhere.
{renderFile}: {
  config,
  lib,
  ...
}: let
  cfg = config.services.nixcast;

  byOrder = a: b:
    if a.order == b.order
    then a.name < b.name
    else a.order < b.order;

  rendered = file:
    if file == null
    then null
    else renderFile file;

  # Submodules carry only what their options declare, so taking them whole leaves nothing out.
  document = {
    apiVersion = "nixcast/v1";
    inherit (cfg) publicUrl http rtmp admin broadcast metrics reconcile;
    chat =
      cfg.chat
      // {
        emojiFolder = rendered cfg.chat.emojiFolder;
        moderators = lib.attrValues cfg.chat.moderators;
      };
    streamKeys = lib.attrValues cfg.streamKeys;
    webhooks = lib.attrValues cfg.webhooks;
    integrations = cfg.integrations // {accessTokens = lib.attrValues cfg.integrations.accessTokens;};
    rtmps = cfg.rtmps // {certificateFile = rendered cfg.rtmps.certificateFile;};
    instance = cfg.instance // {logo = rendered cfg.instance.logo;};
    video = cfg.video // {variants = lib.sort byOrder (lib.attrValues cfg.video.variants);};
  };

  option = names: lib.showOption (["services" "nixcast"] ++ names);

  passthroughProblems =
    lib.concatMap
    (rung:
      map
      (shape: {
        assertion = !(rung.passthrough && rung.${shape} != null);
        message =
          "${option ["video" "variants" rung.name shape]}: a pass-through rung has the publisher's own "
          + "picture; leave ${shape} at null, or turn passthrough off";
      })
      ["width" "height" "framerate"])
    (lib.attrValues cfg.video.variants);

  barePublicUrl =
    lib.optional (cfg.publicUrl != null)
    {
      assertion = builtins.match ".*[?#].*|.*/" cfg.publicUrl == null;
      message = "${option ["publicUrl"]}: is not a bare address; leave out \"?\", \"#\" and a slash at the end";
    };

  silentWebhooks =
    map (webhook: {
      assertion = webhook.events != [] && lib.unique webhook.events == webhook.events;
      message =
        "${option ["webhooks" webhook.name "events"]}: is empty or names an event twice; name each event once, "
        + "or turn the webhook off with enable";
    })
    (lib.attrValues cfg.webhooks);

  powerlessTokens =
    map (token: {
      assertion = token.scopes != [] && lib.unique token.scopes == token.scopes;
      message =
        "${option ["integrations" "accessTokens" token.name "scopes"]}: is empty or names a scope twice; name each "
        + "scope once, or remove the access token";
    })
    (lib.attrValues cfg.integrations.accessTokens);

  chatNames =
    [
      {
        assertion = cfg.chat.suggestedNames == [] || lib.length cfg.chat.suggestedNames >= 10;
        message =
          "${option ["chat" "suggestedNames"]}: has ${toString (lib.length cfg.chat.suggestedNames)} names, too few to "
          + "tell people apart; write at least 10, or none: then names are made up";
      }
    ]
    ++ lib.concatMap (list: sameCase ["chat" list] cfg.chat.${list}) ["forbiddenNames" "suggestedNames"];

  sameCase = what: names:
    map
    (group: {
      assertion = lib.length group == 1;
      message =
        "${option what}: ${lib.concatStringsSep ", " group} differ only in upper and lower case; "
        + "give each a name of its own";
    })
    (lib.attrValues (lib.groupBy lib.toLower names));

  inherit (import ./addresses.nix {inherit lib;}) isAny isLoopback;
  # Also "::1" and "::1/128".
  isOwnNetwork = network: isLoopback (lib.head (lib.splitString "/" network));

  # Each listener with those before it. One that is off clashes with nothing.
  clash = {
    name,
    other,
    what,
  }: let
    one = cfg.${name};
    taken = cfg.${other};
    overlap = one.address == taken.address || isAny one.address || isAny taken.address;
  in {
    assertion = !((one.enable or true) && overlap && one.port == taken.port);
    message =
      "${option [name "port"]}: port ${toString one.port} is also the port of ${what}; "
      + "choose another ${name}.port or ${other}.port, or addresses that do not overlap";
  };
  portClashes = map clash [
    {
      name = "rtmp";
      other = "http";
      what = "the page";
    }
    {
      name = "rtmps";
      other = "http";
      what = "the page";
    }
    {
      name = "rtmps";
      other = "rtmp";
      what = "plain RTMP";
    }
  ];

  rtmpsFiles =
    lib.mapAttrsToList
    (file: what: {
      assertion = !(cfg.rtmps.enable && cfg.rtmps.${file} == null);
      message =
        "${option ["rtmps" file]}: is null, so publishers with TLS cannot be served: there is no ${what}; "
        + "name the file of the ${what}, or turn rtmps.enable off";
    })
    {
      certificateFile = "certificate";
      keyFile = "private key";
    };
in {
  options.services.nixcast.settingsDocument = lib.mkOption {
    type = lib.types.raw;
    internal = true;
    readOnly = true;
    description = "The settings document, as it is written to /etc/nixcast/settings.json.";
  };

  config = {
    services.nixcast.settingsDocument = document;

    assertions = lib.mkIf cfg.enable ([
        {
          assertion = lib.any (rung: rung.enable) (lib.attrValues cfg.video.variants);
          message =
            "${option ["video" "variants"]}: no variant is enabled, so there is nothing to watch; "
            + "enable at least one";
        }
      ]
      ++ portClashes
      ++ rtmpsFiles
      ++ passthroughProblems
      ++ barePublicUrl
      ++ silentWebhooks
      ++ powerlessTokens
      ++ chatNames
      ++ sameCase ["chat" "moderators"] (lib.attrNames cfg.chat.moderators)
      ++ sameCase ["integrations" "accessTokens"] (lib.attrNames cfg.integrations.accessTokens)
      ++ sameCase ["webhooks"] (lib.attrNames cfg.webhooks)
      ++ sameCase ["streamKeys"] (lib.attrNames cfg.streamKeys)
      ++ sameCase ["video" "variants"] (lib.attrNames cfg.video.variants));

    warnings = lib.optionals cfg.enable (
      lib.optional (!lib.any (key: key.enable) (lib.attrValues cfg.streamKeys))
      "${option ["streamKeys"]}: no key is enabled, so nobody can publish"
      ++ lib.optional (cfg.publicUrl != null && lib.hasPrefix "http:" cfg.publicUrl)
      ("${option ["publicUrl"]}: is not https, so what viewers and operators type can be read on its way; put a web "
        + "server with TLS in front, on NixOS with ${option ["reverseProxy" "type"]}")
      ++ lib.optional (cfg.admin.passwordFile != null && cfg.publicUrl == null && !isLoopback cfg.http.address)
      ("${option ["admin" "passwordFile"]}: the page is served without TLS on ${cfg.http.address}, so the password "
        + "can be read on its way; put a web server with TLS in front and set ${option ["publicUrl"]}")
      ++ lib.optional
      (cfg.publicUrl
        != null
        && lib.hasPrefix "https:" cfg.publicUrl
        && !isLoopback cfg.http.address
        && lib.all isOwnNetwork cfg.http.trustedProxies)
      ("${option ["http" "trustedProxies"]}: ${cfg.publicUrl} needs a web server in front, but none on another "
        + "machine is trusted, so all its viewers look like one; add its address, or leave "
        + "${option ["http" "address"]} at 127.0.0.1 if it runs here")
    );
  };
}
