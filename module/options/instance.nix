# What the page says and looks like. Everything here shows up on open pages without a reload.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};

  colour = what: example:
    lib.mkOption {
      type = types.nullOr types.colour;
      default = null;
      inherit example;
      description = "${what} `null`: from the page's own light or dark palette.";
    };

  socialHandle = lib.types.submodule {
    options = {
      platform = lib.mkOption {
        type = types.filledText 40;
        example = "mastodon";
        description = "Name of the platform as it is shown. Well-known ones get their icon.";
      };

      url = lib.mkOption {
        type = types.webAddress;
        example = "https://social.example/@stream";
        description = "Address of the profile.";
      };
    };
  };

  externalAction = lib.types.submodule {
    options = {
      title = lib.mkOption {
        type = types.filledText 60;
        example = "Donate";
        description = "Text of the button.";
      };

      url = lib.mkOption {
        type = types.webAddress;
        example = "https://give.example";
        description = "Address that the button leads to.";
      };

      description = lib.mkOption {
        type = types.text 200;
        default = "";
        example = "Keeps the cameras running";
        description = "What happens there, shown with the button.";
      };

      colour = colour "Colour of the button." "#7ebae4";

      openExternally = lib.mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = ''
          Whether a click opens another tab. `false` shows the address inside the page instead, if its server allows
          that; until someone clicks nothing is loaded from there.
        '';
      };
    };
  };
in {
  options.services.nixcast.instance = {
    name = lib.mkOption {
      type = types.filledText 100;
      default = "nixcast";
      example = "NixOS Live";
      description = "Name of the server, used as the title and heading of the page.";
    };

    summary = lib.mkOption {
      type = types.text 500;
      default = "";
      example = "Talks from the hallway track, every second Thursday.";
      description = "A paragraph about the stream, shown below the player.";
    };

    logo = lib.mkOption {
      type = types.nullOr types.publicFile;
      default = null;
      example = lib.literalExpression "./logo.svg";
      description = ''
        Picture for the head of the page and the browser's tab: SVG, PNG, JPEG, GIF or WebP of at most 2 MiB.
        `null`: the built-in mark.
      '';
    };

    tags = lib.mkOption {
      type = types.listOf 24 (types.filledText 40);
      default = [];
      example = ["nix" "talks"];
      description = "Words by which viewers find the stream.";
    };

    socialHandles = lib.mkOption {
      type = types.listOf 32 socialHandle;
      default = [];
      example = [
        {
          platform = "mastodon";
          url = "https://social.example/@stream";
        }
      ];
      description = "Links to other places of the people behind the stream, in the order in which they are shown.";
    };

    offlineMessage = lib.mkOption {
      type = types.text 2500;
      default = "";
      example = "Back on Thursday at 20:00.";
      description = ''
        What the page says while nobody publishes, in Markdown. Empty: a plain word that the stream is offline.
      '';
    };

    pageContent = lib.mkOption {
      type = types.text 50000;
      default = "";
      example = "## Programme\n\n- 20:00 doors\n- 20:15 first talk";
      description = ''
        Text below the player, in Markdown with tables, task lists and a safe part of HTML. Whatever could run or load
        something from elsewhere is left out, pictures of other servers included.
      '';
    };

    customCss = lib.mkOption {
      type = types.text 100000;
      default = "";
      example = "h1 { letter-spacing: 0.05em; }";
      description = "Style sheet added after the page's own. It may refer to addresses of this server only.";
    };

    customJavascript = lib.mkOption {
      type = types.text 100000;
      default = "";
      example = "console.info('welcome');";
      description = ''
        Script run in the page as a module, under the page's content security policy: it can neither load anything
        from elsewhere nor turn text into markup. When it changes while the page is open, the event
        `nixcast:unload` is sent to `window` and then the new script runs.
      '';
    };

    externalActions = lib.mkOption {
      type = types.listOf 16 externalAction;
      default = [];
      example = [
        {
          title = "Donate";
          url = "https://give.example";
        }
      ];
      description = "Buttons below the player that lead elsewhere, in the order in which they are shown.";
    };

    searchIndexing = lib.mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Whether search engines may list the page. `false` tells them so by `/robots.txt` and in the page.";
    };

    showViewerCount = lib.mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Whether viewers are told how many they are. The operator sees the number in any case.";
    };

    autoplay = lib.mkOption {
      type = types.choice ["off" "always" "soundOnly"];
      default = "always";
      example = "off";
      description = ''
        When the player starts by itself: `"off"`, never; `"always"`, without sound where the browser wants it so;
        `"soundOnly"`, only where the browser allows sound.
      '';
    };

    nsfw = lib.mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Whether the stream is not for everyone. The page says so, and tells search engines.";
    };

    theme = {
      background = colour "Colour behind everything." "#0f1220";
      surface = colour "Colour of cards and bars." "#1a1f36";
      text = colour "Colour of text." "#f2f4ff";
      mutedText = colour "Colour of secondary text." "#a9b1d6";
      accent = colour "Colour of buttons, links and the live badge." "#7ebae4";
      accentText = colour "Colour of text on the accent colour." "#0f1220";

      cornerRadius = lib.mkOption {
        type = types.nullOr (types.whole 0 40);
        default = null;
        example = 4;
        description = "Radius of rounded corners in CSS pixels. `null`: the page's own.";
      };
    };
  };
}
