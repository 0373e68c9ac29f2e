//! The worker as the engine sees it: a socket with units going in and units and reports coming out.
//!
//! Inputs are made with the `ffmpeg` command, and what the worker gives is decoded with it again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

#[path = "worker/engine.rs"]
mod engine;
#[path = "worker/ladder.rs"]
mod ladder;
#[path = "worker/sound.rs"]
mod sound;
#[path = "worker/source.rs"]
mod source;
#[path = "worker/stills.rs"]
mod stills;
#[path = "worker/trouble.rs"]
mod trouble;
