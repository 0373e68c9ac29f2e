# How the picture is encoded and cut.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};

  rung = lib.types.submodule ({name, ...}: {
    options = {
      name = lib.mkOption {
        type = types.name 32;
        readOnly = true;
        internal = true;
        description = "Name of the rung: the attribute's own.";
      };

      enable = lib.mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = "Whether the rung is offered.";
      };

      passthrough = lib.mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = ''
          Whether to serve the publisher's own picture and sound as they are. It costs almost no CPU and excludes
          {option}`width`, {option}`height` and {option}`framerate`.
        '';
      };

      width = lib.mkOption {
        type = types.nullOr (types.evenWhole 64 7680);
        default = null;
        example = 1280;
        description = "Width in pixels. `null`: in proportion to the height, or as the publisher sends it.";
      };

      height = lib.mkOption {
        type = types.nullOr (types.evenWhole 64 4320);
        default = null;
        example = 720;
        description = "Height in pixels. `null`: in proportion to the width, or as the publisher sends it.";
      };

      framerate = lib.mkOption {
        type = types.nullOr (types.whole 1 120);
        default = null;
        example = 30;
        description = ''
          Most frames per second; more than that are dropped, missing ones are never invented. `null`: as the
          publisher sends them.
        '';
      };

      videoBitrateKbps = lib.mkOption {
        type = types.whole 50 100000;
        default = 2500;
        example = 4500;
        description = "Bitrate of the picture in kbit/s. A pass-through rung has the publisher's instead.";
      };

      audioBitrateKbps = lib.mkOption {
        type = types.whole 16 512;
        default = 128;
        example = 192;
        description = ''
          Bitrate of the sound in kbit/s. All rungs share one sound: the highest bitrate among the enabled rungs
          counts, and with an enabled pass-through rung it is the publisher's own sound.
        '';
      };

      preset = lib.mkOption {
        type = types.choice ["ultrafast" "superfast" "veryfast" "faster" "fast" "medium" "slow"];
        default = "superfast";
        example = "veryfast";
        description = ''
          How much work x264 puts into a picture. A faster preset needs less CPU and looks worse at the same bitrate.
        '';
      };

      order = lib.mkOption {
        type = types.whole 0 1000;
        default = 100;
        example = 10;
        description = "Place in the quality menu, smallest first. Rungs with the same order go by name.";
      };
    };

    config = {inherit name;};
  });
in {
  options.services.nixcast.video = {
    latencyLevel = lib.mkOption {
      type = types.whole 0 4;
      default = 2;
      example = 0;
      description = ''
        From 0, the lowest delay, to 4, the smoothest playback on a bad connection: segments of 1, 2, 3, 4 or 5
        seconds in parts of 0.21, 0.35, 0.53, 1.03 or 1.03 second. Players that read parts (low-latency HLS) stay 0.65, 1.2,
        2, 5 or 10 seconds behind the newest one, all others three segments. A change takes hold at the next segment of
        the running broadcast.
      '';
    };

    encoder = lib.mkOption {
      type = types.choice ["x264" "vaapi" "nvenc" "qsv" "v4l2m2m"];
      default = "x264";
      example = "vaapi";
      description = ''
        What encodes the rungs that are not passed through: `x264` on the CPU, or the machine's hardware through VA-API,
        NVENC, Quick Sync or V4L2. Hardware is tried when the setting is applied; if it cannot be used, `nixcast status`
        says why and x264 encodes instead. The units of the NixOS module let the engine open no device yet, so for now
        this is for `nixcast run`.

        A change takes hold at the next segment of the running broadcast.
      '';
    };

    whenOverloaded = lib.mkOption {
      type = types.choice ["dropHighest" "dropLowest"];
      default = "dropHighest";
      example = "dropLowest";
      description = ''
        Which rungs go first while the machine cannot encode all of them in real time. Viewers of a rung that goes are
        led over to the nearest one; it comes back as soon as it fits again. `nixcast status` says what was measured.
      '';
    };

    stills = lib.mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Whether a thumbnail (`/thumbnail.jpg`) and an animated preview (`/preview.gif`) are made of the running
        broadcast. Without them both addresses show the logo.

        A ladder of pass-through rungs alone decodes a keyframe every few seconds for them, in a process that takes some
        40 MB of memory and next to no CPU; without stills it needs no such process.
      '';
    };

    variants = lib.mkOption {
      type = types.namedEntries 8 rung;
      default = {source.passthrough = true;};
      example = lib.literalExpression ''
        {
          source = { passthrough = true; order = 10; };
          "720p" = { height = 720; videoBitrateKbps = 2500; order = 20; };
          "480p" = { height = 480; videoBitrateKbps = 1000; order = 30; };
        }
      '';
      description = ''
        The ladder: one entry per quality that viewers can choose, by the name shown in the quality menu. Declaring
        any replaces the default, which is the publisher's own picture alone.

        A change takes hold at the next segment of the running broadcast. Rungs that stay as they are do not notice,
        and viewers of a removed one are led over to another.
      '';
    };
  };
}
