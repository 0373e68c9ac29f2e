# The least one needs to go live: a key.
#
# Put the key where only root can read it and import this file from the configuration of the machine:
#
#   openssl rand -hex 24 | install -m 0400 /dev/stdin /var/keys/nixcast-main
#
# In OBS: server rtmp://HOST/live, and the key.
{
  services.nixcast = {
    enable = true;
    openFirewall = true;
    http.address = "::";
    streamKeys.main.keyFile = "/var/keys/nixcast-main";
  };
}
