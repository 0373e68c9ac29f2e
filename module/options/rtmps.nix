# Where publishers connect with TLS.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};
in {
  options.services.nixcast.rtmps = {
    enable = lib.mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Whether OBS and other encoders may connect with TLS (RTMPS), so that nobody on the way reads the stream key or
        sees the picture. Plain RTMP stays open beside it; to close that for the world, set
        {option}`services.nixcast.rtmp.address` to `"127.0.0.1"`.

        Needs {option}`services.nixcast.rtmps.certificateFile` and {option}`services.nixcast.rtmps.keyFile`. Turning it
        off closes the port; who publishes through it goes on.
      '';
    };

    address = lib.mkOption {
      type = types.ipAddress;
      default = "::";
      example = "192.0.2.10";
      description = ''
        IP address on which encoders may connect with TLS. `"::"` means every address of the machine, IPv4 included.

        A change opens the new listener before the old one closes. A running broadcast goes on.
      '';
    };

    port = lib.mkOption {
      type = types.port;
      default = 1936;
      example = 443;
      description = ''
        TCP port for encoders with TLS. The address to enter in OBS is `rtmps://host:1936/live`, and
        `rtmps://host/live` with port 443, which a web server has on most machines. `host` has to be a name in the
        certificate. A change opens the new listener before the old one closes.
      '';
    };

    certificateFile = lib.mkOption {
      type = types.nullOr types.publicFile;
      default = null;
      example = "/var/lib/acme/live.example.org/fullchain.pem";
      description = ''
        The certificate and those that lead to its issuer, in PEM, at most 64 KiB. It is public, so it may lie in the
        Nix store.

        A renewed file is noticed by itself: who connects from then on is shown the new certificate, who publishes goes
        on. Nothing needs to be reloaded, so `security.acme.certs.<name>.reloadServices` need not name nixcast. Until
        certificate and key belong together, the pair before them stays in force.
      '';
    };

    keyFile = lib.mkOption {
      type = types.nullOr types.secretFile;
      default = null;
      example = "/var/lib/acme/live.example.org/key.pem";
      description = ''
        Absolute path of the certificate's private key, in PEM without a passphrase (PKCS#8, PKCS#1 or SEC 1), at most
        16 KiB. Write it as a string: a path literal would copy the key into the Nix store, where everyone on the
        machine can read it. The agent reads it whoever owns it, and hands it to the engine, which keeps it in memory
        only.
      '';
    };
  };
}
