# What people who watch may say to each other.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};

  moderator = lib.types.submodule ({name, ...}: {
    options = {
      name = lib.mkOption {
        type = types.name 30;
        readOnly = true;
        internal = true;
        description = "Name of the moderator: the attribute's own.";
      };

      secretFile = lib.mkOption {
        type = types.secretFile;
        example = "/run/secrets/moderator-anna";
        description = ''
          File that holds the secret to log in with; a newline at its end does not count. Write the path as a string: a
          path literal would copy the secret into the Nix store, where everyone on the machine can read it.

          The file is read when the settings are applied and again when it changes. While it is missing or empty, this
          moderator alone cannot log in.
        '';
      };
    };

    config = {inherit name;};
  });

  names = most: types.listOf most (types.filledText 30);
in {
  options.services.nixcast.chat = {
    enable = lib.mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Whether there is a chat beside the player. Turning it off tells everybody in it, closes it and takes it off
        open pages, without touching the stream. Nothing is forgotten: turned on again, it is as it was left.
      '';
    };

    joinMessages = lib.mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Whether everybody is told who comes and goes while the stream is live. In a hall with hundreds of people that is
        a lot of coming and going.
      '';
    };

    welcomeMessage = lib.mkOption {
      type = types.text 2500;
      default = "";
      example = "Welcome! Questions for the speaker: tick **Question** beside your message.";
      description = ''
        What somebody who comes into the chat is told first, alone and under the name of the server, in the small part
        of Markdown that messages have: emphasis, code, links, line breaks, and `:name:` for an emoji. Whoever comes
        back after a lost connection is not welcomed again. Empty: nothing.
      '';
    };

    establishedUsersOnly = lib.mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Whether only those may write who came into the chat for the first time at least `establishedAfterMinutes` ago.
        Everybody else reads. Moderators may always write. Everybody in the chat is told when this changes.
      '';
    };

    establishedAfterMinutes = lib.mkOption {
      type = types.whole 1 10080;
      default = 15;
      example = 60;
      description = "Minutes after which somebody counts as established, for `establishedUsersOnly`.";
    };

    forbiddenNames = lib.mkOption {
      type = names 200;
      default = ["owncast" "operator" "admin" "system"];
      example = ["admin" "system" "nixos"];
      description = ''
        Names that nobody may take, nor one that looks like them (`4dmin`, `Аdmin` with a Cyrillic letter) or has one of
        them as a word of its own. Whoever has such a name already keeps it until they change it. Moderators' names are
        kept for them in any case.
      '';
    };

    suggestedNames = lib.mkOption {
      type = names 500;
      default = [];
      example = lib.literalExpression ''map (number: "Guest ''${toString number}") (lib.range 1 50)'';
      description = ''
        Names for those who bring none: at least ten, so that people can be told apart. Empty: names are made up.
      '';
    };

    spamProtection = lib.mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Whether whoever floods the chat is muted for a while, and an address that very many messages come from is slowed
        down. Turn it off where a whole hall talks from behind one address and messages are refused.
      '';
    };

    slowModeSeconds = lib.mkOption {
      type = types.whole 0 3600;
      default = 0;
      example = 10;
      description = ''
        Least number of seconds between two messages of one person; `0`: any. Moderators need not wait. Everybody in the
        chat is told when this changes.
      '';
    };

    maxMessageBytes = lib.mkOption {
      type = types.whole 64 8192;
      default = 2048;
      example = 500;
      description = "Longest message as typed, in bytes of UTF-8.";
    };

    historyMessages = lib.mkOption {
      type = types.whole 0 500;
      default = 50;
      example = 100;
      description = "How many of the last messages a newcomer is shown.";
    };

    historyHours = lib.mkOption {
      type = types.whole 1 720;
      default = 2;
      example = 24;
      description = ''
        Hours after which a message is deleted, from the disk as well. Questions stay for as long as the broadcast goes
        on in which they were asked.
      '';
    };

    questions = lib.mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Whether a message can be marked as a question for the speaker. Others vote for it, moderators mark it as
        answered, and `/stage` shows all of them, large, most wanted first.
      '';
    };

    emojiFolder = lib.mkOption {
      type = types.nullOr types.publicFile;
      default = null;
      example = lib.literalExpression "./emoji";
      description = ''
        Folder with emoji of one's own: `wave.png` in it is what `:wave:` in a message becomes, and stands in the page's
        picker. Pictures are PNG, GIF, JPEG, WebP or SVG; names have letters, digits, `-`, `+` and `_`; there are at most
        200 of at most 512 KiB each, 16 MiB in all. What cannot be offered is named by `nixcast status`, and the rest is
        offered. Files with other endings and folders in it are passed over.

        The folder is read when the settings are applied and again when something in it changes. While it cannot be read,
        what was offered last stays. `null`: none.
      '';
    };

    moderators = lib.mkOption {
      type = types.namedEntries 64 moderator;
      default = {};
      example = lib.literalExpression ''
        {
          anna.secretFile = "/run/secrets/moderator-anna";
        }
      '';
      description = ''
        Who keeps order, by the name with which they log in at `/moderate` and talk. They hide messages, pause and ban
        people, answer questions, and make others moderators until they take it back. Nobody in the chat can take their
        rank: that is declared here. One who is no longer declared goes on as a guest, at once.
      '';
    };
  };
}
