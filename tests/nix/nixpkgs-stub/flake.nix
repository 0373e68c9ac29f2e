# Stands in for nixpkgs where there is no network: the real `lib`, which tests/nix/run puts beside this file, and
# packages that are derivations in name only. Enough to evaluate every output of the flake.
{
  outputs = {self}: let
    lib = import ./lib;

    packages = system: let
      named = name:
        derivation {
          inherit name system;
          builder = "/bin/sh";
        };
      # Builders look at what they are given, so a misspelt or failing attribute is found.
      build = attributes:
        named (builtins.deepSeq (toString (attributes.src or "")) "${attributes.pname}-${attributes.version}")
        // (attributes.passthru or {})
        // {inherit (attributes) meta;};
      tools =
        lib.genAttrs
        ["alejandra" "cargo" "clippy" "ffmpeg-headless" "jq" "nodejs" "pkg-config" "rustc" "rustfmt"]
        named;
      pkgs =
        tools
        // {
          inherit lib system;
          buildNpmPackage = attributes: build ({meta = {};} // attributes);
          callPackage = file: given: let
            function = import file;
          in
            function (builtins.intersectAttrs (builtins.functionArgs function) pkgs // given);
          importNpmLock = {
            __functor = _: {npmRoot}: builtins.seq (builtins.pathExists (npmRoot + "/package-lock.json")) (named "npm-deps");
            npmConfigHook = named "npm-config-hook";
          };
          mkShell = _: named "shell";
          runCommand = name: _: _: named name;
          rustPlatform = {
            bindgenHook = named "bindgen-hook";
            buildRustPackage = build;
          };
          writeText = name: text: builtins.seq (builtins.stringLength text) (named name);
          testers.runNixOSTest = test: builtins.seq (test.nodes.machine) (named test.name);
        };
    in
      pkgs;
  in {
    inherit lib;
    legacyPackages = lib.genAttrs ["x86_64-linux" "aarch64-linux"] packages;
  };
}
