# The settings document of a file that is part of a NixOS configuration.
{
  nixpkgs,
  file,
}: let
  machine = import ./machine.nix {inherit nixpkgs;};
  config = machine.configure [./web-servers.nix ./secret-managers.nix (/. + file)];
  # The demo's key is added by whoever starts it.
  warnings =
    if config.services.nixcast.streamKeys == {}
    then []
    else config.warnings;
  complaints = map (entry: entry.message) (builtins.filter (entry: !entry.assertion) config.assertions) ++ warnings;
in
  if complaints == []
  then config.services.nixcast.settingsDocument
  else throw (builtins.concatStringsSep "\n" complaints)
