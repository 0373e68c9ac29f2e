# Where publishers connect.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};
in {
  options.services.nixcast.rtmp = {
    address = lib.mkOption {
      type = types.ipAddress;
      default = "::";
      example = "192.0.2.10";
      description = ''
        IP address on which OBS and other encoders may connect. `"::"` means every address of the machine, IPv4
        included.

        A change opens the new listener before the old one closes. A running broadcast goes on.
      '';
    };

    port = lib.mkOption {
      type = types.port;
      default = 1935;
      example = 11935;
      description = ''
        TCP port for encoders. With the usual 1935 the address to enter in OBS is `rtmp://host/live`, with any other
        one `rtmp://host:port/live`. A change opens the new listener before the old one closes.
      '';
    };
  };
}
