//! The promise, held against the real binary: real publishers, real changes, and a watcher that plays every viewer.
//!
//! `make test` runs these; `NIXCAST_BIN=build/nixcast cargo test -p nixcast-tests --test e2e live_change` runs some.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what is wrong by panicking")]

mod admin_view;
mod as_people_have_it;
mod bad_input;
mod behind_proxy;
mod chat_options;
mod chat_sockets;
mod effects;
mod encoders;
mod examples;
mod facts;
mod first_answers;
mod hot_ladder;
mod ingest;
mod integrations;
mod isolation;
mod ladder_storm;
mod last_good;
mod life_cycle;
mod live;
mod live_change;
mod low_latency;
mod moderation;
mod monitoring;
mod mutated;
mod nix_run;
mod overload;
mod owncast;
mod page_settings;
mod pair;
mod random_changes;
mod rtmps;
mod secrets;
mod stills;
mod video;
mod watching;
mod webhooks;
