# The server that `make run` starts. Edit this file while it runs and watch the page follow.
#
# The stream key is the one thing missing here: it is a secret, so `make run` writes one to a file and names that file
# in a settings file of its own that imports this one.
{
  services.nixcast = {
    enable = true;

    instance = {
      name = "nixcast demo";
      summary = "A test picture, live from this machine. Save a change to its settings and this page follows.";
      tags = ["demo" "nix" "live"];
      logo = ./logo.svg;
      socialHandles = [
        {
          platform = "matrix";
          url = "https://matrix.to/#/#nix:nixos.org";
        }
        {
          platform = "mastodon";
          url = "https://chaos.social/@nixos_org";
        }
      ];
      offlineMessage = ''
        Nobody is publishing.

        Send a stream to `rtmp://127.0.0.1/live` to go on air.
      '';
      pageContent = ''
        ## Change something, and watch this page

        Each of these takes hold while the stream goes on: no restart, no reload, no gap.

        | In the settings | What a viewer sees | When |
        | --- | --- | --- |
        | `instance.theme.accent` | badge, buttons and links in another colour | at once |
        | `instance.pageContent` | other words than these | at once |
        | `video.variants."240p"` | one more quality to choose from | next segment |
        | `http.port` | nothing: this page stays connected | at once |

        <details>
        <summary>And when something is wrong?</summary>

        Then nothing changes, and whoever saved the file is told which option to mend.

        </details>
      '';
      externalActions = [
        {
          title = "Learn Nix";
          url = "https://nixos.org/learn/";
          description = "Guides and manuals of the language that these settings are written in";
          openExternally = true;
        }
        {
          title = "Find options";
          url = "https://search.nixos.org/options";
          description = "What else a NixOS machine can be told";
          colour = "#5277c3";
          openExternally = true;
        }
      ];
      theme = {
        background = "#10131f";
        surface = "#1a2033";
        text = "#f1f4fb";
        mutedText = "#a8b3cf";
        accent = "#f2a65a";
        accentText = "#10131f";
      };
    };

    video = {
      latencyLevel = 1;
      variants = {
        source = {
          passthrough = true;
          order = 10;
        };
        "360p" = {
          height = 360;
          videoBitrateKbps = 700;
          audioBitrateKbps = 96;
          order = 20;
        };
      };
    };
  };
}
