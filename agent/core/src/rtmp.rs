//! The server side of RTMP, for publishers only: bytes in, bytes and events out.
//!
//! [`Session`] holds one connection's protocol state and nothing else: no socket, no clock, no task. The engine feeds
//! what it reads, writes what [`Session::take_output`] gives, sets a deadline for each [`Stage`], and asks
//! `admission` what to do about [`Event::PublishRequested`]. Until that is accepted no media is taken or stored.
//!
//! Follows Adobe's RTMP specification 1.0 (2012) and, where clients differ from it, the clients (ffmpeg, librtmp and
//! OBS's librtmp). Enhanced RTMP is not announced; a publisher that sends it all the same is told which codec is not
//! taken when [`crate::flv`] reads the tag.

mod amf;
mod chunk;
mod command;
mod error;
mod event;
mod handshake;
mod limits;
mod metadata;
mod output;
mod session;

pub use amf::AmfError;
pub use error::SessionError;
pub use event::{Event, Stage, StreamKeyInput};
pub use limits::Limits;
pub use metadata::Metadata;
pub use session::Session;

#[cfg(test)]
mod tests;
