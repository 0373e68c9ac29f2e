//! Cutting one track's access units into CMAF segments, and those into parts that players need not wait for.
//!
//! Owns the segment that is still open, and nothing else: no clock, no files, no playlist. A broadcast has one
//! [`TrackPackager`] per track and encoder, and hands segments, whenever a part was added to them, to the store and to
//! `core::hls`.
//!
//! **Parts.** A part ends before the sample that would make it longer than the latency level allows, as far as that can
//! be known: a sample is expected to last as long as the one before it. One that lasted longer begins a part of its
//! own, so that only a part of a single sample can be too long. A segment is exactly its parts, one after the other.
//!
//! **Times.** What is presented when is kept exactly, so that all rungs show the same instant at the same time. Decode
//! times are the encoder's, except where `tfdt` cannot say them: the first pictures of a broadcast are decoded before
//! they are shown, which may be before 0. Those are decoded tick by tick from 0 on, and their composition offsets make
//! up for it. (Moving all decode times by the reorder delay would be more regular, but needs negative composition
//! offsets in every segment, and players built on libavformat then show pictures that much too late.) A sample lasts
//! until the next one is decoded, so rounded RTMP times do not add up to a drift; therefore one sample is always held
//! back. That costs a part the time of one picture (33 ms at 30 per second). Sent without it, the sample's duration would
//! be a guess, and where frames are dropped or rates vary a player would find a hole or an overlap at the end of a part.

mod cut;
mod fragment;
mod init;
mod open;
mod parameter_sets;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use nixcast_core::ladder::LatencyLevel;
use nixcast_core::media::{AccessUnit, AudioConfig, VIDEO_TIMESCALE, VideoConfig};
use nixcast_core::timeline::SAMPLES_PER_FRAME;

use cut::Cut;
use fragment::{Fragment, Sample};
use open::Open;
use parameter_sets::ParameterSets;

/// Longest segment, seconds: OBS lets a publisher set keyframes up to 20 s apart. Without any keyframe a segment is
/// cut here all the same, and cannot be decoded on its own.
pub const LONGEST_SEGMENT_S: u32 = 20;
/// Most bytes of a segment before it is cut at any sample: 20 s at 13 Mbit/s, more than a home line publishes with.
pub const LARGEST_SEGMENT_BYTES: usize = 32 * 1024 * 1024;

/// A picture at 30 per second: how long the last one of a track lasts if it is also the first.
const VIDEO_FRAME_TICKS: i64 = VIDEO_TIMESCALE as i64 / 30;

/// A segment as it stands: it was grown by a part, or is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// All there are, in order. Their bytes, one after the other, are the segment.
    pub parts: Vec<Part>,
    /// Presentation time of its first sample on the broadcast's time line, microseconds.
    pub start_us: i64,
    /// Of a whole one, up to the first sample of the next segment; else of its parts. Microseconds.
    pub duration_us: i64,
    /// The same start in the track's own ticks.
    pub first_pts: i64,
    /// Number of access units in its parts.
    pub samples: usize,
    /// Whether decoding can start here. False only for a publisher that sent no keyframe for too long.
    pub is_independent: bool,
    /// Whether no part will follow.
    pub is_whole: bool,
}

/// A part of a segment: `moof` and `mdat`, and before the first of them `styp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub data: Bytes,
    /// How long its samples take to decode, microseconds.
    pub duration_us: i64,
    /// Whether it holds a sample that can be decoded on its own.
    pub is_independent: bool,
}

#[derive(Clone, Debug)]
enum Codec {
    Video(VideoConfig),
    Audio(AudioConfig),
}

impl Codec {
    fn is_video(&self) -> bool {
        matches!(self, Self::Video(_))
    }

    /// Ticks per second.
    fn timescale(&self) -> u32 {
        match self {
            Self::Video(_) => VIDEO_TIMESCALE,
            // A rate of 0 would be a division by zero; no decoder accepts it either.
            Self::Audio(config) => config.sample_rate.max(1),
        }
    }
}

