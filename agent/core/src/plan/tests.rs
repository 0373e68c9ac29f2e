//! Properties of every plan, on a model of the engine, and golden texts of some.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod golden;
mod model;
mod properties;
