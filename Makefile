# The names people type. Each is a short script in tests/setup/, so that what `make test` does and what a person can
# run by hand are the same thing. Nothing here needs more than a Rust toolchain and Node: the rest is installed first.

# One build cache for every checkout, outside of it. The binary under test is copied to build/nixcast right after it
# is built, so that two checkouts that share the cache never test each other's build.
cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)
export CARGO_TARGET_DIR ?= $(cache)/nixcast/target
export NIXCAST_BIN := $(CURDIR)/build/nixcast

.DEFAULT_GOAL := help
.PHONY: help run build test test-slow test-system lint bench pictures

help: ## Say what can be asked for
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Show a live picture; change build/demo/settings.nix and watch the page follow
	@tests/setup/packages build demo
	@tests/setup/build
	@exec tests/setup/demo

build: ## Build the page and the binary: build/nixcast
	@tests/setup/packages build
	@tests/setup/build

test: ## Lint, licences, unit, Nix, end-to-end and browser tests: all of it
	@tests/setup/packages build test
	@tests/setup/test

test-slow: ## What takes minutes: a thousand damaged streams
	@tests/setup/packages build test
	@tests/setup/build
	@tests/setup/slow

test-system: ## Boot a real systemd and try to break a broadcast, then spoil 10,000 documents; needs root
	@tests/setup/packages build test system
	@tests/setup/build
	@tests/setup/system
	@tests/setup/mutations

lint: ## Formatting, clippy, types of the page, syntax of the Nix files
	@tests/setup/packages build
	@tests/setup/lint

bench: ## Compare CPU, memory and latency with plain ffmpeg and nginx-rtmp, in one table
	@tests/setup/packages build bench
	@tests/setup/build --release
	@tests/setup/bench

pictures: ## Take docs/pictures/ anew with a real browser
	@tests/setup/packages build test
	@tests/setup/build
	@tests/setup/browser --pictures
