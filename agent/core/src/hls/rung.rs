//! What a presentation knows of one rung, declared or on its way out.

use super::meter::Meter;
use super::presentation::{InitFacts, SegmentFacts};
use super::uri::{Track, Uri};
use super::window::{Content, Entry, Open, Span, Window};
use bytes::Bytes;

/// A playlist with what describes it in the multivariant playlist.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) track: Track,
    pub(super) window: Window,
    /// Init section of the encoder now at work.
    pub(super) init: Option<(Uri, InitFacts)>,
    pub(super) meter: Meter,
    /// Longest segment to be expected, microseconds; 0: as long as the latency level asks for.
    pub(super) longest_us: i64,
    /// The playlist's text, whole and as a delta update, and which version of the presentation each is of.
    pub(super) texts: [Option<(u64, Bytes)>; 2],
}

/// What became of a segment that a rung's encoder delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// The playlist has its time already, or shows another rung's segment to its end first.
    Unwanted,
    /// It is listed, as its own first part or as a whole.
    New(Uri),
    /// It was listed already and is longer now, or whole.
    Grown(Uri),
}

impl Placed {
    pub(super) fn uri(self) -> Option<Uri> {
        match self {
            Self::Unwanted => None,
            Self::New(uri) | Self::Grown(uri) => Some(uri),
        }
    }
}

impl Line {
    pub(super) fn new(track: Track, window: Window) -> Self {
        Self { track, window, init: None, meter: Meter::default(), longest_us: 0, texts: [None, None] }
    }

    /// Lists the segment of `facts`, or what is new of it. `id` is the broadcast's; `program_date_time_ms` belongs to
    /// the start of `span`.
    pub(super) fn place(&mut self, id: &str, span: Span, program_date_time_ms: i64, facts: SegmentFacts) -> Placed {
        let begins_there = |open: &Open| (open.entry.span.start_us, open.entry.span.era) == (span.start_us, span.era);
        let (placed, entry) = match self.window.open().cloned() {
            Some(open) if open.is_followed => return Placed::Unwanted,
            Some(open) if begins_there(&open) => {
                let Content::Segment { uri, map, is_independent, parts: _ } = open.entry.content else {
                    return Placed::Unwanted;
                };
                let content = Content::Segment { uri: uri.clone(), map, is_independent, parts: facts.parts };
                (Placed::Grown(uri), Entry { span, content, ..open.entry })
            }
            unfinished => {
                if unfinished.is_some() {
                    self.window.abandon();
                }
                let Some((map, _)) = self.init.as_ref().filter(|_| self.window.wants(span)) else {
                    return Placed::Unwanted;
                };
                let map = map.clone();
                self.window.bridge(span, program_date_time_ms);
                let msn = self.window.next_msn();
                let uri = Uri::segment(&self.track, id, msn);
                let SegmentFacts { is_independent, parts, .. } = facts;
                let content = Content::Segment { uri: uri.clone(), map, is_independent, parts };
                (Placed::New(uri), Entry { msn, span, program_date_time_ms, content })
            }
        };
        self.window.grow(Open { entry, is_followed: false });
        if facts.is_whole {
            self.window.close();
            self.meter.record(facts.bytes, facts.duration_us);
        }
        placed
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
