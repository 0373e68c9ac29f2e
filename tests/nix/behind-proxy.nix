# Configuration of a real web server in front of a nixcast on this machine, as the module declares it; for
# tests/e2e/behind_proxy.rs. Beside the virtual host there is a copy of it without TLS, for clients that have none.
# Gives the text of the configuration file.
{
  nixpkgs,
  type,
  # Ports on loopback: nixcast's page, and three for the web server.
  page,
  plain,
  redirect,
  tls,
  # Certificate and key; only nginx needs them.
  certificate,
  key,
  # Where the web server may write.
  folder,
}: let
  machine = import ./machine.nix {inherit nixpkgs;};
  domain = "live.example.org";
  port = builtins.fromJSON;

  config = machine.configure [
    ./web-servers.nix
    ({config, ...}: {
      services.nixcast = {
        http.port = port page;
        reverseProxy = {
          inherit domain type;
          acme = false;
        };
      };
      services.caddy = {
        httpPort = port redirect;
        httpsPort = port tls;
        globalConfig = ''
          admin off
          default_bind 127.0.0.1
          skip_install_trust
        '';
        virtualHosts = {
          ${domain}.extraConfig = "tls internal";
          "http://:${plain}".extraConfig =
            builtins.replaceStrings ["tls internal"] [""] config.services.caddy.virtualHosts.${domain}.extraConfig;
        };
      };
      services.nginx = {
        # Whoever asks for these headers everywhere does not get them here.
        recommendedProxySettings = true;
        defaultListenAddresses = ["127.0.0.1"];
        defaultHTTPListenPort = port redirect;
        defaultSSLListenPort = port tls;
        commonHttpConfig =
          "access_log off;\n"
          + machine.lib.concatMapStrings (what: "${what}_temp_path ${folder}/${what};\n") [
            "client_body"
            "fastcgi"
            "proxy"
            "scgi"
            "uwsgi"
          ];
        virtualHosts = {
          ${domain} = {
            sslCertificate = certificate;
            sslCertificateKey = key;
          };
          plain = {
            inherit (config.services.nginx.virtualHosts.${domain}) extraConfig locations;
            listen = [
              {
                addr = "127.0.0.1";
                port = port plain;
              }
            ];
          };
        };
      };
    })
  ];

  failed = builtins.filter (entry: !entry.assertion) config.assertions;
in
  if failed == []
  then config.services.${type}.rendered
  else throw (builtins.concatStringsSep "\n" (map (entry: entry.message) failed))
