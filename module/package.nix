# The program and the page it carries. Called with a recent nixpkgs.
{
  lib,
  buildNpmPackage,
  ffmpeg-headless,
  importNpmLock,
  pkg-config,
  rustPlatform,
}: let
  # Only what the build reads, so that a change of the documentation builds nothing.
  only = names: root:
    lib.cleanSourceWith {
      src = lib.cleanSource root;
      filter = path: _: let
        below = lib.removePrefix (toString root + "/") (toString path);
        parts = lib.splitString "/" below;
      in
        lib.elem (lib.head parts) names && !(lib.elem (lib.last parts) ["node_modules" "dist" "target"]);
    };

  cargo = (lib.importTOML ../Cargo.toml).workspace.package;

  web = buildNpmPackage {
    pname = "nixcast-web";
    inherit (cargo) version;
    # By its lock file's own hashes: there is no second hash to keep up to date.
    src = lib.cleanSourceWith {
      src = ../agent/web;
      filter = path: _: !(lib.elem (baseNameOf path) ["node_modules" "dist"]);
    };
    npmDeps = importNpmLock {npmRoot = ../agent/web;};
    npmConfigHook = importNpmLock.npmConfigHook;
    installPhase = ''
      runHook preInstall
      cp -r dist $out
      runHook postInstall
    '';
  };
in
  rustPlatform.buildRustPackage {
    pname = "nixcast";
    inherit (cargo) version;
    src = only ["Cargo.toml" "Cargo.lock" "agent" "examples" "module" "schema" "tests"] ../.;
    cargoLock.lockFile = ../Cargo.lock;
    nativeBuildInputs = [pkg-config rustPlatform.bindgenHook];
    buildInputs = [ffmpeg-headless];

    preBuild = ''
      cp -r ${web} agent/web/dist
      chmod -R u+w agent/web/dist
    '';
    cargoBuildFlags = ["--package" "nixcast"];
    # Those that need neither a network nor Nix; `make test` runs all of them.
    cargoTestFlags = ["--package" "nixcast-schema" "--package" "nixcast-core"];

    passthru = {inherit web;};
    meta = {
      description = "Live-streaming server whose every setting is declared in Nix";
      license = lib.licenses.mit;
      mainProgram = "nixcast";
      platforms = lib.platforms.linux;
    };
  }
