//! The whole agent against a model engine on a unix socket: files change, the engine follows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod behaviour;
mod model_engine;
mod world;
