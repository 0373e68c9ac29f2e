# Who may read what viewers may not.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};
in {
  options.services.nixcast.admin = {
    user = lib.mkOption {
      type = types.name 64;
      default = "admin";
      example = "operator";
      description = "Name to log in with at `/admin`.";
    };

    passwordFile = lib.mkOption {
      type = types.nullOr types.secretFile;
      default = null;
      example = "/run/secrets/nixcast-admin";
      description = ''
        File that holds the password, or its argon2id hash (`$argon2id$…`, as `argon2 SALT -id -e` prints it); a
        newline at its end does not count. The server is only ever given the hash. `null`: nobody can log in.

        Who is logged in at `/admin` sees how the stream fares, what is declared and what of it runs, and the log; with
        the same name and password, programs read `/api/admin/status` and the figures of
        {option}`services.nixcast.metrics`. Settings are changed here and nowhere else.
      '';
    };
  };
}
