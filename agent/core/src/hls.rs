//! Which playlist a viewer sees.
//!
//! Owns the facts of one broadcast's segments and every playlist written about them (names of RFC 8216bis). It never
//! holds media bytes and never reads a clock: the engine reports segments, asks for texts, and is told which
//! addresses it may free.
//!
//! [`Presentation`] is what the engine talks to. [`Window`] is one media playlist and the only author of one.

mod follow;
mod meter;
mod multivariant;
mod presentation;
mod recall;
mod reload;
mod retention;
mod rung;
#[cfg(test)]
mod tests;
mod uri;
mod window;

pub use presentation::{InitFacts, Presentation, PublishedVariant, SegmentFacts};
pub use recall::Recollection;
pub use reload::{Answer, BadDirective, Edge, Moment, Reload};
pub use uri::{Track, Uri, parent_of};
pub use window::{Content, Entry, Pace, Part, Span, Window};
