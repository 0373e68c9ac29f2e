# Programs that take part.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};

  accessToken = lib.types.submodule ({name, ...}: {
    options = {
      name = lib.mkOption {
        type = types.name 30;
        readOnly = true;
        internal = true;
        description = "Name of the access token: the attribute's own.";
      };

      tokenFile = lib.mkOption {
        type = types.secretFile;
        example = "/run/secrets/question-clock";
        description = ''
          File that holds the token, which the program sends as `Authorization: Bearer …`; a newline at its end does not
          count. Write the path as a string: a path literal would copy the token into the Nix store, where everyone on
          the machine can read it. `openssl rand -hex 32` makes a good one.

          The file is read when the settings are applied and again when it changes: from then on the old token is refused
          and the new one accepted. While it is missing or empty, the token that was read last stays good.
        '';
      };

      scopes = lib.mkOption {
        type = types.listOf 3 (types.choice ["CAN_SEND_MESSAGES" "CAN_SEND_SYSTEM_MESSAGES" "HAS_ADMIN_ACCESS"]);
        example = ["CAN_SEND_MESSAGES"];
        description = ''
          What the program may do, at least one of: `CAN_SEND_MESSAGES`, talk in the chat under its own name;
          `CAN_SEND_SYSTEM_MESSAGES`, talk in the name of the server; `HAS_ADMIN_ACCESS`, read what the operator is told,
          hide messages and name the stream.
        '';
      };
    };

    config = {inherit name;};
  });
in {
  options.services.nixcast.integrations.accessTokens = lib.mkOption {
    type = types.namedEntries 32 accessToken;
    default = {};
    example = lib.literalExpression ''
      {
        question-clock = {
          tokenFile = "/run/secrets/question-clock";
          scopes = ["CAN_SEND_MESSAGES"];
        };
      }
    '';
    description = ''
      Programs made for Owncast that take part, such as bots and overlays: each is let in by a token, and talks in the chat
      under the name it has here. One that is no longer declared is refused at once.

      Tokens can be made at run time too, as in Owncast; one of those with a name that is declared here is out of use for
      as long as it is. Nobody can delete a declared one but here.
    '';
  };
}
