# A web server in front of the page: TLS, and everything else passed on as it is.
#
# The virtual host depends on the domain and on where the page is served, on no other setting. Cache-Control comes from
# nixcast: playlists are for a second, segments forever.
{
  config,
  lib,
  options,
  ...
}: let
  cfg = config.services.nixcast;
  proxy = cfg.reverseProxy;
  isUsed = server: cfg.enable && proxy.type == server && proxy.domain != null;

  option = names: lib.showOption (["services" "nixcast"] ++ names);

  address = cfg.http.address;
  addresses = import ./addresses.nix {inherit lib;};
  isLoopback = addresses.isLoopback address;
  isAny = addresses.isAny address;
  # Where the web server finds the page, and from where it comes to it.
  reached =
    if address == "::"
    then "::1"
    else if address == "0.0.0.0"
    then "127.0.0.1"
    else address;
  upstream = let
    host =
      if lib.hasInfix ":" reached
      then "[${reached}]"
      else reached;
  in "${host}:${toString cfg.http.port}";
  isTrusted =
    lib.any
    (
      if lib.hasInfix ":" reached
      then network: lib.elem network [reached "::1/128" "::/0"]
      else network: lib.hasPrefix "127." network || network == "0.0.0.0/0"
    )
    cfg.http.trustedProxies;

  # The page takes no uploads: the largest request body, in KiB, is a form.
  mostBodyKiB = 64;

  # What a client says about itself in these is replaced, never added to: nixcast believes them (http.trustedProxies).
  nginxHeaders = ''
    proxy_set_header Host $host;
    proxy_set_header Forwarded "";
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Host $host;
    proxy_set_header X-Forwarded-Proto $scheme;
  '';

  nginxLocation = extra:
    {
      proxyPass = "http://nixcast";
      recommendedProxySettings = false;
    }
    // extra;

  # nginx's module requires a certificate, so that asking for it fails while there is none.
  isCertified = host: host.useACMEHost != null || (builtins.tryEval (host.sslCertificate != null)).value;
  isCertifiedByCaddy = host:
    host.useACMEHost
    != null
    || lib.any (line: builtins.match "[[:space:]]*tls .*" line != null) (lib.splitString "\n" host.extraConfig);
