//! Whether a stream is well, in plain words: what is wrong, whose doing it is, and what to set where.
//!
//! [`judge`] looks at the figures of one moment. [`Watch`] keeps what it found until it has held for some seconds, and
//! for some seconds after it is over, so that nothing flickers.

mod arrival;
mod encoding;
mod picture;
mod sender;
#[cfg(test)]
mod tests;
mod watch;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::facts::{QueueFacts, RungFacts, SourceFacts};
use crate::ladder::LatencyLevel;
use crate::overload;
pub use watch::Watch;

/// What a judgement is made of.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    pub source: &'a SourceFacts,
    /// Whether the publisher's connection stands, and for how long it has, or has not.
    pub is_connected: bool,
    pub since: Duration,
    pub rungs: &'a [RungFacts],
    pub queues: QueueFacts,
    /// Whether units could not be handed to the worker, lately.
    pub is_dropping: bool,
    pub latency: LatencyLevel,
    pub overload: Option<&'a overload::Verdict>,
}

/// How a stream fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// That of the worst finding.
    pub level: Level,
    /// Worst first.
    pub findings: Vec<Finding>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// Nothing to do; a finding of this level is worth knowing.
    #[default]
    Good,
    /// Viewers watch, with less than they could have.
    Fair,
    /// Viewers see or hear that something is wrong, or some cannot watch at all.
    Bad,
}

/// One thing to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub kind: Kind,
    pub level: Level,
    /// Cause and remedy.
    pub sentence: String,
}

/// What a finding is about; each is there once at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    ConnectionLost,
    PublisherSilent,
    NoPicture,
    NoSound,
    SoundApart,
    FallingBehind,
    PicturesMissing,
    LongRoundTrip,
    ClockJumps,
    DamagedMedia,
    KeyframesFarApart,
    NoKeyframe,
    VariableFrameRate,
    BFrames,
    NotForBrowsers,
    NotForOldPhones,
    LowBitrate,
    UnsteadyBitrate,
    TooSlow,
    RungsLeftOut,
    RungFailed,
    QueueFull,
}

impl Kind {
    /// Whether only the publisher's side can mend it; the rest is told by conditions of its own as well.
    #[must_use]
    pub fn is_of_publisher(self) -> bool {
        !matches!(self, Self::TooSlow | Self::RungsLeftOut | Self::RungFailed | Self::QueueFull)
    }
}

impl Health {
    /// The level as it is written in `status`.
    #[must_use]
    pub fn in_a_word(&self) -> &'static str {
        match self.level {
            Level::Good => "good",
            Level::Fair => "fair",
            Level::Bad => "bad",
        }
    }
}

impl Finding {
    fn new(kind: Kind, level: Level, sentence: impl Into<String>) -> Self {
        Self { kind, level, sentence: sentence.into() }
    }
}

/// Everything that can be said of this moment, in no order. [`Watch::observe`] says what of it to tell.
#[must_use]
pub fn judge(situation: &Situation<'_>) -> Vec<Finding> {
    let mut findings = encoding::judge(situation);
    let arrival = arrival::judge(situation);
    // Of a publisher that sends nothing there is nothing else to say.
    let is_there = !arrival.iter().any(|found| matches!(found.kind, Kind::ConnectionLost | Kind::PublisherSilent));
    findings.extend(arrival);
    if is_there {
        findings.extend(picture::judge(situation));
    }
    findings
}

/// "8.3", "2".
fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// "6,000".
fn thousands(value: impl Into<u64>) -> String {
    let value: u64 = value.into();
    if value < 1000 { value.to_string() } else { format!("{},{:03}", thousands(value / 1000), value % 1000) }
}
