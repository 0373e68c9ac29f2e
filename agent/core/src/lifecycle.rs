//! A broadcast's way from its first publisher to its end: starting, live, waiting for a publisher that was lost, over.
//!
//! Decides on events and the moments they are told with, milliseconds on any clock that does not run back. The engine
//! asks who may come in, tells who left and what arrived, and looks from time to time whether the wait is over.

use nixcast_schema::Takeover;

use crate::admission::{Admitted, Refusal};
use crate::control::BroadcastRules;
use crate::ids::SessionId;
use crate::keys;

/// Silence after which `whenSilent` lets a second connection take over. OBS tries again every two seconds, so that
/// its second try gets in at the latest.
pub const SILENT_MS: i64 = 2_000;

/// Time without a picture or a sound after which viewers are told, although the connection stands: longer than what
/// players have buffered anyway at most latency levels, and than a hiccup of a mobile line.
pub const STALLED_MS: i64 = 5_000;

/// How a publisher's connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The publisher said that it stops.
    Orderly,
    /// It broke off, fell silent, or broke the protocol: whoever streams may want to go on.
    Lost,
}

/// What is to be done for somebody whose key is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nobody waits for a publisher: a broadcast begins.
    Begin,
    /// The broadcast that lost its publisher goes on.
    Resume,
    /// The connection that publishes is ended, and the broadcast goes on with this one.
    TakeOver,
    /// The broadcast that waits for another key is over, and one begins.
    Supersede,
}

/// What becomes of a broadcast whose publisher left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aftermath {
    Waits,
    Ends,
}

/// Where a broadcast stands, as far as anybody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is nothing to play yet.
    Starting,
    Live,
    Reconnecting(Reconnecting),
}

/// Nothing arrives from the publisher, or nothing yet that could be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnecting {
    /// When the last of it arrived.
    pub since_ms: i64,
    /// When the broadcast ends unless the publisher comes back; none while its connection stands.
    pub until_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Publisher {
    Connected {
        session: SessionId,
        /// When the last picture or sound arrived, or the session was let in.
        heard_ms: i64,
    },
    Lost {
        /// When the last picture or sound arrived.
        heard_ms: i64,
        /// When the connection ended, from which the wait counts.
        left_ms: i64,
    },
}

/// One broadcast's standing.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    by: Admitted,
    publisher: Publisher,
    /// Whether viewers can play something of the present connection.
    is_playable: bool,
    /// When the connection before the present one was heard last.
    heard_before_ms: Option<i64>,
}

impl Lifecycle {
    /// A broadcast that begins with the publisher who was let in as `by`.
    #[must_use]
    pub fn begin(session: SessionId, by: Admitted, now_ms: i64) -> Self {
        let publisher = Publisher::Connected { session, heard_ms: now_ms };
        Self { by, publisher, is_playable: false, heard_before_ms: None }
    }

    /// A broadcast whose publisher was lost at `left_ms` while nobody was there to notice: the engine was restarted.
    #[must_use]
    pub fn recalled(by: Admitted, left_ms: i64) -> Self {
        Self { by, publisher: Publisher::Lost { heard_ms: left_ms, left_ms }, is_playable: true, heard_before_ms: None }
    }

    /// With which grant the publisher was let in.
    #[must_use]
    pub fn by(&self) -> &Admitted {
        &self.by
    }

