//! Why something is not done.

use std::net::IpAddr;

use super::bans::BanError;
use super::bounds::{MAX_CONNECTIONS_PER_USER, MAX_IDS, MAX_NONCE_CHARS};
use super::names::NameError;

/// `Display` is what the person reads who asked for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("The chat is turned off.")]
    ChatOff,
    #[error("The chat is closed because the stream is over.")]
    Closed,
    #[error("The chat can only be read right now: its server cannot tell who is banned.")]
    ReadOnly,
    #[error("The chat has no more room. Please try again later.")]
    Full,
    #[error("You are in the chat {MAX_CONNECTIONS_PER_USER} times already. Close one of the other windows.")]
    TooManyConnections,
    #[error("You cannot take part in this chat.")]
    Disabled,
    #[error("The chat cannot be used from your network.")]
    NetworkBanned,
    #[error("This connection is not part of the chat.")]
    NotConnected,
    #[error("This connection only reads along.")]
    Observing,
    #[error("The chat is read along from your network too often already.")]
    TooManyObservers,
    /// The store may know the user: [`super::command::Command::Know`].
    #[error("There is no such user.")]
    NoSuchUser,
    #[error("There is no such message.")]
    NoSuchMessage,
    #[error("There is no such question.")]
    NoSuchQuestion,
    #[error("That network is not banned.")]
    NoSuchBan,
    #[error("There is nothing to send.")]
    Empty,
    #[error("This message is too long: {bytes} bytes, and {limit} are taken.")]
    TooLong { bytes: usize, limit: usize },
    #[error("A message's own mark has 1 to {MAX_NONCE_CHARS} characters.")]
    BadNonce,
    /// Told once; what follows while it lasts is [`Refusal::Muted`].
    #[error("You are sending too fast. Please wait {}.", span(*seconds, "second"))]
    Flood { seconds: i64 },
    #[error("You are sending too fast.")]
    Muted,
    #[error("Too much is coming from your network right now. Please send it again in a moment.")]
    AddressFlood,
    #[error("Slow mode is on. You can send the next message in {}.", span(*seconds, "second"))]
    SlowMode { seconds: i64 },
    #[error("A moderator has paused you. You can take part again in {}.", long_span(*seconds))]
    TimedOut { seconds: i64 },
    #[error("Only those who have been here for a while can take part right now. You can in {}.", span(*minutes, "minute"))]
    NotEstablished { minutes: i64 },
    #[error("The name {0}.")]
    Name(NameError),
    #[error("There is no such colour.")]
    NoSuchColour,
    #[error("There are too many open questions right now.")]
    TooManyQuestions,
    #[error("You cannot vote for your own question.")]
    OwnQuestion,
    #[error("This question has been answered.")]
    Answered,
    #[error("Only moderators can do that.")]
    NotModerator,
    #[error("You cannot do that to a moderator of your rank or above.")]
    Outranked,
    #[error(
        "The moderator \"{name}\" is declared by the operator. Change the option services.nixcast.chat.moderators.\"{name}\" instead."
    )]
    Declared { name: String },
    #[error("A bot cannot be a moderator; what it may do is declared with its access token.")]
    Bot,
    #[error("There is no moderator \"{name}\" declared.")]
    NotDeclared { name: String },
    #[error("That network cannot be banned: {0}.")]
    Network(BanError),
    #[error("{network} contains your own address, {address}: you would lock yourself out.")]
    OwnNetwork { network: String, address: IpAddr },
    #[error("Only moderators whom the operator has declared can appoint others.")]
    MayNotAppoint,
    #[error("At most {MAX_IDS} messages can be changed at once.")]
    TooManyIds,
}

fn span(count: i64, unit: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// Seconds that may be many: from a minute and a half on, in minutes that are rounded up.
fn long_span(seconds: i64) -> String {
    if seconds > 90 { span(seconds.saturating_add(59) / 60, "minute") } else { span(seconds, "second") }
}

impl Refusal {
    /// Whether the sender is told nothing, as Owncast tells nothing: what is empty, and what comes while muted.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        matches!(self, Self::Empty | Self::Muted | Self::NotConnected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_sentence() {
        for (refusal, text) in [
            (Refusal::SlowMode { seconds: 1 }, "Slow mode is on. You can send the next message in 1 second."),
            (Refusal::TimedOut { seconds: 90 }, "A moderator has paused you. You can take part again in 90 seconds."),
            (Refusal::TimedOut { seconds: 541 }, "A moderator has paused you. You can take part again in 10 minutes."),
            (Refusal::Flood { seconds: 10 }, "You are sending too fast. Please wait 10 seconds."),
            (Refusal::Name(NameError::Taken), "The name looks like that of somebody else."),
            (Refusal::Name(NameError::TooLong), "The name is longer than 30 characters."),
            (
                Refusal::Network(BanError::TooLarge),
                "That network cannot be banned: it is too large: at least /8 for IPv4 and /16 for IPv6.",
            ),
        ] {
            assert_eq!(refusal.to_string(), text);
        }
    }
}
