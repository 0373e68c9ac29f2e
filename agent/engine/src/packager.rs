//! Cutting one track's access units into CMAF segments.
//!
//! Owns the samples of the segment that is still open, and nothing else: no clock, no files, no playlist. A broadcast
//! has one [`TrackPackager`] per track and encoder, and hands finished segments to the store and to `core::hls`.
//!
//! **Times.** What is presented when is kept exactly, so that all rungs show the same instant at the same time. Decode
//! times are the encoder's, except where `tfdt` cannot say them: the first pictures of a broadcast are decoded before
//! they are shown, which may be before 0. Those are decoded tick by tick from 0 on, and their composition offsets make
//! up for it. (Moving all decode times by the reorder delay would be more regular, but needs negative composition
//! offsets in every segment, and players built on libavformat then show pictures that much too late.) A sample lasts
//! until the next one is decoded, so rounded RTMP times do not add up to a drift; therefore one sample is always held
//! back.

mod cut;
mod fragment;
mod init;
mod parameter_sets;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use nixcast_core::media::{AccessUnit, AudioConfig, VIDEO_TIMESCALE, VideoConfig};

use cut::Cut;
use fragment::{Fragment, Sample};
use parameter_sets::ParameterSets;

/// Longest segment, seconds: OBS lets a publisher set keyframes up to 20 s apart. Without any keyframe a segment is
/// cut here all the same, and cannot be decoded on its own.
pub const LONGEST_SEGMENT_S: u32 = 20;
/// Most bytes of a segment before it is cut at any sample: 20 s at 13 Mbit/s, more than a home line publishes with.
pub const LARGEST_SEGMENT_BYTES: usize = 32 * 1024 * 1024;

/// Samples of an AAC frame, and a picture at 30 per second: how long the last sample of a track lasts if it is also
/// the first.
const AUDIO_FRAME_TICKS: i64 = 1024;
const VIDEO_FRAME_TICKS: i64 = VIDEO_TIMESCALE as i64 / 30;

/// One finished segment: `styp`, `moof`, `mdat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub data: Bytes,
    /// Presentation time of its first sample on the broadcast's time line, microseconds.
    pub start_us: i64,
    /// Up to the first sample of the next segment, microseconds.
    pub duration_us: i64,
    /// The same start in the track's own ticks.
    pub first_pts: i64,
    /// Number of access units.
    pub samples: usize,
    /// Whether decoding can start here. False only for a publisher that sent no keyframe for too long.
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
    /// Least decode time of the next sample.
    next_decode: i64,
    open: Vec<Sample>,
    open_bytes: usize,
    fragments: u32,
}

impl TrackPackager {
    /// A publisher's own pictures: cut at the first keyframe that comes `target_ms` after the last cut, with 100 ms
    /// to spare.
    #[must_use]
    pub fn video(config: VideoConfig, target_ms: u32) -> Self {
        Self::new(Codec::Video(config), Cut::at_keyframes(target_ms))
    }

    /// Pictures of the worker, which makes sync units at grid points alone: cut at each of them, so that segments of
    /// all rungs begin at the same times even where a rung came up between two grid points.
    #[must_use]
    pub fn encoded_video(config: VideoConfig) -> Self {
        Self::new(Codec::Video(config), Cut::AtEverySync)
    }

    /// Sound: cut at the first frame at or after each multiple of `target_ms` on the time line.
    #[must_use]
    pub fn audio(config: AudioConfig, target_ms: u32) -> Self {
        let cut = Cut::on_grid(target_ms, config.sample_rate);
        Self::new(Codec::Audio(config), cut)
    }

    fn new(codec: Codec, cut: Cut) -> Self {
        let parameter_sets = match &codec {
            Codec::Video(config) => ParameterSets::of(config),
            Codec::Audio(_) => ParameterSets::default(),
        };
        Self { codec, parameter_sets, cut, next_decode: 0, open: Vec::new(), open_bytes: 0, fragments: 0 }
    }

