# A lecture hall: the camera's own picture for those with the bandwidth, two smaller ones for the others, and two keys
# so that the spare laptop can be locked out without changing the key in the camera.
{
  services.nixcast = {
    enable = true;
    openFirewall = true;

    # A reverse proxy on the same machine terminates TLS and passes everything on to port 8080.
    http.address = "127.0.0.1";

    streamKeys = {
      hall = {
        keyFile = "/run/secrets/nixcast-hall";
        comment = "Camera in lecture hall 2";
      };
      spare = {
        keyFile = "/run/secrets/nixcast-spare";
        comment = "Laptop in the cupboard; for this term only";
        expires = "2027-02-28T23:59:59+01:00";
      };
    };

    instance = {
      name = "Lecture hall 2";
      summary = "Operating systems, Mondays and Thursdays at 10:15.";
      tags = ["lecture" "operating systems"];
      offlineMessage = "The next lecture starts at 10:15.";
    };

    video = {
      # Slides change rarely and questions come through the room's microphone: smooth beats immediate.
      latencyLevel = 3;
      variants = {
        source = {
          passthrough = true;
          order = 10;
        };
        "720p" = {
          height = 720;
          framerate = 30;
          videoBitrateKbps = 2000;
          order = 20;
        };
        "480p" = {
          height = 480;
          framerate = 25;
          videoBitrateKbps = 800;
          audioBitrateKbps = 96;
          preset = "superfast";
          order = 30;
        };
      };
    };
  };
}
