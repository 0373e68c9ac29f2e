//! One client's bytes, written by hand or recorded, and what the session makes of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod attacks;
mod client;
mod dialogue;
mod metadata;
mod properties;
mod recorded;
