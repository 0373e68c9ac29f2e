# Whether this machine runs the server. These are about the host, so they are not part of the settings document.
{lib, ...}: {
  options.services.nixcast = {
    enable = lib.mkEnableOption "nixcast, a live-streaming server whose every setting is declared in Nix";

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether to open {option}`services.nixcast.rtmp.port` in the firewall, and
        {option}`services.nixcast.http.port` as well unless the page is only served to this machine.
      '';
    };
  };
}