in {
  config = lib.mkMerge [
    {
      services.nixcast.publicUrl =
        lib.mkIf (proxy.type != null && proxy.domain != null) (lib.mkDefault "https://${proxy.domain}");

      assertions = lib.mkIf (cfg.enable && proxy.type != null) ([
        {
          assertion = proxy.domain != null;
          message =
            "${option ["reverseProxy" "domain"]}: ${proxy.type} has to know the name under which viewers find the "
            + "page; set it, or leave ${option ["reverseProxy" "type"]} at null";
        }
        {
          assertion = isLoopback || isAny;
          message =
            "${option ["http" "address"]}: the page is served on ${address} alone, past ${proxy.type}; leave "
            + "it at 127.0.0.1, where ${proxy.type} on this machine reaches it";
        }
      ]
      ++ map ({
        name,
        instead,
      }: {
        assertion = !((cfg.${name}.enable or true) && lib.elem cfg.${name}.port [80 443]);
        message =
          "${option [name "port"]}: port ${toString cfg.${name}.port} is the web server's as soon as "
          + "${option ["reverseProxy" "type"]} is set; choose another one, such as ${toString instead}";
      })
      [
        {
          name = "http";
          instead = 8080;
        }
        {
          name = "rtmp";
          instead = 1935;
        }
        {
          name = "rtmps";
          instead = 1936;
        }
      ]);

      warnings =
        lib.optional (cfg.enable && proxy.type != null && isAny)
        ("${option ["http" "address"]}: the page is also served without TLS on port ${toString cfg.http.port}, past "
          + "${proxy.type}; leave it at 127.0.0.1")
        ++ lib.optional (cfg.enable && proxy.type != null && !isTrusted)
        ("${option ["http" "trustedProxies"]}: ${proxy.type} on this machine is not trusted, so all viewers look like "
          + "one; add \"${reached}\"")
        ++ lib.optional (cfg.enable && proxy.type == null && proxy.domain != null)
        ("${option ["reverseProxy" "domain"]}: has no effect while ${option ["reverseProxy" "type"]} is null; set that "
          + "to \"caddy\" or \"nginx\"");

      networking.firewall.allowedTCPPorts = lib.mkIf (cfg.enable && cfg.openFirewall && proxy.type != null) [80 443];
    }

    # Whoever has taken one of the two servers out of NixOS (`disabledModules`) can still use the other.
    (lib.optionalAttrs (options.services ? caddy) {
      services.caddy = lib.mkIf (isUsed "caddy") {
        enable = true;
        virtualHosts.${proxy.domain} = {
          # Caddy itself overwrites X-Forwarded-* from strangers, upgrades WebSockets, compresses nothing unasked and
          # speaks HTTP/2 and 3. A request that comes while the page's listener moves waits for the new one.
          extraConfig = ''
            request_body {
              max_size ${toString mostBodyKiB}KiB
            }
            reverse_proxy ${upstream} {
              header_up -Forwarded
              lb_try_duration 5s
            }
          '';
        };
      };
      # HTTP/3.
      networking.firewall = lib.mkIf (isUsed "caddy" && cfg.openFirewall) {allowedUDPPorts = [443];};
      assertions = lib.mkIf (isUsed "caddy" && !proxy.acme) [
        {
          assertion = isCertifiedByCaddy config.services.caddy.virtualHosts.${proxy.domain};
          message =
            "${option ["reverseProxy" "acme"]}: without it Caddy needs a certificate of yours; set "
            + "${lib.showOption ["services" "caddy" "virtualHosts" proxy.domain "useACMEHost"]}, or put "
            + "`tls CERTIFICATE KEY` into its extraConfig";
        }
      ];
    })

    (lib.optionalAttrs (options.services ? nginx) {
      services.nginx = lib.mkIf (isUsed "nginx") {
        enable = true;
        # A changed virtual host must not cut off viewers of this or any other site.
        enableReload = lib.mkDefault true;
        upstreams.nixcast = {
          servers.${upstream} = {};
          # nixcast closes a connection that was idle for 15 s; nginx must be the first to let go.
          extraConfig = ''
            keepalive 64;
            keepalive_timeout 10s;
          '';
        };
        virtualHosts.${proxy.domain} = {
          forceSSL = true;
          enableACME = proxy.acme;
          extraConfig = ''
            client_max_body_size ${toString mostBodyKiB}k;
          '';
          locations = {
            "/" = nginxLocation {
              extraConfig =
                ''
                  proxy_http_version 1.1;
                  proxy_set_header Connection "";
                ''
                + nginxHeaders;
            };
            # Video does not get smaller. What a slow viewer has not fetched yet stays in memory here, not on disk.
            "/hls/" = nginxLocation {
              extraConfig =
                ''
                  gzip off;
                  proxy_cache off;
                  proxy_http_version 1.1;
                  proxy_max_temp_file_size 0;
                  proxy_set_header Connection "";
                ''
                + nginxHeaders;
            };
            # Open as long as the page is: nixcast says something every 20 s, and a page that is gone is noticed there.
            "= /api/events" = nginxLocation {
              proxyWebsockets = true;
              extraConfig =
                ''
                  proxy_buffering off;
                  proxy_read_timeout 1h;
                  proxy_send_timeout 1h;
                ''
                + nginxHeaders;
            };
          };
        };
      };
      assertions = lib.mkIf (isUsed "nginx" && !proxy.acme) [
        {
          assertion = isCertified config.services.nginx.virtualHosts.${proxy.domain};
          message =
            "${option ["reverseProxy" "acme"]}: without it nginx needs a certificate of yours; set "
            + "${lib.showOption ["services" "nginx" "virtualHosts" proxy.domain "sslCertificate"]} and "
            + "sslCertificateKey, or useACMEHost";
        }
      ];
    })
  ];
}
