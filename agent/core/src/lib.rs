//! Every decision nixcast takes, as pure functions and state machines: what to change (`plan`), who may publish
//! (`admission`), how a broadcast begins, waits and ends (`lifecycle`), what a publisher's bytes mean (`rtmp`, `flv`),
//! which playlist a viewer sees (`hls`), who may say what in the chat (`chat`), what a stream measures (`facts`),
//! what players say of it (`cmcd`) and whether that is well (`health`).
//!
//! Reads no clock and does no I/O: `now` and bytes come in, decisions and bytes go out.
#![forbid(unsafe_code)]

pub mod admission;
pub mod certificates;
pub mod chat;
pub mod cmcd;
pub mod control;
pub mod diff;
pub mod facts;
pub mod flv;
pub mod health;
pub mod hls;
pub mod ids;
pub mod keys;
pub mod ladder;
pub mod lifecycle;
pub mod media;
pub mod networks;
pub mod overload;
pub mod passwords;
pub mod plan;
pub mod rtmp;
pub mod supervision;
pub mod timeline;
pub mod webhooks;
