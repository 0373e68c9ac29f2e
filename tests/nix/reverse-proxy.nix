# The web server in front: what the module declares for it, and what it says when that cannot work. Gives the list of
# broken promises.
{nixpkgs}: let
  machine = import ./machine.nix {inherit nixpkgs;};
  inherit (machine) lib;

  configure = module: machine.configure [./web-servers.nix ./bare.nix module];
  behind = type: more:
    configure {
      imports = [more];
      services.nixcast.reverseProxy = {
        inherit type;
        domain = lib.mkDefault "live.example.org";
      };
    };

  caddy = behind "caddy" {services.nixcast.openFirewall = true;};
  nginx = behind "nginx" {services.nixcast.openFirewall = true;};
  closed = behind "caddy" {};
  none = configure {};
  onIpv6 = {services.nixcast.http.address = "::1";};
  everythingElse = {
    imports = [./everything.nix];
    disabledModules = [./bare.nix];
    services.nixcast.http = {
      address = lib.mkForce "127.0.0.1";
      port = lib.mkForce 8080;
    };
  };

  site = config: config.services.caddy.virtualHosts."live.example.org".extraConfig;
  host = config: config.services.nginx.virtualHosts."live.example.org";
  tcp = config: lib.sort (a: b: a < b) config.networking.firewall.allowedTCPPorts;
  servers = config: lib.attrNames config.services.nginx.upstreams.nixcast.servers;

  expect = promise: holds: lib.optional (!holds) promise;
  failed = config: map (entry: entry.message) (lib.filter (entry: !entry.assertion) config.assertions);
  fits = what: config: map (message: "${what}: ${message}") (failed config);
  refuses = words: config:
    expect "refused with \"${words}\", not with ${builtins.toJSON (failed config)}"
    (lib.any (lib.hasInfix words) (failed config));
  warns = words: config:
    expect "warned of \"${words}\", not of ${builtins.toJSON config.warnings}"
    (lib.any (lib.hasInfix words) config.warnings);
in
  expect "nothing is enabled unasked" (!none.services.caddy.enable && !none.services.nginx.enable)
  ++ expect "Caddy alone is enabled" (caddy.services.caddy.enable && !caddy.services.nginx.enable)
  ++ expect "nginx alone is enabled" (nginx.services.nginx.enable && !nginx.services.caddy.enable)
  ++ expect "Caddy's firewall" (tcp caddy == [80 443 1935] && caddy.networking.firewall.allowedUDPPorts == [443])
  ++ expect "nginx's firewall" (tcp nginx == [80 443 1935] && nginx.networking.firewall.allowedUDPPorts == [])
  ++ expect "the firewall stays closed unasked" (tcp closed == [])
  ++ expect "nginx redirects to TLS with a certificate of its own" ((host nginx).forceSSL && (host nginx).enableACME)
  ++ expect "the page knows its address" (caddy.services.nixcast.publicUrl == "https://live.example.org")
  ++ expect "another address for the page stays"
  ((behind "nginx" {services.nixcast.publicUrl = "https://cdn.example";}).services.nixcast.publicUrl == "https://cdn.example")
  ++ expect "nothing to warn of" (caddy.warnings == [] && nginx.warnings == [])
  ++ expect "nginx takes a changed site without a restart" nginx.services.nginx.enableReload
  ++ expect "an address of IPv6 is bracketed for Caddy" (lib.hasInfix "reverse_proxy [::1]:8080 {" (site (behind "caddy" onIpv6)))
  ++ expect "an address of IPv6 is bracketed for nginx" (servers (behind "nginx" onIpv6) == ["[::1]:8080"])
  ++ expect "every address is reached by the loopback one"
  (servers (behind "nginx" {services.nixcast.http.address = "0.0.0.0";}) == ["127.0.0.1:8080"])
  ++ expect "no setting but http.address and http.port touches Caddy"
  (caddy.services.caddy.rendered == (behind "caddy" everythingElse).services.caddy.rendered)
  ++ expect "no setting but http.address and http.port touches nginx"
  (let
    # The certificate is made from the domain by the part of NixOS that is not here.
    certified = more:
      behind "nginx" {
        imports = [more];
        services.nginx.virtualHosts."live.example.org" = {
          sslCertificate = "/certificate";
          sslCertificateKey = "/key";
        };
      };
  in
    (certified {}).services.nginx.rendered == (certified everythingElse).services.nginx.rendered)
  ++ lib.concatMap
  (domain:
    expect "${domain} is no domain"
    (!(builtins.tryEval (behind "caddy" {services.nixcast.reverseProxy.domain = domain;}).services.caddy.rendered).success))
  ["localhost" "192.0.2.1" "a b.example" "-a.example" "https://a.example"]
  ++ expect "what is declared besides stays"
  (lib.hasInfix "header Strict-Transport-Security max-age=31536000" (site (behind "caddy" {
    services.caddy.virtualHosts."live.example.org".extraConfig = "header Strict-Transport-Security max-age=31536000";
  })))
  ++ fits "behind Caddy" caddy
  ++ fits "behind nginx" nginx
  ++ fits "a certificate for Caddy" (behind "caddy" {
    services.nixcast.reverseProxy.acme = false;
    services.caddy.virtualHosts."live.example.org".extraConfig = "tls /certificate /key";
  })
  ++ fits "a certificate for nginx" (behind "nginx" {
    services.nixcast.reverseProxy.acme = false;
    services.nginx.virtualHosts."live.example.org".sslCertificate = "/certificate";
  })
  ++ refuses "services.nixcast.reverseProxy.domain: caddy has to know the name"
  (behind "caddy" {services.nixcast.reverseProxy.domain = null;})
  ++ refuses "services.nixcast.http.address: the page is served on 192.0.2.10 alone"
  (behind "nginx" {services.nixcast.http.address = "192.0.2.10";})
  ++ refuses "services.nixcast.http.port: port 443 is the web server's"
  (behind "caddy" {services.nixcast.http.port = 443;})
  ++ refuses "services.nixcast.rtmp.port: port 80 is the web server's"
  (behind "caddy" {services.nixcast.rtmp.port = 80;})
  ++ refuses "services.nixcast.rtmps.port: port 443 is the web server's"
  (behind "caddy" {
    services.nixcast.rtmps = {
      enable = true;
      port = 443;
      certificateFile = "/srv/chain.pem";
      keyFile = "/srv/key.pem";
    };
  })
  ++ refuses "without it Caddy needs a certificate of yours"
  (behind "caddy" {services.nixcast.reverseProxy.acme = false;})
  ++ refuses "without it nginx needs a certificate of yours"
  (behind "nginx" {services.nixcast.reverseProxy.acme = false;})
  ++ warns "the page is also served without TLS on port 8080, past caddy"
  (behind "caddy" {services.nixcast.http.address = "::";})
  ++ warns "services.nixcast.http.trustedProxies: nginx on this machine is not trusted"
  (behind "nginx" {services.nixcast.http.trustedProxies = ["10.0.0.0/8"];})
  ++ warns "so all viewers look like one; add \"::1\""
  (behind "caddy" {
    services.nixcast.http = {
      address = "::1";
      trustedProxies = ["127.0.0.0/8"];
    };
  })
  ++ warns "has no effect while services.nixcast.reverseProxy.type is null"
  (configure {services.nixcast.reverseProxy.domain = "live.example.org";})
