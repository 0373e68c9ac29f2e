# Publishing with TLS, with the certificate that NixOS gets for the web server anyway. In OBS the server is
# `rtmps://live.example.org:1936/live`. A renewal is taken up by itself; no stream notices.
{
  security.acme.acceptTerms = true;
  security.acme.defaults.email = "you@example.org";
  services.nixcast = {
    enable = true;
    openFirewall = true;
    reverseProxy.type = "nginx";
    reverseProxy.domain = "live.example.org";
    streamKeys.main.keyFile = "/var/keys/nixcast-main";
    rtmps = {
      enable = true;
      certificateFile = "/var/lib/acme/live.example.org/fullchain.pem";
      keyFile = "/var/lib/acme/live.example.org/key.pem";
    };
  };
}
