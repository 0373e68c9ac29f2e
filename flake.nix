{
  description = "nixcast: a live-streaming server whose every setting is declared in Nix";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = {
    self,
    nixpkgs,
  }: let
    inherit (nixpkgs) lib;
    forSystems = each:
      lib.genAttrs ["x86_64-linux" "aarch64-linux"] (system: each nixpkgs.legacyPackages.${system});
    packageFor = pkgs: pkgs.callPackage ./module/package.nix {};

    # The module with this flake's package, unless the machine's own pkgs has one.
    module = {
      lib,
      pkgs,
      ...
    }: {
      imports = [./module];
      services.nixcast.package = lib.mkDefault (pkgs.nixcast or (packageFor pkgs));
    };
  in {
    packages = forSystems (pkgs: rec {
      nixcast = packageFor pkgs;
      default = nixcast;
      inherit (nixcast) web;
      options-doc = pkgs.writeText "options.md" (import ./tests/nix/options-doc.nix {inherit nixpkgs;});
    });

    overlays.default = final: _: {nixcast = packageFor final;};

    nixosModules = {
      default = module;
      nixcast = module;
    };

    apps = forSystems (pkgs: {
      default = {
        type = "app";
        program = lib.getExe self.packages.${pkgs.system}.nixcast;
      };
    });

    devShells = forSystems (pkgs: {
      default = pkgs.mkShell {
        nativeBuildInputs = [
          pkgs.cargo
          pkgs.clippy
          pkgs.ffmpeg-headless
          pkgs.nodejs
          pkgs.pkg-config
          pkgs.rustPlatform.bindgenHook
          pkgs.rustc
          pkgs.rustfmt
        ];
        buildInputs = [pkgs.ffmpeg-headless];
      };
    });

    checks = forSystems (pkgs: {
      package = self.packages.${pkgs.system}.nixcast;

      # Evaluates while the check is instantiated; what is built is the list of differences, which must be empty.
      module-eval = let
        differences =
          import ./tests/nix/table.nix {inherit nixpkgs;}
          ++ lib.concatMap
          (file: lib.optional (!(import ./module/eval.nix {inherit file nixpkgs;} ? apiVersion)) (toString file))
          [
            ./examples/conference-day.nix
            ./examples/demo.nix
            ./examples/lecture.nix
            ./examples/minimal.nix
            ./examples/public-caddy.nix
          ];
      in
        if differences == []
        then pkgs.runCommand "module-eval" {} "touch $out"
        else throw (lib.concatStringsSep "\n" differences);

      vm-switch = import ./tests/nix/vm-switch.nix {inherit module pkgs;};
    });

    formatter = forSystems (pkgs: pkgs.alejandra);
  };
}
