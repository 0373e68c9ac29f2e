# A conference day: three rungs for three kinds of network, as little delay as there is, a page that says what is on,
# and a chat with questions for the stage.
{
  services.nixcast = {
    enable = true;
    openFirewall = true;
    reverseProxy = {
      type = "caddy";
      domain = "live.example.org";
    };

    streamKeys = {
      hall = {
        keyFile = "/run/secrets/nixcast-hall";
        comment = "Mixing desk in the great hall";
      };
      # Refused again when the doors have closed.
      backup = {
        keyFile = "/run/secrets/nixcast-backup";
        comment = "Second laptop at the desk";
        expires = "2027-05-08T22:00:00+02:00";
      };
    };

    video = {
      # Questions from afar should reach the stage while the speaker is still there.
      latencyLevel = 0;
      variants = {
        # The desk sends 1080p: those with the bandwidth get it as it is, at no cost to this machine.
        source = {
          passthrough = true;
          order = 10;
        };
        "720p" = {
          height = 720;
          framerate = 30;
          videoBitrateKbps = 2200;
          order = 20;
        };
        # For the train home.
        "360p" = {
          height = 360;
          framerate = 25;
          videoBitrateKbps = 600;
          audioBitrateKbps = 64;
          preset = "faster";
          order = 30;
        };
      };
    };

    instance = {
      name = "Nix afternoon 2027";
      summary = "Six talks and a panel, 13:00 to 19:00.";
      offlineMessage = "The next talk starts on the hour.";
      tags = ["nix" "conference"];
      pageContent = ''
        ## Programme

        | | |
        |---|---|
        | 13:00 | Welcome |
        | 13:30 | What a switch really does |
        | 18:00 | Panel |
      '';
      externalActions = [
        {
          title = "Slides";
          url = "https://slides.example.org/nix-afternoon";
          description = "Of every talk, once it is over.";
          openExternally = true;
        }
      ];
      socialHandles = [
        {
          platform = "matrix";
          url = "https://matrix.to/#/#nix-afternoon:example.org";
        }
      ];
      theme.accent = "#7ebae4";
    };

    chat = {
      welcomeMessage = "Welcome! Mark a message as a **question** and it is read out after the talk.";
      # Three hundred people come and go between talks.
      joinMessages = false;
      slowModeSeconds = 5;
      # Until the last question of the day has been answered.
      historyHours = 12;
      forbiddenNames = ["owncast" "operator" "admin" "system" "speaker" "nixos"];
      # They log in at https://live.example.org/moderate.
      moderators = {
        anna.secretFile = "/run/secrets/nixcast-moderator-anna";
        ben.secretFile = "/run/secrets/nixcast-moderator-ben";
      };
    };

    # A bot that tells the chat when ten minutes are left for questions.
    integrations.accessTokens.question-clock = {
      tokenFile = "/run/secrets/nixcast-question-clock";
      scopes = ["CAN_SEND_MESSAGES"];
    };

    # The light above the door of the hall.
    webhooks.on-air.url = "http://192.0.2.20:8000/on-air";

    metrics = {
      enable = true;
      allowFrom = ["192.0.2.0/24"];
    };
  };
}
