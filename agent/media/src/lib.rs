//! The transcoding worker and the protocol the engine speaks with it.
//!
//! `protocol` is plain data and always built. The worker itself (feature `worker`) is the only code that names
//! FFmpeg; it opens no file and no socket but the one it inherits as standard input, and locks itself into a `sandbox`
//! in which it could not. What little `unsafe` the project has is here.
#![deny(unsafe_code)]

/// Names the file in which a test says how a worker is to fail. Debug builds alone know it.
#[cfg(debug_assertions)]
pub const FAULT_VARIABLE: &str = "NIXCAST_WORKER_FAULT";

pub mod allowance;
pub mod hex;
pub mod protocol;
pub mod round_trip;

#[cfg(feature = "worker")]
pub mod sandbox;
#[cfg(feature = "worker")]
mod worker;
#[cfg(feature = "worker")]
pub use worker::{
    Hardware, Unusable, WorkerError, WorkerOptions, probe, run_worker, run_worker_on_stdin, run_worker_with,
};
