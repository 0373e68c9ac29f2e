# One key and one rung with nothing but what has no default.
{
  services.nixcast = {
    streamKeys.bare.keyFile = "/run/secrets/bare";
    video.variants.bare = {};
  };
}
