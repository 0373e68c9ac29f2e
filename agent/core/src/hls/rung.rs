//! What a presentation knows of one rung, declared or on its way out.

use super::meter::Meter;
use super::presentation::InitFacts;
use super::uri::{Track, Uri};
use super::window::Window;

/// A playlist with what describes it in the multivariant playlist.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) track: Track,
    pub(super) window: Window,
    /// Init section of the encoder now at work.
    pub(super) init: Option<(Uri, InitFacts)>,
    pub(super) meter: Meter,
}

impl Line {
    pub(super) fn new(track: Track, window: Window) -> Self {
        Self { track, window, init: None, meter: Meter::default() }
    }

    /// The encoder's facts, once something of it can be played.
    pub(super) fn playable(&self) -> Option<&InitFacts> {
        self.init.as_ref().filter(|_| !self.window.is_empty()).map(|(_, facts)| facts)
    }
}

/// Where a rung's next segments come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Supply {
    /// Its own encoder.
    Own,
    /// The nearest rung that works, until a segment of its own arrives.
    Followed,
}

/// One rung's playlist and standing.
#[derive(Clone, Debug)]
pub(super) struct Rung {
    pub(super) name: String,
    pub(super) line: Line,
    pub(super) supply: Supply,
    /// Bits per second the settings ask for; 0 when the publisher decides. `None`: no longer in the ladder.
    pub(super) declared_bps: Option<u64>,
    /// Bits per second it had when it was last in the ladder, to find the nearest rung by.
    pub(super) last_declared_bps: u64,
    /// Whether a segment of its own has been listed since it was declared.
    pub(super) has_own: bool,
    /// The rung it was fed from last.
    pub(super) feeder: Option<String>,
    /// When someone last asked for its playlist, Unix milliseconds.
    pub(super) last_asked_ms: Option<i64>,
}

impl Rung {
    /// Whether it belongs in the multivariant playlist.
    pub(super) fn is_publishable(&self) -> bool {
        self.declared_bps.is_some() && self.has_own && self.line.playable().is_some()
    }

    /// Whether another rung may be fed from it.
    pub(super) fn can_feed(&self) -> bool {
        self.is_publishable() && self.supply == Supply::Own
    }

    /// Bits per second to compare rungs by: measured if possible, because a pass-through rung declares none.
    pub(super) fn weight_bps(&self) -> u64 {
        match self.line.meter.average_bps() {
            0 => self.last_declared_bps,
            measured => measured.max(self.last_declared_bps),
        }
    }
}
