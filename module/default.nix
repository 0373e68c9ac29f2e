# The NixOS module. `services.nixcast.package` has no default here, since nixpkgs has no nixcast: the flake's
# `nixosModules.default` sets it.
{
  imports = [
    ./options
    (import ./document.nix {renderFile = file: "${file}";})
    ./nixos.nix
    ./reverse-proxy.nix
  ];
}
