# Stand-ins for the web servers of NixOS: options named and shaped as nixpkgs has them in
# nixos/modules/services/web-servers/{caddy,nginx}/, and the configuration files that its modules make of them, as far
# as nixcast's virtual hosts use them. `rendered` is the text of that file.
{
  config,
  lib,
  ...
}: let
  inherit (lib) concatMapStringsSep concatStringsSep mapAttrsToList mkOption optionalString types;

  option = type: default: mkOption {inherit type default;};
  bool = option types.bool false;
  text = option types.lines "";
  named = default: option types.str default;
  perhaps = type: option (types.nullOr type) null;
  required = type: mkOption {inherit type;};

  caddy = config.services.caddy;
  nginx = config.services.nginx;

  caddyHost = types.submodule ({name, ...}: {
    options = {
      hostName = named name;
      serverAliases = option (types.listOf types.str) [];
      listenAddresses = option (types.listOf types.str) [];
      useACMEHost = perhaps types.str;
      logFormat = option (types.nullOr types.lines) null;
      extraConfig = text;
    };
  });

  nginxLocation = types.submodule {
    options = {
      proxyPass = perhaps types.str;
      proxyWebsockets = bool;
      recommendedProxySettings = option types.bool nginx.recommendedProxySettings;
      return = perhaps types.str;
      extraConfig = text;
      priority = option types.int 1000;
    };
  };

  nginxHost = types.submodule ({name, ...}: {
    options = {
      serverName = named name;
      listen = option (types.listOf types.attrs) [];
      enableACME = bool;
      useACMEHost = perhaps types.str;
      forceSSL = bool;
      addSSL = bool;
      onlySSL = bool;
      http2 = option types.bool true;
      sslCertificate = required types.path;
      sslCertificateKey = required types.path;
      extraConfig = text;
      locations = option (types.attrsOf nginxLocation) {};
    };
  });

  caddySite = host: ''
    ${concatStringsSep " " ([host.hostName] ++ host.serverAliases)} {
      ${optionalString (host.listenAddresses != []) "bind ${concatStringsSep " " host.listenAddresses}"}
      ${optionalString (host.logFormat != null) "log {\n${host.logFormat}\n}"}
      ${host.extraConfig}
    }
  '';

  # What `recommendedProxySettings` includes in a location, after all else.
  appendingHeaders = ''
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $host;
    proxy_set_header X-Forwarded-Server $host;
  '';

  nginxLocationText = path: location: ''
    location ${path} {
      ${optionalString (location.proxyPass != null) "proxy_pass ${location.proxyPass};"}
      ${optionalString location.proxyWebsockets ''
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    ''}
      ${location.extraConfig}
      ${optionalString location.recommendedProxySettings appendingHeaders}
    }
  '';

  nginxServers = host: let
    hasTls = host.forceSSL || host.addSSL || host.onlySSL;
    listen = address: port: more: "listen ${address}:${toString port}${more};";
    each = make: concatMapStringsSep "\n" make nginx.defaultListenAddresses;
    plain = each (address: listen address nginx.defaultHTTPListenPort "");
    secure = each (address: listen address nginx.defaultSSLListenPort " ssl${optionalString host.http2 " http2"}");
  in ''
    ${optionalString host.forceSSL ''
      server {
        ${plain}
        server_name ${host.serverName};
        location / {
          return 301 https://$host$request_uri;
        }
      }
    ''}
    server {
      ${
      if host.listen != []
      then concatMapStringsSep "\n" (at: listen at.addr at.port "") host.listen
      else concatStringsSep "\n" (lib.optional hasTls secure ++ lib.optional (!(host.forceSSL || host.onlySSL)) plain)
    }
      server_name ${host.serverName};
      ${optionalString hasTls ''
      ssl_certificate ${host.sslCertificate};
      ssl_certificate_key ${host.sslCertificateKey};
    ''}
      ${concatStringsSep "\n" (mapAttrsToList nginxLocationText host.locations)}
      ${host.extraConfig}
    }
  '';

  nginxUpstream = name: upstream: ''
    upstream ${name} {
      ${concatMapStringsSep "\n" (server: "server ${server};") (lib.attrNames upstream.servers)}
      ${upstream.extraConfig}
    }
  '';
in {
  options = {
    services.caddy = {
      enable = bool;
      email = perhaps types.str;
      globalConfig = text;
      httpPort = option types.port 80;
      httpsPort = option types.port 443;
      enableReload = option types.bool true;
      virtualHosts = option (types.attrsOf caddyHost) {};
      rendered = required types.str;
    };
    services.nginx = {
      enable = bool;
      enableReload = bool;
      recommendedProxySettings = bool;
      defaultListenAddresses = option (types.listOf types.str) ["0.0.0.0" "[::0]"];
      defaultHTTPListenPort = option types.port 80;
      defaultSSLListenPort = option types.port 443;
      commonHttpConfig = text;
      clientMaxBodySize = named "10m";
      upstreams = option (types.attrsOf (types.submodule {
        options = {
          servers = option (types.attrsOf types.attrs) {};
          extraConfig = text;
        };
      })) {};
      virtualHosts = option (types.attrsOf nginxHost) {};
      rendered = required types.str;
    };
    security.acme = {
      acceptTerms = bool;
      defaults.email = perhaps types.str;
    };
    networking.firewall.allowedUDPPorts = option (types.listOf types.port) [];
  };

  config.services = {
    caddy.rendered = ''
      {
        http_port ${toString caddy.httpPort}
        https_port ${toString caddy.httpsPort}
        ${caddy.globalConfig}
      }
      ${concatMapStringsSep "\n" caddySite (lib.attrValues caddy.virtualHosts)}
    '';

    nginx.rendered = ''
      daemon off;
      error_log stderr;
      events {
      }
      http {
        ${concatStringsSep "\n" (mapAttrsToList nginxUpstream nginx.upstreams)}
        map $http_upgrade $connection_upgrade {
          default upgrade;
          ''' close;
        }
        client_max_body_size ${nginx.clientMaxBodySize};
        server_tokens off;
        ${nginx.commonHttpConfig}
        ${concatMapStringsSep "\n" nginxServers (lib.attrValues nginx.virtualHosts)}
      }
    '';
  };
}