/// Packages the units of one encoder on one track.
#[derive(Clone, Debug)]
pub struct TrackPackager {
    codec: Codec,
    parameter_sets: ParameterSets,
    cut: Cut,
    /// Longest part, milliseconds.
    part_ms: u32,
    /// Least decode time of the next sample.
    next_decode: i64,
    /// The encoder's decode time of the newest sample.
    time: i64,
    open: Option<Open>,
    fragments: u32,
}

impl TrackPackager {
    /// A publisher's own pictures: cut at the first keyframe that comes a segment's duration after the last cut, with
    /// 100 ms to spare.
    #[must_use]
    pub fn video(config: VideoConfig, level: LatencyLevel) -> Self {
        Self::new(Codec::Video(config), Cut::at_keyframes(level.grid_ms()), level)
    }

    /// Pictures of the worker, which makes sync units at grid points alone: cut at each of them, so that segments of
    /// all rungs begin at the same times even where a rung came up between two grid points.
    #[must_use]
    pub fn encoded_video(config: VideoConfig, level: LatencyLevel) -> Self {
        Self::new(Codec::Video(config), Cut::AtEverySync, level)
    }

    /// Sound: cut at the first frame at or after each multiple of a segment's duration on the time line.
    #[must_use]
    pub fn audio(config: AudioConfig, level: LatencyLevel) -> Self {
        let cut = Cut::on_grid(level.grid_ms(), config.sample_rate);
        Self::new(Codec::Audio(config), cut, level)
    }

    fn new(codec: Codec, cut: Cut, level: LatencyLevel) -> Self {
        let parameter_sets = match &codec {
            Codec::Video(config) => ParameterSets::of(config),
            Codec::Audio(_) => ParameterSets::default(),
        };
        let part_ms = level.part_ms();
        Self { codec, parameter_sets, cut, part_ms, next_decode: 0, time: i64::MIN, open: None, fragments: 0 }
    }

    /// `ftyp` and `moov`: what a player needs before any segment.
    #[must_use]
    pub fn init_segment(&self) -> Bytes {
        match &self.codec {
            Codec::Video(config) => init::video(config),
            Codec::Audio(config) => init::audio(config),
        }
    }

    /// The publisher's encoder says how many ticks its keyframes are apart at most. One that need not send any within
    /// [`LONGEST_SEGMENT_S`] has said nothing.
    pub fn expect_keyframes(&mut self, most_apart: Option<i64>) {
        let longest = i64::from(LONGEST_SEGMENT_S) * i64::from(VIDEO_TIMESCALE);
        self.cut = self.cut.expecting(most_apart.filter(|ticks| *ticks <= longest));
    }

    /// Microseconds of the longest segment, if the publisher's encoder does as it says; none if it says nothing.
    #[must_use]
    pub fn longest_us(&self) -> Option<i64> {
        let most = i64::from(LONGEST_SEGMENT_S) * 1_000_000;
        self.cut.longest_ticks().map(|ticks| self.micros(ticks).min(most))
    }

    /// Changes the durations aimed at, from the open segment and its open part on.
    pub fn set_level(&mut self, level: LatencyLevel) {
        self.cut = self.cut.with_target(level.grid_ms());
        self.part_ms = level.part_ms();
    }

    /// Takes the next unit in decode order. Gives the segment before it, if a part or all of that ends here.
    ///
    /// Pictures are dropped until the first one that can be decoded on its own.
    pub fn push(&mut self, unit: AccessUnit) -> Option<Segment> {
        let is_sync = unit.is_sync || !self.codec.is_video();
        if self.open.is_none() && !is_sync {
            return None;
        }
        let sample = self.place(unit, is_sync);
        let Some(mut open) = self.open.take() else {
            self.open = Some(Open::begin(sample));
            return None;
        };
        let longest = i64::from(self.part_ms) * i64::from(self.codec.timescale()) / 1000;
        let is_whole = self.is_cut_before(&open, &sample);
        let parts_before = open.parts.len();
        if open.ticks_until(sample.time) > longest {
            self.end_part_before_newest(&mut open);
        }
        if is_whole || open.ticks_until(sample.time) + open.newest_ticks(sample.time) > longest {
            self.end_part(&mut open, sample.decode, sample.time);
        }
        let has_grown = open.parts.len() > parts_before;
        let segment = has_grown.then(|| self.segment(&open, is_whole.then_some(sample.pts)));
        self.open = Some(if is_whole { Open::begin(sample) } else { open.with(sample) });
        segment
    }

