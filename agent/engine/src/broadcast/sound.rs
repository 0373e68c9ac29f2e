//! The sound all rungs share: the publisher's own or the worker's, one rendition either way.
//!
//! A change of source is cut so that the rendition has neither hole nor echo: the new source goes on where the old one
//! has ended, and the publisher's last seconds are kept so that it can.

use std::collections::VecDeque;

use bytes::Bytes;
use nixcast_core::ids::EncoderId;
use nixcast_core::ladder::{AudioOrder, LatencyLevel};
use nixcast_core::media::{AccessUnit, AudioConfig};
use nixcast_core::timeline::SAMPLES_PER_FRAME;

use crate::packager::{Segment, TrackPackager};

/// Publisher's frames kept for a change of source: four seconds at 48 kHz, more than the worker can lag behind.
const MOST_RECENT: usize = 200;

/// What the sound track delivers.
#[derive(Debug)]
pub(super) enum Made {
    Init {
        id: EncoderId,
        config: AudioConfig,
        data: Bytes,
    },
    /// A segment that was begun, grown or finished.
    Segment(Segment),
}

#[derive(Debug)]
struct Line {
    /// None: the publisher's own.
    encoder: Option<EncoderId>,
    sample_rate: u32,
    packager: TrackPackager,
    /// Where the next frame belongs, in samples.
    end: i64,
}

/// The one audio rendition of a broadcast.
#[derive(Debug, Default)]
pub(super) struct Sound {
    source: Option<(AudioConfig, EncoderId)>,
    wanted: Option<AudioOrder>,
    encoded: Option<(EncoderId, AudioConfig)>,
    /// The encoder whose first frame has come: from then on the publisher's own sound waits for nothing more.
    arrived: Option<EncoderId>,
    current: Option<Line>,
    recent: VecDeque<AccessUnit>,
}

impl Sound {
    pub(super) fn want(&mut self, order: AudioOrder) {
        self.wanted = Some(order);
    }

    /// Whether the publisher sends sound at all.
    pub(super) fn source(&self) -> Option<&AudioConfig> {
        self.source.as_ref().map(|(config, _id)| config)
    }

    pub(super) fn set_level(&mut self, level: LatencyLevel) {
        if let Some(line) = &mut self.current {
            line.packager.set_level(level);
        }
    }

    /// The publisher announces its sound; `id` names it from here on. False if nothing changed.
    pub(super) fn start_source(&mut self, config: AudioConfig, id: EncoderId) -> bool {
        if self.source() == Some(&config) {
            return false;
        }
        self.source = Some((config, id));
        self.recent.clear();
        true
    }

    /// The worker announces its sound.
    pub(super) fn start_encoded(&mut self, id: EncoderId, config: AudioConfig) {
        self.encoded = Some((id, config));
    }

    /// One frame of the publisher's.
    pub(super) fn push_source(&mut self, unit: AccessUnit, level: LatencyLevel) -> Vec<Made> {
        self.recent.push_back(unit);
        if self.recent.len() > MOST_RECENT {
            self.recent.pop_front();
        }
        let Some((config, id)) = self.source.clone() else { return Vec::new() };
        let is_running =
            self.current.as_ref().is_some_and(|line| line.encoder.is_none() && line.sample_rate == config.sample_rate);
        let is_due = match self.wanted {
            Some(AudioOrder::Passthrough) => true,
            // A new encoder begins at the next grid point; until its first frame is here, nobody goes without sound.
            Some(AudioOrder::Encode { id, .. }) => is_running && self.arrived != Some(id),
            None => false,
        };
        if !is_due {
            return Vec::new();
        }
        let from = self.resume_at(config.sample_rate);
        let mut made: Vec<Made> = if is_running { Vec::new() } else { self.open(None, id, config, level).collect() };
        let missed: Vec<AccessUnit> =
            self.recent.iter().filter(|unit| from.is_none_or(|from| unit.dts >= from)).cloned().collect();
        made.extend(missed.into_iter().filter_map(|unit| self.append(unit)));
        made
    }

    /// One frame of the worker's encoder `id`.
    pub(super) fn push_encoded(&mut self, id: EncoderId, unit: AccessUnit, level: LatencyLevel) -> Vec<Made> {
        let is_wanted = matches!(self.wanted, Some(AudioOrder::Encode { id: wanted, .. }) if wanted == id);
        if self.current.as_ref().is_some_and(|line| line.encoder == Some(id)) {
            return self.append(unit).into_iter().collect();
        }
        let Some((_, config)) = self.encoded.clone().filter(|(started, _)| *started == id && is_wanted) else {
            return Vec::new();
        };
        self.arrived = Some(id);
        if self.resume_at(config.sample_rate).is_some_and(|from| unit.dts < from) {
            return Vec::new();
        }
        let mut made: Vec<Made> = self.open(Some(id), id, config, level).collect();
        made.extend(self.append(unit));
        made
    }

