# Figures for a monitoring system.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};
in {
  options.services.nixcast.metrics = {
    enable = lib.mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Whether `/metrics` answers, in the text format of Prometheus, on the address of the page.";
    };

    allowFrom = lib.mkOption {
      type = types.listOf 64 types.network;
      default = ["127.0.0.0/8" "::1/128"];
      example = ["10.0.0.5"];
      description = ''
        Networks that may read the figures without logging in. Behind a reverse proxy the viewer's own address
        counts, see {option}`services.nixcast.http.trustedProxies`.
      '';
    };
  };
}
