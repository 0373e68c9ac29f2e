//! The chat: one room that everybody who watches can talk in.
//!
//! What happens is decided by [`nixcast_core::chat`]; here are its memory on disk, the HTML of messages, the sockets and
//! the task that owns the room.

#[allow(dead_code, reason = "what the task of the room makes of messages")]
mod body;
#[allow(dead_code, reason = "declared by the control task, served by the web server")]
mod emoji;
#[allow(dead_code, reason = "asked by the room's task and by the endpoints for moderators")]
mod store;
