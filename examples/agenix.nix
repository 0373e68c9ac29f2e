# Several stream keys from files encrypted with age (https://github.com/ryantm/agenix), whose NixOS module is imported
# beside nixcast's.
#
# agenix decrypts all of them anew at every switch. The agent compares what is in the files, so a switch that changes
# no key disturbs nobody.
{config, ...}: {
  age.secrets = {
    nixcast-stage.file = ./secrets/nixcast-stage.age;
    nixcast-spare.file = ./secrets/nixcast-spare.age;
  };

  services.nixcast = {
    enable = true;
    openFirewall = true;
    streamKeys = {
      stage = {
        keyFile = config.age.secrets.nixcast-stage.path;
        comment = "OBS at the mixing desk";
      };
      # Known to the crew, and locked until the day it is needed: a switch with `enable = true` lets it in.
      spare = {
        keyFile = config.age.secrets.nixcast-spare.path;
        comment = "Laptop in the cupboard";
        enable = false;
      };
    };
  };
}
