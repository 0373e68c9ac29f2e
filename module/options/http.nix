# Where viewers connect.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};
in {
  options.services.nixcast.http = {
    address = lib.mkOption {
      type = types.ipAddress;
      default = "127.0.0.1";
      example = "::";
      description = ''
        IP address on which the page and the video are served. The default suits a reverse proxy on the same machine;
        `"::"` serves every address of the machine, IPv4 included.

        A change opens the new listener before the old one closes. Viewers on the old one keep their connection.
      '';
    };

    port = lib.mkOption {
      type = types.port;
      default = 8080;
      example = 80;
      description = ''
        TCP port of the page and the video. A change opens the new listener before the old one closes.
      '';
    };

    trustedProxies = lib.mkOption {
      type = types.listOf 64 types.network;
      default = ["127.0.0.0/8" "::1/128"];
      example = ["10.0.0.0/8" "fd00::/8"];
      description = ''
        Networks whose word about a viewer's address (the header `X-Forwarded-For`) is believed: those of the reverse
        proxies in front. The default suits a proxy on the same machine. Whoever else sends the header is taken for
        what they connect from.
      '';
    };
  };
}
