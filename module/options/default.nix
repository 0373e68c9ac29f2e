# Every setting of the server, one file per area. Evaluates without NixOS.
{
  imports = [
    ./http.nix
    ./instance.nix
    ./reconcile.nix
    ./rtmp.nix
    ./service.nix
    ./stream-keys.nix
    ./video.nix
  ];
}
