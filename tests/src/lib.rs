//! What the end-to-end tests and the benchmarks are made of: the real binary on free loopback ports, real publishers,
//! and a watcher that plays the part of every viewer.
//!
//! Nothing here knows how the server works inside: it is driven by files, sockets and signals, and judged by what an
//! independent playlist parser and an independent decoder make of its output. Whatever goes wrong panics with a
//! sentence, every wait has a deadline, and every process that was started is ended when its owner is dropped.
#![forbid(unsafe_code)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a harness that cannot go on says so by panicking")]

pub mod agent;
pub mod beat;
pub mod certificate;
pub mod changes;
pub mod chatter;
pub mod clip;
pub mod connection;
pub mod flv;
pub mod generate;
pub mod http;
pub mod leaves;
pub mod low_latency;
pub mod media;
pub mod obs;
pub mod open_page;
pub mod players;
pub mod playlist;
pub mod process;
pub mod publish;
pub mod random;
pub mod server;
pub mod talker;
pub mod viewer;
pub mod wait;
pub mod watcher;
