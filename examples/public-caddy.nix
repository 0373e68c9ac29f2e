# A public server with TLS: viewers at https://live.example.org, OBS at rtmp://live.example.org/live.
#
# The domain's A and AAAA records lead to this machine; Caddy gets the certificate by itself.
{
  services.nixcast = {
    enable = true;
    openFirewall = true;
    reverseProxy = {
      type = "caddy";
      domain = "live.example.org";
    };
    streamKeys.main.keyFile = "/var/keys/nixcast-main";
  };
}
