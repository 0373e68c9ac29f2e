# Where the page is found from outside.
{lib, ...}: let
  types = import ../types.nix {inherit lib;};
in {
  options.services.nixcast.publicUrl = lib.mkOption {
    type = types.nullOr types.webAddress;
    default = null;
    example = "https://live.example";
    description = ''
      Address under which viewers reach the page, without a slash at its end. Previews of links and webhooks carry it.
      `null`: unknown, so that previews have no picture.
    '';
  };
}
