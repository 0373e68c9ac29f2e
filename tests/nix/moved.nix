# What docs/from-owncast.nix made of owncast.json: nothing lost on the way, no secret taken along, a machine that
# evaluates. Gives the list of broken promises.
{nixpkgs}: let
  machine = import ./machine.nix {inherit nixpkgs;};
  inherit (machine) lib;

  text = builtins.readFile ./owncast.nix;
  owncast = builtins.fromJSON (builtins.readFile ./owncast.json);
  details = owncast.instanceDetails;
  config = machine.configure [./web-servers.nix ./owncast.nix];
  inherit (config.services.nixcast) instance settingsDocument video;

  expect = promise: holds: lib.optional (!holds) promise;
in
  expect "a text has changed on the way"
  ([instance.name instance.summary instance.offlineMessage instance.pageContent instance.tags]
    == [details.name details.summary details.offlineMessage details.extraPageContent details.tags])
  ++ expect "a rung is missing or in another place"
  (map (rung: rung.name) settingsDocument.video.variants == ["source" "Mobile--good-" "mobile--good--3" "800k"])
  ++ expect "a rung is another" (video.variants."mobile--good--3".videoBitrateKbps == 1200 && video.variants."Mobile--good-".height == 720)
  ++ expect "a key is missing" (lib.length settingsDocument.streamKeys == lib.length owncast.streamKeys)
  ++ expect "a secret is in the settings" (!lib.hasInfix "swordfish" text && !lib.hasInfix "swordfish" (builtins.toJSON settingsDocument))
  ++ map (entry: entry.message) (lib.filter (entry: !entry.assertion) config.assertions)
  ++ config.warnings
