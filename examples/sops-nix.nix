# Several stream keys from one file encrypted with sops (https://github.com/Mic92/sops-nix), whose NixOS module is
# imported beside nixcast's.
#
# Nothing more is needed for rotation: the agent reads the files itself, as root's own, and notices when sops-nix
# swaps them. A key that changes ends the session that used the old value, and nobody else's.
{config, ...}: let
  secret = name: config.sops.secrets.${name}.path;
in {
  sops.defaultSopsFile = ./secrets.yaml;
  sops.secrets = {
    "nixcast/stage" = {};
    "nixcast/lobby" = {};
    "nixcast/guest" = {};
    "nixcast/admin" = {};
  };

  services.nixcast = {
    enable = true;
    openFirewall = true;
    streamKeys = {
      stage = {
        keyFile = secret "nixcast/stage";
        comment = "OBS at the mixing desk";
      };
      lobby = {
        keyFile = secret "nixcast/lobby";
        comment = "Camera in the lobby, for the breaks";
      };
      # For one evening: refused from that moment on, without anybody having to remember.
      guest = {
        keyFile = secret "nixcast/guest";
        comment = "Guest from the other house";
        expires = "2027-03-12T23:30:00+01:00";
      };
    };
    admin.passwordFile = secret "nixcast/admin";
  };
}
