# Whether and how this machine runs the server. These are about the host, so they are not part of the settings document.
{lib, ...}: let
  # With a dot, and not an address: certificates are for names.
  label = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?";
  domain =
    lib.types.strMatching "(${label}[.])+[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?"
    // {description = "domain name";};
in {
  options.services.nixcast = {
    enable = lib.mkEnableOption "nixcast, a live-streaming server whose every setting is declared in Nix";

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      example = true;
      description = ''
        Whether to open {option}`services.nixcast.rtmp.port` in the firewall, with
        {option}`services.nixcast.rtmps.enable` {option}`services.nixcast.rtmps.port` too, and
        {option}`services.nixcast.http.port` as well unless the page is only served to this machine. With a
        {option}`services.nixcast.reverseProxy.type` the ports 80 and 443 are opened, too.
      '';
    };

    reverseProxy = {
      type = lib.mkOption {
        type = lib.types.nullOr (lib.types.enum ["caddy" "nginx"]);
        default = null;
        example = "caddy";
        description = ''
          Web server on this machine that serves the page with TLS at {option}`services.nixcast.reverseProxy.domain`
          and passes everything on to {option}`services.nixcast.http.port`. It is enabled and gets a virtual host;
          whatever else you declare for it stays. `null`: none.

          Has no effect outside NixOS.
        '';
      };

      domain = lib.mkOption {
        type = lib.types.nullOr domain;
        default = null;
        example = "live.example.org";
        description = ''
          Domain under which viewers find the page. Its A and AAAA records have to lead to this machine before a
          certificate can be had. {option}`services.nixcast.publicUrl` follows it unless you set that yourself.
        '';
      };

      acme = lib.mkOption {
        type = lib.types.bool;
        default = true;
        example = false;
        description = ''
          Whether the web server gets its certificate by itself. Caddy needs nothing more for that; nginx needs
          `security.acme.acceptTerms` and `security.acme.defaults.email`, which are yours to set.

          With `false` the certificate is yours: name it with
          `services.caddy.virtualHosts.<domain>.useACMEHost` or a `tls` line in its `extraConfig`, or with
          `services.nginx.virtualHosts.<domain>.useACMEHost` or `sslCertificate` and `sslCertificateKey`.
        '';
      };
    };
  };
}
