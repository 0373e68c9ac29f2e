# Who may publish.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};

  key = lib.types.submodule ({name, ...}: {
    options = {
      name = lib.mkOption {
        type = types.name 64;
        readOnly = true;
        internal = true;
        description = "Name of the key: the attribute's own.";
      };

      keyFile = lib.mkOption {
        type = types.secretFile;
        example = "/run/secrets/stream-key";
        description = ''
          File that holds the stream key; a newline at its end does not count. Write the path as a string: a path
          literal would copy the key into the Nix store, where everyone on the machine can read it.

          The file is read when the settings are applied and again when it changes. While it is missing or empty,
          this key alone is out of use.
        '';
      };

      comment = lib.mkOption {
        type = types.text 200;
        default = "";
        example = "OBS on the desk in room A";
        description = "A note for people, shown by `nixcast status`.";
      };

      enable = lib.mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = "Whether the key may be used. Turning it off ends a session that uses it, at once.";
      };

      expires = lib.mkOption {
        type = types.nullOr types.moment;
        default = null;
        example = "2027-01-31T20:00:00Z";
        description = ''
          Moment from which the key is refused and a session that uses it ends, in RFC 3339 with a time zone.
          `null`: never.
        '';
      };
    };

    config = {inherit name;};
  });
in {
  options.services.nixcast.streamKeys = lib.mkOption {
    type = types.namedEntries null key;
    default = {};
    example = lib.literalExpression ''
      {
        main.keyFile = "/run/secrets/stream-key";
        guest = {
          keyFile = "/run/secrets/guest-key";
          expires = "2027-01-31T20:00:00Z";
        };
      }
    '';
    description = ''
      The credentials with which one may go live, by the name that status and logs use for them. With no key nobody
      can publish. Adding a key, removing one or changing its file takes hold at once, and only for whoever uses it.
    '';
  };
}
