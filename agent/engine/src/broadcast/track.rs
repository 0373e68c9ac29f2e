//! One rung's way from access units to segments, across encoders.
//!
//! A rung is fed by one feed at a time. When orders change, the next feed's units wait until the old one has delivered
//! its last, so that segments stay in order.

use nixcast_core::ids::EncoderId;
use nixcast_core::media::{AccessUnit, VideoConfig};

use crate::packager::{Segment, TrackPackager};

/// Units of a new encoder kept while the old one is flushed: ten seconds at 60 fps. More means that the old one's end
/// was lost, and the new one takes over.
const MOST_WAITING: usize = 600;

/// Where a rung's access units come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// The publisher's own pictures; the id names this run of them.
    Publisher(EncoderId),
    Encoder(EncoderId),
}

impl Feed {
    pub(super) fn id(self) -> EncoderId {
        match self {
            Self::Publisher(id) | Self::Encoder(id) => id,
        }
    }
}

/// What a rung delivers.
#[derive(Debug)]
pub(super) enum Made {
    /// From here on segments need this init section.
    Init { id: EncoderId, config: VideoConfig, data: bytes::Bytes },
    Segment(Segment),
}

#[derive(Debug)]
struct Line {
    feed: Feed,
    packager: TrackPackager,
}

#[derive(Debug)]
struct Waiting {
    feed: Feed,
    config: VideoConfig,
    units: Vec<AccessUnit>,
}

/// A rung that is being published, or about to be.
#[derive(Debug)]
pub(super) struct RungTrack {
    /// What orders say; none: the rung is to go.
    wanted: Option<Feed>,
    current: Option<Line>,
    next: Option<Waiting>,
}

impl RungTrack {
    pub(super) fn new(wanted: Feed) -> Self {
        Self { wanted: Some(wanted), current: None, next: None }
    }

    /// Follows new orders; the switch itself happens when the new feed delivers.
    pub(super) fn want(&mut self, feed: Option<Feed>) {
        self.wanted = feed;
        self.next = self.next.take().filter(|next| Some(next.feed) == feed);
    }

    pub(super) fn wanted(&self) -> Option<Feed> {
        self.wanted
    }

    pub(super) fn feed(&self) -> Option<Feed> {
        self.current.as_ref().map(|line| line.feed)
    }

    /// Whether nothing runs and nothing is wanted: the rung can be forgotten.
    pub(super) fn is_over(&self) -> bool {
        self.current.is_none() && self.wanted.is_none()
    }

    /// A feed announces its codec parameters. Those of a feed that is not wanted any more are passed over.
    pub(super) fn start(&mut self, feed: Feed, config: VideoConfig) {
        if self.wanted == Some(feed) {
            self.next = Some(Waiting { feed, config, units: Vec::new() });
        }
    }

    /// One unit of `feed`. `target_ms` is the segment duration for a packager that starts now.
    pub(super) fn push(&mut self, feed: Feed, unit: AccessUnit, target_ms: u32) -> Vec<Made> {
        if let Some(line) = self.current.as_mut().filter(|line| line.feed == feed) {
            let mut made: Vec<Made> = line.packager.push(unit).map(Made::Segment).into_iter().collect();
            // The publisher's own pictures end where an encoder's begin, not at an announcement.
            if self.next.as_ref().is_some_and(|next| next.units.len() > MOST_WAITING) {
                made.extend(self.switch(target_ms));
            }
            return made;
        }
        let Some(next) = self.next.as_mut().filter(|next| next.feed == feed) else { return Vec::new() };
        if next.units.is_empty() && !unit.is_sync {
            return Vec::new();
        }
        next.units.push(unit);
        let must_wait = matches!(self.current.as_ref().map(|line| line.feed), Some(Feed::Encoder(_)));
        if must_wait && next.units.len() <= MOST_WAITING { Vec::new() } else { self.switch(target_ms) }
    }

    /// `feed` has delivered its last unit.
    pub(super) fn ended(&mut self, feed: Feed, target_ms: u32) -> Vec<Made> {
        if self.current.as_ref().is_none_or(|line| line.feed != feed) {
            return Vec::new();
        }
        if self.next.as_ref().is_some_and(|next| !next.units.is_empty()) {
            return self.switch(target_ms);
        }
        self.flush()
    }

    /// Closes the open segment and ends the current feed.
    pub(super) fn flush(&mut self) -> Vec<Made> {
        self.current.take().and_then(|mut line| line.packager.flush()).map(Made::Segment).into_iter().collect()
    }

    pub(super) fn set_target(&mut self, target_ms: u32) {
        if let Some(line) = &mut self.current {
            line.packager.set_target(target_ms);
        }
    }

    fn switch(&mut self, target_ms: u32) -> Vec<Made> {
        let mut made = self.flush();
        let Some(Waiting { feed, config, units }) = self.next.take() else { return made };
        let mut packager = TrackPackager::video(config.clone(), target_ms);
        made.push(Made::Init { id: feed.id(), config, data: packager.init_segment() });
        made.extend(units.into_iter().filter_map(|unit| packager.push(unit)).map(Made::Segment));
        self.current = Some(Line { feed, packager });
        made
    }
}
