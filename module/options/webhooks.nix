# Who is told what happens.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};

  streamEvents = ["STREAM_STARTED" "STREAM_STOPPED"];
  events =
    streamEvents
    ++ ["STREAM_TITLE_UPDATED" "CHAT" "NAME_CHANGE" "USER_JOINED" "USER_PARTED" "VISIBILITY-UPDATE"];

  webhook = lib.types.submodule ({name, ...}: {
    options = {
      name = lib.mkOption {
        type = types.name 64;
        readOnly = true;
        internal = true;
        description = "Name of the webhook: the attribute's own.";
      };

      enable = lib.mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = "Whether the address is told anything.";
      };

      url = lib.mkOption {
        type = types.webAddress;
        example = "https://bot.example/nixcast";
        description = ''
          Where events are sent by POST. The address ends up in the Nix store, where everyone on the machine can read
          it: it must not be a secret itself.
        '';
      };

      events = lib.mkOption {
        type = types.listOf 16 (types.choice events);
        default = streamEvents;
        example = ["STREAM_STARTED" "CHAT"];
        description = ''
          Which events are sent: `STREAM_STARTED`, a broadcast went on air; `STREAM_STOPPED`, it ended;
          `STREAM_TITLE_UPDATED`, it has another title. Of the chat: `CHAT`, each message; `NAME_CHANGE`; `USER_JOINED`
          and `USER_PARTED`; `VISIBILITY-UPDATE`, messages were hidden or shown again.
        '';
      };

      secretFile = lib.mkOption {
        type = types.nullOr types.secretFile;
        default = null;
        example = "/run/secrets/bot-webhook";
        description = ''
          File that holds the secret with which messages are signed, as the Standard Webhooks specification has it
          (HMAC-SHA-256, headers `webhook-id`, `webhook-timestamp` and `webhook-signature`). `null`: not signed.
        '';
      };
    };

    config = {inherit name;};
  });
in {
  options.services.nixcast.webhooks = lib.mkOption {
    type = types.namedEntries 32 webhook;
    default = {};
    example = lib.literalExpression ''
      {
        bot = {
          url = "https://bot.example/nixcast";
          secretFile = "/run/secrets/bot-webhook";
        };
      }
    '';
    description = ''
      Addresses that are told what happens, by the name that status and logs use for them. A message that cannot be
      delivered is tried again for a while, and never holds up the stream.
    '';
  };
}
