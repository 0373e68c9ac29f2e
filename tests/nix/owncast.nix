# Made from an Owncast by from-owncast.nix.
# Not carried over: the logo: copy it from Owncast's folder data and name it in instance.logo.
# Not carried over: customStyles: written for Owncast's markup; see instance.customCss.
# Not carried over: the button "Schedule" with markup of its own: put it into instance.pageContent.
# Not carried over: the handle xmpp, whose address is not on the web.
# Not carried over: federation.
# Not carried over: chat/slurfilterenabled: moderators judge what is said.
# Not carried over: notifications.browser.
# Not carried over: the entry in Owncast's directory.

{
  services = {
    nixcast = {
      chat = {
        establishedUsersOnly = true;
        forbiddenNames = [
          "owncast"
          "admin"
          "harbour"
        ];
        joinMessages = false;
        welcomeMessage = "Be kind.";
      };
      enable = true;
      instance = {
        autoplay = "off";
        externalActions = [
          {
            colour = "#aa3366";
            description = "Once or monthly";
            openExternally = true;
            title = "Support us";
            url = "https://give.example/sued";
          }
        ];
        name = "Radio Süd";
        offlineMessage =
          "Back on **Thursday**.\n"
          + "\n"
          + "Until then: \"\${archive}\".";
        pageContent =
          "# Who we are\n"
          + "\n"
          + "A ''small'' station, since 1987.\n";
        searchIndexing = false;
        showViewerCount = false;
        socialHandles = [
          {
            platform = "mastodon";
            url = "https://social.example/@sued";
          }
        ];
        summary = "Live from the cellar.";
        tags = [
          "radio"
          "jazz & more"
        ];
        theme = {
          accent = "#e2a023";
          background = "#101820";
          cornerRadius = 9;
        };
      };
      publicUrl = "https://radio.example";
      rtmp = {
        port = 1936;
      };
      streamKeys = {
        key-1 = {
          comment = "Studio";
          keyFile = "/var/keys/owncast-key-1";
        };
        key-2 = {
          keyFile = "/var/keys/owncast-key-2";
        };
      };
      video = {
        encoder = "vaapi";
        latencyLevel = 3;
        variants = {
          "800k" = {
            framerate = 24;
            order = 40;
            preset = "superfast";
            videoBitrateKbps = 800;
          };
          Mobile--good- = {
            framerate = 30;
            height = 720;
            order = 20;
            preset = "fast";
            videoBitrateKbps = 2400;
          };
          mobile--good--3 = {
            audioBitrateKbps = 96;
            framerate = 24;
            height = 360;
            order = 30;
            preset = "ultrafast";
            videoBitrateKbps = 1200;
            width = 640;
          };
          source = {
            order = 10;
            passthrough = true;
          };
        };
      };
    };
  };
}
