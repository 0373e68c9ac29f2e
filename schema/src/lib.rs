//! The settings document: the one description of everything an operator can declare.
//!
//! Owns the wire types with their defaults, limits and effects, the problems a document can have, and the digest.
//! Does no I/O and reads no clock. The agent parses with it, the NixOS build validates with it, the engine never
//! sees a document.
#![forbid(unsafe_code)]

mod settings;

pub use settings::*;
