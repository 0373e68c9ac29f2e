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
      type = types.nullOr types.pictureFile;
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
      description = "What the page says while nobody publishes. Empty: a plain word that the stream is offline.";
    };

    theme = {
      background = colour "Colour behind everything." "#0f1220";
      surface = colour "Colour of cards and bars." "#1a1f36";
      text = colour "Colour of text." "#f2f4ff";
      mutedText = colour "Colour of secondary text." "#a9b1d6";
      accent = colour "Colour of buttons, links and the live badge." "#7ebae4";
      accentText = colour "Colour of text on the accent colour." "#0f1220";
    };
  };
}
