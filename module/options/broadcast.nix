# How a broadcast begins, waits and ends.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};
in {
  options.services.nixcast.broadcast = {
    graceSeconds = lib.mkOption {
      type = types.whole 0 3600;
      default = 60;
      example = 300;
      description = ''
        Seconds that a broadcast waits for a lost publisher to come back before it ends. Viewers see the last picture
        and a note meanwhile, and go on watching when the publisher is back. `0` ends it at once. OBS tries again after
        about two seconds. A publisher that stops the stream itself ends the broadcast without a wait.
      '';
    };

    takeover = lib.mkOption {
      type = types.choice ["whenSilent" "always" "never"];
      default = "whenSilent";
      example = "always";
      description = ''
        When a second connection with the stream key of the running broadcast takes the place of the first:
        `whenSilent` once the first has sent nothing for two seconds, as after a broken network; `always` at once, for
        handing over between two machines; `never` only when the first connection is gone.
      '';
    };
  };
}
