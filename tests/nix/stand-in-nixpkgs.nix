# What `import nixpkgs {…}` gives in the deployment examples; see deploy.nix.
{system}: {inherit system;}
