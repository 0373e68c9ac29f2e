//! The chat room, decided on paper: who is in it, what each may say and how often, what everybody is then told, and
//! what is to be remembered. [`room::Room`] takes commands and gives effects; the engine owns the sockets, the store and
//! the clock, and turns Markdown into HTML before a message comes here.
//!
//! What is sent is Owncast's chat protocol, so that its bots, overlays and apps work; where Owncast has nothing (nonces,
//! resuming, questions) there are fields and events of our own that its clients pass over.
//!
//! Everything in memory has a bound: [`bounds`] names them all, and what happens at each.

pub mod audit;
pub mod bans;
pub mod bounds;
pub mod command;
pub mod effect;
pub mod events;
mod fold;
pub mod history;
pub mod ids;
pub mod incoming;
mod invented;
pub mod names;
mod nonces;
mod people;
pub mod questions;
mod rates;
pub mod records;
pub mod refusal;
pub mod room;
pub mod rules;
pub mod stamp;
pub mod stream;
pub mod users;
pub mod webhooks;
