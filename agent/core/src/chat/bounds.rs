//! Every bound of the room, and what happens at it.

/// Sockets in the room. One more is refused with `ERROR_MAX_CONNECTIONS_EXCEEDED`, as in Owncast.
pub const MAX_CONNECTIONS: usize = 20_000;

/// Sockets of one address, or of one /64 of IPv6, that only read along: stages, overlays and frames. One more is refused.
pub const MAX_OBSERVERS_PER_ADDRESS: usize = 50;

/// Sockets of one user, which are tabs and devices. One more is refused.
pub const MAX_CONNECTIONS_PER_USER: usize = 20;

/// Users in memory. A tenth of them makes room: those who are not connected, have nothing in the history and no rank,
/// longest unseen first. The store knows them still, and [`super::command::Command::Know`] brings one back. When nobody
/// can be spared, newcomers are refused.
pub const MAX_USERS: usize = 30_000;

/// Names of one user that are remembered. The oldest is forgotten.
pub const MAX_PREVIOUS_NAMES: usize = 50;

/// Messages in memory, whatever `historyMessages` says: moderators need a longer memory than newcomers are shown. The
/// oldest is dropped; the store has it.
pub const MAX_HISTORY: usize = 500;

/// HTML of one message, bytes. A message gets there with some three hundred custom emoji, and is refused.
pub const MAX_BODY_BYTES: usize = 32 * 1024;

/// Banned networks. One more is refused until another is lifted.
pub const MAX_BANS: usize = 1_000;

/// Characters of the note beside a ban; the rest is cut off.
pub const MAX_NOTE_CHARS: usize = 200;

/// Nonces in memory, of everybody. The oldest is forgotten, so that its message could be doubled: this takes 66 messages
/// a second for five minutes.
pub const MAX_NONCES: usize = 20_000;

/// Nonces of one user. His oldest is forgotten.
pub const MAX_NONCES_PER_USER: usize = 64;

/// Characters of a nonce. A message with a longer one is refused.
pub const MAX_NONCE_CHARS: usize = 16;

/// Addresses whose rate is counted at once. Those that have been quiet make room; when none has, the newcomer's message
/// is refused.
pub const MAX_ADDRESSES: usize = 20_000;

/// Questions in memory. Answered and hidden ones make room, oldest first; when there are none, a message that is marked as
/// a question is refused.
pub const MAX_QUESTIONS: usize = 500;

/// Votes in memory, over all questions. One more is refused.
pub const MAX_VOTES: usize = 100_000;

/// Messages that one command may hide or restore. More are refused.
pub const MAX_IDS: usize = 500;

/// Longest time-out and longest timed ban: one year, in seconds. A longer one is cut to it.
pub const MAX_SECONDS: u32 = 365 * 24 * 3600;
