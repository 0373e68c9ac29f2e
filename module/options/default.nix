# Every setting of the server, one file per area. Evaluates without NixOS.
{
  imports = [
    ./admin.nix
    ./broadcast.nix
    ./chat.nix
    ./http.nix
    ./instance.nix
    ./integrations.nix
    ./metrics.nix
    ./public-url.nix
    ./reconcile.nix
    ./rtmp.nix
    ./rtmps.nix
    ./service.nix
    ./stream-keys.nix
    ./video.nix
    ./webhooks.nix
  ];
}
