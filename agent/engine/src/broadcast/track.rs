//! One rung's way from access units to segments and their parts, across encoders.
//!
//! A rung is fed by one feed at a time. When orders change, the next feed's units wait until the old one has delivered
//! its last, so that segments stay in order.

use nixcast_core::ids::EncoderId;
use nixcast_core::ladder::LatencyLevel;
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
    /// Segments may become this long, microseconds.
    Longest(i64),
    /// A segment that was begun, grown or finished.
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
    /// Most ticks between two keyframes of the publisher, if its encoder says so.
    keyframes: Option<i64>,
}

impl RungTrack {
    pub(super) fn new(wanted: Feed) -> Self {
        Self { wanted: Some(wanted), current: None, next: None, keyframes: None }
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

    /// One unit of `feed`. `level` is that of a packager that starts now.
    pub(super) fn push(&mut self, feed: Feed, unit: AccessUnit, level: LatencyLevel) -> Vec<Made> {
        if let Some(line) = self.current.as_mut().filter(|line| line.feed == feed) {
            let mut made: Vec<Made> = line.packager.push(unit).map(Made::Segment).into_iter().collect();
            // The publisher's own pictures end where an encoder's begin, not at an announcement.
            if self.next.as_ref().is_some_and(|next| next.units.len() > MOST_WAITING) {
                made.extend(self.switch(level));
            }
            return made;
        }
        let Some(next) = self.next.as_mut().filter(|next| next.feed == feed) else { return Vec::new() };
        if next.units.is_empty() && !unit.is_sync {
            return Vec::new();
        }
        next.units.push(unit);
        let must_wait = matches!(self.current.as_ref().map(|line| line.feed), Some(Feed::Encoder(_)));
        if must_wait && next.units.len() <= MOST_WAITING { Vec::new() } else { self.switch(level) }
    }

    /// `feed` has delivered its last unit.
    pub(super) fn ended(&mut self, feed: Feed, level: LatencyLevel) -> Vec<Made> {
        if self.current.as_ref().is_none_or(|line| line.feed != feed) {
            return Vec::new();
        }
        if self.next.as_ref().is_some_and(|next| !next.units.is_empty()) {
            return self.switch(level);
        }
        self.flush()
    }

    /// Closes the open segment and ends the current feed.
    pub(super) fn flush(&mut self) -> Vec<Made> {
        self.current.take().and_then(|mut line| line.packager.flush()).map(Made::Segment).into_iter().collect()
    }

    /// As [`Self::flush`], and forgets what was announced: the publisher is gone.
    pub(super) fn rest(&mut self) -> Vec<Made> {
        self.next = None;
        self.flush()
    }

    /// What the publisher's encoder says of its keyframes; call it before the first of them.
    pub(super) fn expect_keyframes(&mut self, most_apart: i64) {
        self.keyframes = Some(most_apart);
        if let Some(Line { feed: Feed::Publisher(_), packager }) = &mut self.current {
            packager.expect_keyframes(self.keyframes);
        }
    }

    pub(super) fn set_level(&mut self, level: LatencyLevel) {
        if let Some(line) = &mut self.current {
            line.packager.set_level(level);
        }
    }

    fn switch(&mut self, level: LatencyLevel) -> Vec<Made> {
        let mut made = self.flush();
        let Some(Waiting { feed, config, units }) = self.next.take() else { return made };
        let mut packager = match feed {
            Feed::Publisher(_) => TrackPackager::video(config.clone(), level),
            Feed::Encoder(_) => TrackPackager::encoded_video(config.clone(), level),
        };
        made.push(Made::Init { id: feed.id(), config, data: packager.init_segment() });
        packager.expect_keyframes(self.keyframes);
        made.extend(packager.longest_us().map(Made::Longest));
        made.extend(units.into_iter().filter_map(|unit| packager.push(unit)).map(Made::Segment));
        self.current = Some(Line { feed, packager });
        made
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const PUBLISHER: Feed = Feed::Publisher(EncoderId(1));
    const OLD: Feed = Feed::Encoder(EncoderId(2));
    const NEW: Feed = Feed::Encoder(EncoderId(3));

    /// Segments of a second.
    fn level() -> LatencyLevel {
        LatencyLevel::new(0)
    }

    fn config() -> VideoConfig {
        // Main profile, level 3.1, one SPS of four bytes, one PPS of two.
        let avcc = [1, 77, 0, 31, 0xff, 0xe1, 0, 4, 0x67, 77, 0, 31, 1, 0, 2, 0x68, 0xee];
        VideoConfig { avcc: Bytes::copy_from_slice(&avcc), width: 640, height: 360 }
    }

    /// Half-second pictures, every second one an IDR.
    fn unit(half_seconds: i64) -> AccessUnit {
        let dts = half_seconds * 45_000;
        AccessUnit { dts, pts: dts, is_sync: half_seconds % 2 == 0, data: Bytes::from_static(&[0, 0, 0, 1, 0x65]) }
    }

    /// What was delivered, in words: "init 2" and "start of whole segment in ms".
    fn told(made: Vec<Made>) -> Vec<String> {
        made.into_iter()
            .filter_map(|made| match made {
                Made::Init { id, .. } => Some(format!("init {}", id.0)),
                Made::Longest(longest_us) => Some(format!("up to {}", longest_us / 1000)),
                Made::Segment(segment) => segment.is_whole.then(|| format!("{}", segment.start_us / 1000)),
            })
            .collect()
    }

    fn running(feed: Feed, halves: std::ops::Range<i64>) -> (RungTrack, Vec<String>) {
        let mut track = RungTrack::new(feed);
        track.start(feed, config());
        let made = halves.flat_map(|half| told(track.push(feed, unit(half), level()))).collect();
        (track, made)
    }

    #[test]
    fn a_rung_begins_with_an_init_section_and_a_keyframe() {
        let (_, made) = running(OLD, 1..6);
        assert_eq!(made, ["init 2", "1000"]);
    }

    #[test]
    fn how_long_segments_may_become_is_said_before_the_first_of_them() {
        let mut track = RungTrack::new(PUBLISHER);
        track.start(PUBLISHER, config());
        track.expect_keyframes(750_000);
        let made: Vec<String> = (0..5).flat_map(|half| told(track.push(PUBLISHER, unit(half), level()))).collect();
        assert_eq!(made, ["init 1", "up to 8333", "0", "1000"]);
    }

    #[test]
    fn a_new_encoder_waits_for_the_last_of_the_old_one() {
        let (mut track, _) = running(OLD, 0..4);
        track.want(Some(NEW));
        track.start(NEW, config());
        assert!(track.push(NEW, unit(6), level()).is_empty());
        assert!(track.push(NEW, unit(7), level()).is_empty());
        assert_eq!(told(track.push(OLD, unit(4), level())), ["1000"]);
        assert_eq!(told(track.ended(OLD, level())), ["2000", "init 3"]);
        assert_eq!(track.feed(), Some(NEW));
    }

    #[test]
    fn an_encoder_takes_over_from_the_publisher_with_its_first_picture() {
        let (mut track, _) = running(PUBLISHER, 0..6);
        track.want(Some(NEW));
        track.start(NEW, config());
        assert_eq!(told(track.push(PUBLISHER, unit(6), level())), ["2000"]);
        assert_eq!(told(track.push(NEW, unit(6), level())), ["3000", "init 3"]);
    }

    #[test]
    fn a_feed_nobody_wants_is_passed_over() {
        let (mut track, _) = running(OLD, 0..4);
        track.start(NEW, config());
        assert!(track.push(NEW, unit(4), level()).is_empty());
        assert_eq!(track.feed(), Some(OLD));
    }

    #[test]
    fn a_removed_rung_delivers_its_last_segment_and_is_over() {
        let (mut track, _) = running(OLD, 0..4);
        track.want(None);
        assert!(!track.is_over());
        assert_eq!(told(track.ended(OLD, level())), ["1000"]);
        assert!(track.is_over());
    }
}