    /// Closes the open segment.
    pub(super) fn flush(&mut self) -> Option<Made> {
        self.current.take().and_then(|mut line| line.packager.flush()).map(Made::Segment)
    }

    /// Closes the open segment and forgets the publisher, who is gone; what is wanted stays wanted.
    pub(super) fn rest(&mut self) -> Option<Made> {
        let last = self.flush();
        *self = Self { wanted: self.wanted, ..Self::default() };
        last
    }

    /// Where the running line ends, in samples of `rate`, half a frame early so that rounding drops nothing.
    fn resume_at(&self, rate: u32) -> Option<i64> {
        let line = self.current.as_ref()?;
        Some(line.end * i64::from(rate) / i64::from(line.sample_rate) - SAMPLES_PER_FRAME / 2)
    }

    fn open(
        &mut self,
        encoder: Option<EncoderId>,
        id: EncoderId,
        config: AudioConfig,
        level: LatencyLevel,
    ) -> impl Iterator<Item = Made> + use<> {
        let last = self.flush();
        let packager = TrackPackager::audio(config.clone(), level);
        let data = packager.init_segment();
        self.current = Some(Line { encoder, sample_rate: config.sample_rate, packager, end: 0 });
        last.into_iter().chain([Made::Init { id, config, data }])
    }

    fn append(&mut self, unit: AccessUnit) -> Option<Made> {
        let line = self.current.as_mut()?;
        line.end = unit.dts + SAMPLES_PER_FRAME;
        line.packager.push(unit).map(Made::Segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSED: AudioOrder = AudioOrder::Passthrough;
    const ENCODER: EncoderId = EncoderId(7);
    const ENCODED: AudioOrder = AudioOrder::Encode { id: ENCODER, bitrate_kbps: 96 };

    /// Segments of a second.
    fn level() -> LatencyLevel {
        LatencyLevel::new(0)
    }

    fn config() -> AudioConfig {
        AudioConfig { asc: Bytes::from_static(&[0x11, 0x90]), sample_rate: 48_000, channels: 2 }
    }

    fn frame(number: i64) -> AccessUnit {
        let dts = number * SAMPLES_PER_FRAME;
        AccessUnit { dts, pts: dts, is_sync: true, data: Bytes::from_static(&[0x21, 0x10]) }
    }

    fn passing() -> Sound {
        let mut sound = Sound::default();
        sound.want(PASSED);
        assert!(sound.start_source(config(), EncoderId(1)));
        sound
    }

    /// Starts and ends of the whole segments, microseconds.
    fn spans(made: &[Made]) -> Vec<(i64, i64)> {
        made.iter()
            .filter_map(|made| match made {
                Made::Segment(segment) if segment.is_whole => {
                    Some((segment.start_us, segment.start_us + segment.duration_us))
                }
                Made::Segment(_) | Made::Init { .. } => None,
            })
            .collect()
    }

    /// Fails unless each segment begins where the one before has ended, to the millisecond.
    fn assert_gapless(made: &[Made]) {
        let spans = spans(made);
        assert!(spans.len() > 3);
        for pair in spans.windows(2) {
            assert!((pair[0].1 - pair[1].0).abs() < 1000, "{spans:?}");
        }
    }

    #[test]
    fn the_publishers_sound_goes_on_until_the_encoder_delivers_and_again_after_it() {
        let mut sound = passing();
        let mut made = Vec::new();
        for number in 0..400 {
            match number {
                100 => sound.want(ENCODED),
                250 => sound.want(PASSED),
                _ => (),
            }
            made.extend(sound.push_source(frame(number), level()));
            // The encoder begins 40 frames after it was asked for, and lags four frames behind.
            if (144..250).contains(&number) {
                sound.start_encoded(ENCODER, config());
                made.extend(sound.push_encoded(ENCODER, frame(number - 4), level()));
            }
        }
        made.extend(sound.flush());
        assert_gapless(&made);
        let inits = made.iter().filter(|made| matches!(made, Made::Init { .. })).count();
        assert_eq!(inits, 3, "passed through, encoded, passed through");
    }

    #[test]
    fn an_encoder_that_is_lost_on_the_way_leaves_no_hole() {
        let mut sound = passing();
        let mut made = Vec::new();
        for number in 0..300 {
            if number == 100 {
                sound.want(ENCODED);
            }
            if number == 110 {
                // One frame too old to use, then nothing more: another encoder is ordered.
                sound.start_encoded(ENCODER, config());
                assert!(sound.push_encoded(ENCODER, frame(90), level()).is_empty());
            }
            if number == 130 {
                sound.want(AudioOrder::Encode { id: EncoderId(8), bitrate_kbps: 96 });
            }
            made.extend(sound.push_source(frame(number), level()));
        }
        made.extend(sound.flush());
        assert_gapless(&made);
    }
}
