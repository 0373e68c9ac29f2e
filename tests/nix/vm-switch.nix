# A real machine, a real publisher and real switches: nobody is cut off by a change, and a document that cannot be
# applied changes nothing and fails the switch.
{
  module,
  pkgs,
}:
pkgs.testers.runNixOSTest {
  name = "nixcast-vm-switch";

  nodes.machine = {
    lib,
    pkgs,
    ...
  }: {
    imports = [module];

    environment.systemPackages = [pkgs.ffmpeg-headless pkgs.jq];
    systemd.tmpfiles.rules = ["d /var/keys 0700 root root" "f /var/keys/main 0400 root root - open-sesame"];

    services.nixcast = {
      enable = true;
      streamKeys.main.keyFile = "/var/keys/main";
      instance.name = "First";
    };

    specialisation = {
      next.configuration.services.nixcast = {
        instance.name = lib.mkForce "Second";
        http.port = 8081;
        streamKeys.guest.keyFile = "/var/keys/guest";
        video.variants = {
          source = {
            passthrough = true;
            order = 10;
          };
          low = {
            height = 240;
            videoBitrateKbps = 300;
            order = 20;
          };
        };
      };
      # Written past the module, whose checks would not let it be built.
      refused.configuration.environment.etc."nixcast/settings.json".source =
        lib.mkForce (pkgs.writeText "refused.json" ''{ "apiVersion": "nixcast/v1" }'');
    };
  };

  testScript = ''
    import json

    ENGINE = "systemctl show --property MainPID --value nixcast-engine"
    PUBLISHER = "systemctl show --property MainPID --value publisher"
    LIVE = "curl --fail --silent http://127.0.0.1:{}/hls/stream.m3u8"


    def switch(name, verb, environment=""):
        program = f"/run/booted-system/specialisation/{name}/bin/switch-to-configuration"
        return machine.execute(f"{environment} {program} {verb} 2>&1")


    def page(port):
        return json.loads(machine.succeed(f"curl --fail --silent http://127.0.0.1:{port}/api/page"))["page"]


    machine.wait_for_unit("nixcast-agent.service")
    machine.wait_for_open_port(1935)
    machine.wait_for_open_port(8080)

    machine.succeed(
        "systemd-run --unit publisher ffmpeg -re -f lavfi -i testsrc2=size=640x360:rate=30"
        " -f lavfi -i sine -c:v libx264 -preset ultrafast -g 30 -pix_fmt yuv420p -c:a aac"
        " -f flv rtmp://127.0.0.1/live/open-sesame"
    )
    machine.wait_until_succeeds(LIVE.format(8080), timeout=60)
    engine, publisher = machine.succeed(ENGINE), machine.succeed(PUBLISHER)
    assert page(8080)["name"] == "First"

    with subtest("a dry run says reload and nothing else"):
        status, told = switch("next", "dry-activate")
        assert status == 0 and "would reload" in told and "nixcast-agent.service" in told, told
        assert "nixcast-engine" not in told, told
        assert "nixcast: what changes" in told and "services.nixcast.instance" in told, told

    with subtest("changing settings cuts nobody off"):
        status, told = switch("next", "test")
        assert page(8081)["name"] == "Second", told
        machine.wait_until_succeeds(LIVE.format(8081) + " | grep -F low/stream.m3u8", timeout=60)
        assert (machine.succeed(ENGINE), machine.succeed(PUBLISHER)) == (engine, publisher)
        # The guest's key file does not exist: held and reported, and the rest is applied all the same.
        assert status == 4 and "guest" in told, told

    with subtest("a late secret is taken up without being asked"):
        machine.succeed("install -m 0400 /dev/stdin /var/keys/guest <<< another-secret")
        machine.wait_until_succeeds("nixcast status", timeout=60)

    with subtest("a refused document is stopped before anything is touched"):
        system = machine.succeed("readlink /run/current-system")
        status, told = switch("refused", "test")
        assert status == 1 and "these settings are refused" in told and "services.nixcast." in told, told
        assert machine.succeed("readlink /run/current-system") == system
        status, told = switch("refused", "dry-activate")
        assert status == 0, told

    with subtest("a refused document that gets past the check changes nothing and fails the switch"):
        status, told = switch("refused", "test", "NIXOS_NO_CHECK=1")
        assert status == 4, told
        assert page(8081)["name"] == "Second"
        assert (machine.succeed(ENGINE), machine.succeed(PUBLISHER)) == (engine, publisher)

    with subtest("the engine's user is made up, and its folders are its own"):
        assert 61184 <= int(machine.succeed("stat --format=%u /run/nixcast")) <= 65519
        machine.succeed("runuser -u nixcast-agent -- test -d /var/lib/nixcast-agent/ledger")
        machine.fail("runuser -u nixcast-agent -- test -d /var/lib/private/nixcast")
  '';
}
