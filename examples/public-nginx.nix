# The same public server behind nginx, for machines where that serves other sites already. NixOS gets the certificate
# and wants to know that you accept the terms of whoever signs it, and how to reach you.
{
  security.acme.acceptTerms = true;
  security.acme.defaults.email = "you@example.org";
  services.nixcast = {
    enable = true;
    openFirewall = true;
    reverseProxy.type = "nginx";
    reverseProxy.domain = "live.example.org";
    streamKeys.main.keyFile = "/var/keys/nixcast-main";
  };
}
