//! The settings document: the one description of everything an operator can declare.
//!
//! Owns the wire types with their defaults, limits and effects, the problems a document can have, and the digest.
//! Does no I/O and reads no clock. The agent parses with it, the NixOS build validates with it, the engine never
//! sees a document.
#![forbid(unsafe_code)]

mod check;
mod digest;
mod flat;
mod parse;
mod path;
mod problem;
mod rules;
mod schema;
mod settings;

pub use digest::{Digest, DigestError};
pub use flat::{Leaf, leaves_of};
pub use parse::MAX_DOCUMENT_BYTES;
pub use path::option_path;
pub use problem::{Problem, Problems};
pub use schema::{effects, json_schema};
pub use settings::*;