    /// The connection that publishes.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        match self.publisher {
            Publisher::Connected { session, .. } => Some(session),
            Publisher::Lost { .. } => None,
        }
    }

    /// Since when it has waited for a publisher, if it does.
    #[must_use]
    pub fn left_ms(&self) -> Option<i64> {
        match self.publisher {
            Publisher::Connected { .. } => None,
            Publisher::Lost { left_ms, .. } => Some(left_ms),
        }
    }

    /// A picture or a sound arrived.
    pub fn hear(&mut self, now_ms: i64) {
        if let Publisher::Connected { heard_ms, .. } = &mut self.publisher {
            *heard_ms = now_ms.max(*heard_ms);
        }
    }

    /// Viewers can play what the present connection brings from now on.
    pub fn become_playable(&mut self) {
        self.is_playable = true;
    }

    /// Judges a connection that was let in as `who` with the key `presented`. `silent_ms` is how long nothing at all,
    /// media or not, has come over the connection that publishes.
    ///
    /// # Errors
    /// Why it has to stay out, for its streamer to read.
    pub fn judge(
        &self,
        who: &Admitted,
        presented: &[u8],
        silent_ms: i64,
        rules: &BroadcastRules,
    ) -> Result<Entry, Refusal> {
        let is_same = self.is_same_key(who, presented);
        match (self.publisher, is_same, rules.takeover) {
            (Publisher::Lost { .. }, true, _) => Ok(Entry::Resume),
            (Publisher::Lost { .. }, false, _) => Ok(Entry::Supersede),
            (Publisher::Connected { .. }, false, _) => Err(Refusal::ChannelTaken),
            (Publisher::Connected { .. }, true, Takeover::Always) => Ok(Entry::TakeOver),
            (Publisher::Connected { .. }, true, Takeover::WhenSilent) if silent_ms >= SILENT_MS => Ok(Entry::TakeOver),
            (Publisher::Connected { .. }, true, Takeover::WhenSilent) => Err(Refusal::KeyInUse),
            (Publisher::Connected { .. }, true, Takeover::Never) => Err(Refusal::KeyInUseForGood),
        }
    }

    /// The broadcast goes on with this connection.
    pub fn resume(&mut self, session: SessionId, by: Admitted, now_ms: i64) {
        let (Publisher::Connected { heard_ms, .. } | Publisher::Lost { heard_ms, .. }) = self.publisher;
        // A connection that brought nothing to play was no return.
        let since_ms = self.heard_before_ms.filter(|_| !self.is_playable).unwrap_or(heard_ms);
        self.by = by;
        self.publisher = Publisher::Connected { session, heard_ms: now_ms };
        self.heard_before_ms = Some(since_ms);
        self.is_playable = false;
    }

    /// A connection ended. None if it is not the one that publishes, which is then as it was.
    pub fn leave(
        &mut self,
        session: SessionId,
        departure: Departure,
        rules: &BroadcastRules,
        now_ms: i64,
    ) -> Option<Aftermath> {
        let Publisher::Connected { session: own, heard_ms } = self.publisher else { return None };
        if own != session {
            return None;
        }
        self.publisher = Publisher::Lost { heard_ms, left_ms: now_ms };
        let is_wanted_back = departure == Departure::Lost && rules.grace_seconds > 0;
        Some(if is_wanted_back { Aftermath::Waits } else { Aftermath::Ends })
    }

    /// Whether the wait for a lost publisher has been in vain.
    #[must_use]
    pub fn is_over(&self, rules: &BroadcastRules, now_ms: i64) -> bool {
        self.left_ms().is_some_and(|left_ms| now_ms >= end_of_wait(left_ms, rules))
    }

    /// What viewers and the operator are told.
    #[must_use]
    pub fn standing(&self, rules: &BroadcastRules, now_ms: i64) -> Standing {
        match self.publisher {
            Publisher::Lost { heard_ms, left_ms } => {
                let until_ms = Some(end_of_wait(left_ms, rules));
                Standing::Reconnecting(Reconnecting { since_ms: heard_ms, until_ms })
            }
            Publisher::Connected { .. } if !self.is_playable => match self.heard_before_ms {
                None => Standing::Starting,
                Some(since_ms) => Standing::Reconnecting(Reconnecting { since_ms, until_ms: None }),
            },
            Publisher::Connected { heard_ms, .. } if now_ms - heard_ms >= STALLED_MS => {
                Standing::Reconnecting(Reconnecting { since_ms: heard_ms, until_ms: None })
            }
            Publisher::Connected { .. } => Standing::Live,
        }
    }

    /// Whether it is the key the broadcast runs on. The salt may be another meanwhile: a restarted agent takes a new
    /// one.
    fn is_same_key(&self, who: &Admitted, presented: &[u8]) -> bool {
        let (had, has) = (&self.by.grant, &who.grant);
        let is_same_grant = (&had.salt, &had.hash) == (&has.salt, &has.hash);
        self.by.key_name == who.key_name && (is_same_grant || keys::verify(had, presented))
    }
}

fn end_of_wait(left_ms: i64, rules: &BroadcastRules) -> i64 {
    left_ms.saturating_add(i64::from(rules.grace_seconds) * 1000)
}

#[cfg(test)]
mod tests;
