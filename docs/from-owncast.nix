# The settings of an Owncast as a NixOS module for nixcast, as text. docs/moving-from-owncast.md says where FILE comes
# from:
#
#   nix eval --raw --impure -I nixpkgs=flake:nixpkgs --expr 'import ./from-owncast.nix { file = "/root/owncast.json"; }'
#
# FILE is what Owncast answers to GET /api/admin/serverconfig. It holds secrets in clear: none of them is in the text,
# and a file named by a string is not copied to the Nix store.
{
  file,
  # Where the files of the stream keys will be.
  keyFolder ? "/var/keys",
  lib ? import <nixpkgs/lib>,
}: let
  inherit (lib) filter filterAttrs imap1 optional optionalAttrs;
  inherit (lib.strings) escapeNixString;

  owncast = builtins.fromJSON (builtins.readFile (/. + file));
  details = owncast.instanceDetails;
  variants = owncast.videoSettings.videoQualityVariants or [];

  # Owncast leaves out what is unset, or writes it as empty.
  set = value: !lib.elem value [null "" [] {}];
  given = filterAttrs (_: set);
  unlike = default: value:
    if value == default
    then null
    else value;

  # Names of ours are letters, digits, ".", "_" and "-", and differ in more than case.
  tidyName = name: let
    tidy = lib.concatMapStrings (character:
      if builtins.match "[A-Za-z0-9._-]" character != null
      then character
      else "-") (lib.stringToCharacters name);
  in
    builtins.substring 0 32 (builtins.head (builtins.match "[._-]*(.*)" tidy));
  variantName = variant:
    if tidyName (variant.name or "") != ""
    then tidyName variant.name
    else if variant.videoPassthrough or false
    then "source"
    else if (variant.scaledHeight or 0) > 0
    then "${toString variant.scaledHeight}p"
    else "${toString (bitrate variant)}k";
  names =
    lib.foldl
    (taken: variant: let
      name = variantName variant;
      isTaken = lib.elem (lib.toLower name) (map lib.toLower taken);
    in
      taken
      ++ [
        (
          if isTaken
          then "${name}-${toString (lib.length taken + 1)}"
          else name
        )
      ])
    []
    variants;

  codec = owncast.videoCodec or "libx264";
  hardware = {
    h264_nvenc = "nvenc";
    h264_qsv = "qsv";
    h264_v4l2m2m = "v4l2m2m";
    h264_vaapi = "vaapi";
  };

  bitrate = variant:
    if (variant.videoBitrate or 0) > 0
    then variant.videoBitrate
    else 1200;
  even = number: number - lib.mod number 2;
  positive = convert: number:
    if number > 0
    then convert number
    else null;

  variantOf = number: variant:
    {order = number * 10;}
    // (
      if variant.videoPassthrough or false
      then {passthrough = true;}
      else
        given {
          width = positive even (variant.scaledWidth or 0);
          height = positive even (variant.scaledHeight or 0);
          framerate = positive lib.id (variant.framerate or 0);
          videoBitrateKbps = bitrate variant;
          audioBitrateKbps = positive lib.id (variant.audioBitrate or 0);
          preset = builtins.elemAt ["ultrafast" "superfast" "veryfast" "faster" "fast"] (variant.cpuUsageLevel or 2);
        }
    );

  # Lists of names differ in more than case here.
  distinct = lib.foldl (taken: name:
    if name == "" || lib.elem (lib.toLower name) (map lib.toLower taken)
    then taken
    else taken ++ [name]) [];
  suggested = distinct (owncast.suggestedUsernames or []);

  isWeb = url: builtins.match "https?://[^[:space:]]+" url != null;
  handles = details.socialHandles or [];
  actions = owncast.externalActions or [];
  isOurs = action: (action.html or "") == "" && isWeb (action.url or "");

  appearance = details.appearanceVariables or {};
  colour = variable: let
    value = appearance.${variable} or "";
  in
    if builtins.match "#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?" value != null
    then value
    else null;
  corners = builtins.match "([0-9]{1,2})(px)?" (appearance.theme-rounded-corners or "");

  settings = given {
    publicUrl = lib.removeSuffix "/" (owncast.yp.instanceUrl or "");

    http = given {
      address = unlike "127.0.0.1" (owncast.webServerIP or null);
      port = unlike 8080 (owncast.webServerPort or null);
    };
    rtmp = given {
      address = unlike "0.0.0.0" (owncast.rtmpServerAddress or null);
      port = unlike 1935 (owncast.rtmpServerPort or null);
    };

    streamKeys = lib.listToAttrs (imap1 (number: key: {
      name = "key-${toString number}";
      value =
        {keyFile = "${keyFolder}/owncast-key-${toString number}";}
        // given {comment = key.comment or null;};
    }) (owncast.streamKeys or []));

    instance = given {
      inherit (details) name;
      summary = details.summary or null;
      offlineMessage = details.offlineMessage or null;
      pageContent = details.extraPageContent or null;
      tags = details.tags or null;
      nsfw = unlike false (details.nsfw or false);
      socialHandles = map (handle: {inherit (handle) platform url;}) (filter (handle: isWeb handle.url) handles);
      externalActions =
        map
        (action:
          {
            inherit (action) title url;
            openExternally = action.openExternally or false;
          }
          // given {
            description = action.description or null;
            colour =
              if builtins.match "#[0-9A-Fa-f]{6}" (action.color or "") != null
              then action.color
              else null;
          })
        (filter isOurs actions);
      showViewerCount = unlike true (!(owncast.hideViewerCount or false));
      searchIndexing = unlike true (!(owncast.disableSearchIndexing or false));
      autoplay =
        {
          always = null;
          sound-only = "soundOnly";
        }
        .${details.autoplay or "off"}
        or "off";
      theme = given {
        background = colour "theme-color-background-main";
        surface = colour "theme-color-components-content-background";
        text = colour "theme-color-components-text-on-dark";
        accent = colour "theme-color-action";
        cornerRadius =
          if corners == null
          then null
          else lib.toInt (builtins.head corners);
      };
    };

    chat = given {
      enable = unlike true (!(owncast.chatDisabled or false));
      joinMessages = unlike true (owncast.chatJoinMessagesEnabled or true);
      establishedUsersOnly = unlike false (owncast.chatEstablishedUserMode or false);
      spamProtection = unlike true (owncast.chatSpamProtectionEnabled or true);
      welcomeMessage = details.welcomeMessage or null;
      forbiddenNames = unlike ["owncast" "operator" "admin" "system"] (distinct (owncast.forbiddenUsernames or []));
      # Fewer are not used there either.
      suggestedNames =
        if lib.length suggested < 10
        then null
        else suggested;
    };

    video =
      given {
        latencyLevel = owncast.videoSettings.latencyLevel or 2;
        encoder = hardware.${codec} or null;
      }
      // optionalAttrs (variants != []) {
        variants = lib.listToAttrs (lib.zipListsWith lib.nameValuePair names (imap1 variantOf variants));
      };
  };

  # Texts as Nix writes them, one line of text on a line.
  written = value:
    if lib.isString value
    then {
      __pretty = text: let
        lines = lib.splitString "\n" text;
        ended = map (line: "${line}\n") (lib.init lines) ++ filter set [(lib.last lines)];
      in
        if lib.length ended <= 1
        then escapeNixString text
        else "\n          ${lib.concatMapStringsSep "\n          + " escapeNixString ended}";
      val = value;
    }
    else if lib.isList value
    then map written value
    else if lib.isAttrs value
    then lib.mapAttrs (_: written) value
    else value;

  dropped =
    optional (set (details.logo or null)) "the logo: copy it from Owncast's folder data and name it in instance.logo"
    ++ optional (set (details.customStyles or null)) "customStyles: written for Owncast's markup; see instance.customCss"
    ++ optional (set (details.customJavascript or null))
    "customJavascript: written for Owncast's markup; see instance.customJavascript"
    ++ map (action: "the button \"${action.title or ""}\" with markup of its own: put it into instance.pageContent")
    (filter (action: !isOurs action) actions)
    ++ map (handle: "the handle ${handle.platform}, whose address is not on the web")
    (filter (handle: !isWeb handle.url) handles)
    ++ optional (codec != "libx264" && !(hardware ? ${codec})) "videoCodec ${codec}: x264 is used"
    ++ optional (owncast.s3.enabled or false) "s3: video is served from this machine"
    ++ optional (set (owncast.videoServingEndpoint or null)) "videoServingEndpoint"
    ++ optional (owncast.federation.enabled or false) "federation"
    ++ optional (owncast.chatSlurFilterEnabled or false) "chat/slurfilterenabled: moderators judge what is said"
    ++ optional (owncast.chatRequireAuthentication or false)
    "chat/requireauthentication: see chat.establishedUsersOnly"
    ++ optional (owncast.notifications.discord.enabled or false) "notifications.discord: see webhooks"
    ++ optional (owncast.notifications.browser.enabled or false) "notifications.browser"
    ++ optional (owncast.yp.enabled or false) "the entry in Owncast's directory"
    ++ optional (lib.length variants > 8) "quality variants beyond eight, the most there can be";
in ''
  # Made from an Owncast by from-owncast.nix.
  ${lib.concatMapStrings (what: "# Not carried over: ${lib.replaceStrings ["\n"] [" "] what}.\n") dropped}
  ${lib.replaceStrings [" = \n"] [" =\n"]
    (lib.generators.toPretty {allowPrettyValues = true;} {services.nixcast = written ({enable = true;} // settings);})}
''