    /// Ends the open segment with the last unit pushed; that one lasts as long as the one before it. Pictures may go
    /// on with a sync unit.
    pub fn flush(&mut self) -> Option<Segment> {
        let mut open = self.open.take()?;
        let usual = if self.codec.is_video() { VIDEO_FRAME_TICKS } else { SAMPLES_PER_FRAME };
        let newest = open.samples.last()?;
        let lasts = open.step.unwrap_or(usual);
        let (end_decode, end_time) = (newest.decode.saturating_add(lasts), newest.time.saturating_add(lasts));
        let end_pts = open.last_pts.saturating_add(lasts);
        self.next_decode = self.next_decode.max(end_decode);
        self.end_part(&mut open, end_decode, end_time);
        Some(self.segment(&open, Some(end_pts)))
    }

    /// Puts a unit on the decode time line, which begins at 0 and never stands still or runs back, whatever the
    /// publisher says.
    fn place(&mut self, unit: AccessUnit, is_sync: bool) -> Sample {
        let decode = unit.dts.max(self.next_decode);
        self.next_decode = decode.saturating_add(1);
        self.time = unit.dts.max(self.time);
        let data = if is_sync { self.parameter_sets.with_keyframe(unit.data) } else { unit.data };
        Sample { decode, time: self.time, pts: unit.pts, is_sync, data }
    }

    fn is_cut_before(&self, open: &Open, sample: &Sample) -> bool {
        let longest = i64::from(LONGEST_SEGMENT_S) * i64::from(self.codec.timescale());
        let is_too_long = sample.decode - open.first_decode > longest;
        let is_too_large = open.bytes + sample.data.len() > LARGEST_SEGMENT_BYTES;
        is_too_long || is_too_large || (sample.is_sync && self.cut.is_due(open.first_pts, sample.pts))
    }

    /// Makes a part of the samples before the newest, which lasted longer than was to be expected.
    fn end_part_before_newest(&mut self, open: &mut Open) {
        if open.samples.len() > 1
            && let Some(newest) = open.samples.pop()
        {
            self.end_part(open, newest.decode, newest.time);
            open.samples.push(newest);
        }
    }

    /// Makes a part of the samples that are in none yet. `end_decode` and `end_time` belong to the sample after them.
    fn end_part(&mut self, open: &mut Open, end_decode: i64, end_time: i64) {
        let samples = std::mem::take(&mut open.samples);
        let Some(first) = samples.first() else { return };
        self.fragments = self.fragments.wrapping_add(1);
        let fragment = Fragment {
            number: self.fragments,
            is_video: self.codec.is_video(),
            begins_segment: open.parts.is_empty(),
            samples: &samples,
            end_decode,
        };
        open.parts.push(Part {
            data: fragment.encode(),
            duration_us: self.micros(end_time) - self.micros(first.time),
            is_independent: samples.iter().any(|sample| sample.is_sync),
        });
        open.samples_in_parts += samples.len();
    }

    /// What there is of the segment; it is whole if the presentation time is known at which the next begins.
    fn segment(&self, open: &Open, end_pts: Option<i64>) -> Segment {
        let start_us = self.micros(open.first_pts);
        let of_parts = || open.parts.iter().map(|part| part.duration_us).sum();
        Segment {
            parts: open.parts.clone(),
            start_us,
            duration_us: end_pts.map_or_else(of_parts, |end_pts| self.micros(end_pts) - start_us),
            first_pts: open.first_pts,
            samples: open.samples_in_parts,
            is_independent: open.is_independent,
            is_whole: end_pts.is_some(),
        }
    }

    /// Rounded down, so that segments which meet in ticks also meet in microseconds.
    fn micros(&self, ticks: i64) -> i64 {
        let micros = (i128::from(ticks) * 1_000_000).div_euclid(i128::from(self.codec.timescale()));
        i64::try_from(micros).unwrap_or(if ticks < 0 { i64::MIN / 2 } else { i64::MAX / 2 })
    }
}
