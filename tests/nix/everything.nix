# Sets every option to something else than its default. The rendered document is committed as
# schema/tests/documents/everything.json, which the schema's own tests read.
{
  services.nixcast = {
    enable = true;
    openFirewall = true;
    http = {
      address = "::1";
      port = 8443;
      trustedProxies = ["192.0.2.1" "2001:db8::/32"];
    };
    publicUrl = "https://stage.example/live";
    admin = {
      user = "operator";
      passwordFile = "/run/secrets/admin";
    };
    metrics = {
      enable = true;
      allowFrom = ["10.0.0.0/8"];
    };
    webhooks = {
      bot = {
        url = "https://bot.example/nixcast";
        events = ["STREAM_STOPPED"];
        secretFile = "/run/secrets/bot";
      };
      light = {
        enable = false;
        url = "http://192.0.2.20:8000/on-air";
      };
    };
    integrations.accessTokens = {
      clock = {
        tokenFile = "/run/secrets/clock";
        scopes = ["CAN_SEND_MESSAGES"];
      };
      "desk.overlay" = {
        tokenFile = "/run/secrets/overlay";
        scopes = ["HAS_ADMIN_ACCESS" "CAN_SEND_SYSTEM_MESSAGES"];
      };
    };
    rtmp = {
      address = "192.0.2.10";
      port = 11935;
    };
    rtmps = {
      enable = true;
      address = "192.0.2.11";
      port = 443;
      certificateFile = "/var/lib/acme/stage.example/fullchain.pem";
      keyFile = "/var/lib/acme/stage.example/key.pem";
    };
    streamKeys = {
      main = {
        keyFile = "/run/secrets/main";
        comment = "OBS, room A";
        enable = false;
        expires = "2027-01-31T20:00:00Z";
      };
      "room.b" = {
        keyFile = "/run/secrets/room-b";
        comment = "camera";
      };
    };
    instance = {
      name = "Bühne 1";
      summary = "What happens on stage.";
      logo = "/srv/nixcast/logo.png";
      tags = ["stage" "café"];
      socialHandles = [
        {
          platform = "mastodon";
          url = "https://social.example/@stage";
        }
      ];
      offlineMessage = "Back on Thursday.\nAt eight.";
      theme = {
        background = "#101010";
        surface = "#202020";
        text = "#fafafa";
        mutedText = "#bbbbbb";
        accent = "#7ebae4";
        accentText = "#00000080";
        cornerRadius = 0;
      };
      pageContent = "# Programme\n\n- 20:00 doors";
      customCss = "h1 { letter-spacing: 0.05em; }";
      customJavascript = "console.info('welcome');";
      externalActions = [
        {
          title = "Donate";
          url = "https://give.example";
        }
        {
          title = "Questions";
          url = "https://ask.example/stage";
          description = "Ask the speaker";
          colour = "#7ebae4";
          openExternally = false;
        }
      ];
      searchIndexing = false;
      showViewerCount = false;
      autoplay = "soundOnly";
      nsfw = true;
    };
    video = {
      latencyLevel = 0;
      encoder = "vaapi";
      whenOverloaded = "dropLowest";
      stills = false;
      variants = {
        source = {
          passthrough = true;
          order = 1;
        };
        "720p" = {
          enable = false;
          width = 1280;
          height = 720;
          framerate = 30;
          videoBitrateKbps = 3000;
          audioBitrateKbps = 160;
          preset = "medium";
          order = 20;
        };
        "480p" = {
          height = 480;
          order = 20;
        };
      };
    };
    broadcast = {
      graceSeconds = 15;
      takeover = "always";
    };
    chat = {
      enable = false;
      joinMessages = false;
      welcomeMessage = "Welcome *on board*.";
      establishedUsersOnly = true;
      establishedAfterMinutes = 60;
      forbiddenNames = ["admin" "bühne"];
      suggestedNames = map (number: "Guest ${toString number}") [1 2 3 4 5 6 7 8 9 10];
      spamProtection = false;
      slowModeSeconds = 5;
      maxMessageBytes = 500;
      historyMessages = 100;
      historyHours = 24;
      questions = false;
      emojiFolder = "/srv/nixcast/emoji";
      moderators = {
        anna.secretFile = "/run/secrets/anna";
        "ben.b".secretFile = "/run/secrets/ben";
      };
    };
    reconcile = {
      intervalSeconds = 300;
      timeoutSeconds = 120;
      onDrift = "report";
    };
  };
}
