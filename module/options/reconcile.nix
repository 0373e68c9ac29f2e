# How the running server is kept at the declared settings.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};
in {
  options.services.nixcast.reconcile = {
    intervalSeconds = lib.mkOption {
      type = types.whole 5 3600;
      default = 30;
      example = 300;
      description = ''
        Seconds between two comparisons of what runs with what is declared. Changes are acted upon at once; the
        interval is for what nobody announced.
      '';
    };

    timeoutSeconds = lib.mkOption {
      type = types.whole 1 600;
      default = 60;
      example = 120;
      description = ''
        Seconds a switch waits until the server runs what is declared. After that the switch reports what is still
        missing and fails; the server goes on trying.
      '';
    };

    onDrift = lib.mkOption {
      type = types.choice ["heal" "report"];
      default = "heal";
      example = "report";
      description = ''
        What to do when the server no longer runs what is declared: `"heal"` puts it right and says so in the log,
        `"report"` only says so.
      '';
    };
  };
}