    /// `ftyp` and `moov`: what a player needs before any segment.
    #[must_use]
    pub fn init_segment(&self) -> Bytes {
        match &self.codec {
            Codec::Video(config) => init::video(config),
            Codec::Audio(config) => init::audio(config),
        }
    }

    /// Changes the segment duration aimed at, from the open segment on.
    pub fn set_target(&mut self, target_ms: u32) {
        self.cut = self.cut.with_target(target_ms);
    }

    /// Takes the next unit in decode order. Gives the segment before it, if one ends here.
    ///
    /// Pictures are dropped until the first one that can be decoded on its own.
    pub fn push(&mut self, unit: AccessUnit) -> Option<Segment> {
        let is_sync = unit.is_sync || !self.codec.is_video();
        if self.open.is_empty() && !is_sync {
            return None;
        }
        let sample = self.place(unit, is_sync);
        let is_cut = self.open.first().is_some_and(|first| self.is_cut_before(first, &sample));
        let segment = if is_cut { self.close(sample.decode, sample.pts) } else { None };
        self.open_bytes += sample.data.len();
        self.open.push(sample);
        segment
    }

    /// Ends the open segment with the last unit pushed; that one lasts as long as the one before it. Pictures may go
    /// on with a sync unit.
    pub fn flush(&mut self) -> Option<Segment> {
        let last = self.open.last()?.decode;
        let usual = if self.codec.is_video() { VIDEO_FRAME_TICKS } else { AUDIO_FRAME_TICKS };
        let before = self.open.iter().rev().nth(1);
        let lasts = before.map_or(usual, |before| last.saturating_sub(before.decode));
        let end_pts = self.open.iter().map(|sample| sample.pts).max()?.saturating_add(lasts);
        self.close(last.saturating_add(lasts), end_pts)
    }

    /// Puts a unit on the decode time line, which begins at 0 and never stands still or runs back, whatever the
    /// publisher says.
    fn place(&mut self, unit: AccessUnit, is_sync: bool) -> Sample {
        let decode = unit.dts.max(self.next_decode);
        self.next_decode = decode.saturating_add(1);
        let data = if is_sync { self.parameter_sets.into_keyframe(unit.data) } else { unit.data };
        Sample { decode, pts: unit.pts, is_sync, data }
    }

    fn is_cut_before(&self, first: &Sample, sample: &Sample) -> bool {
        let longest = i64::from(LONGEST_SEGMENT_S) * i64::from(self.codec.timescale());
        let is_too_long = sample.decode - first.decode > longest;
        let is_too_large = self.open_bytes + sample.data.len() > LARGEST_SEGMENT_BYTES;
        is_too_long || is_too_large || (sample.is_sync && self.cut.is_due(first.pts, sample.pts))
    }

    fn close(&mut self, end_decode: i64, end_pts: i64) -> Option<Segment> {
        let samples = std::mem::take(&mut self.open);
        let bytes = std::mem::take(&mut self.open_bytes);
        self.next_decode = self.next_decode.max(end_decode);
        let first = samples.first()?;
        self.fragments = self.fragments.wrapping_add(1);
        let fragment =
            Fragment { number: self.fragments, is_video: self.codec.is_video(), samples: &samples, end_decode };
        let start_us = self.micros(first.pts);
        Some(Segment {
            data: fragment.encode(bytes),
            start_us,
            duration_us: self.micros(end_pts) - start_us,
            first_pts: first.pts,
            samples: samples.len(),
            is_independent: first.is_sync,
        })
    }

    /// Rounded down, so that segments which meet in ticks also meet in microseconds.
    fn micros(&self, ticks: i64) -> i64 {
        let micros = (i128::from(ticks) * 1_000_000).div_euclid(i128::from(self.codec.timescale()));
        i64::try_from(micros).unwrap_or(if ticks < 0 { i64::MIN / 2 } else { i64::MAX / 2 })
    }
}
