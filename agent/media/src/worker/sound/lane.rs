//! Samples on the time line, cut into AAC frames. Pure.
//!
//! Between two jumps of the source every sample follows the one before: the publisher's stamps are rounded, the sound
//! is not. Only when they drift apart by more than a tenth of a second does the lane follow the stamps again.

use std::collections::VecDeque;

/// Samples in an AAC-LC frame.
pub(super) const FRAME_SAMPLES: usize = 1024;

/// Decoded sound with its position, in samples of the output rate.
#[derive(Debug)]
pub(super) struct Lane {
    rate: i64,
    channels: Vec<Vec<f32>>,
    /// Position of the first sample held; none before the first of all.
    start: Option<i64>,
    /// Samples still to be left out, because the source went back.
    to_skip: usize,
    /// Frames from before a gap that were not taken yet.
    before_gap: VecDeque<LaneFrame>,
}

/// One frame's samples for each channel.
#[derive(Debug)]
pub(super) struct LaneFrame {
    pub(super) position: i64,
    pub(super) channels: Vec<Vec<f32>>,
}

/// Where the source's stamp falls relative to the sound so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Continues,
    /// Ahead or behind by this many samples.
    Jumps(i64),
}

impl Lane {
    pub(super) fn new(rate: u32, channels: u8) -> Self {
        let channels = vec![Vec::new(); usize::from(channels)];
        Self { rate: i64::from(rate), channels, start: None, to_skip: 0, before_gap: VecDeque::new() }
    }

    fn held(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// Where the next sample of the source belongs.
    fn end(&self) -> Option<i64> {
        self.start.map(|start| start + length(self.held()) - length(self.to_skip))
    }

    /// What a frame stamped `position` would mean, `delayed` samples being still in the resampler before it.
    pub(super) fn step(&self, position: i64, delayed: i64) -> Step {
        let Some(end) = self.end() else { return Step::Continues };
        match position - (end + delayed) {
            jump if jump.abs() > self.rate / 10 => Step::Jumps(jump),
            _ => Step::Continues,
        }
    }

    /// Follows the source to `position`. A gap of up to a second becomes silence, a longer one stays a gap; what
    /// overlaps the sound so far will be left out.
    pub(super) fn jump(&mut self, position: i64) {
        let Some(start) = self.start else { return };
        self.to_skip = 0;
        let gap = position - (start + length(self.held()));
        if gap > self.rate {
            self.pad();
            while let Some(frame) = self.cut_frame() {
                self.before_gap.push_back(frame);
            }
            self.start = Some(position);
        } else if let Ok(silence) = usize::try_from(gap) {
            self.add_silence(silence);
        } else {
            self.to_skip = usize::try_from(gap.unsigned_abs()).unwrap_or(usize::MAX);
        }
    }

    /// Adds samples, one slice for each channel, all of the same length. `position` counts for the first only.
    pub(super) fn add(&mut self, position: i64, samples: &[&[f32]]) {
        self.start.get_or_insert(position);
        let count = samples.first().map_or(0, |channel| channel.len());
        let skipped = self.to_skip.min(count);
        self.to_skip -= skipped;
        for (held, added) in self.channels.iter_mut().zip(samples) {
            held.extend_from_slice(&added[skipped..]);
        }
    }

    /// The next whole frame.
    pub(super) fn take_frame(&mut self) -> Option<LaneFrame> {
        self.before_gap.pop_front().or_else(|| self.cut_frame())
    }

    /// Fills the last frame up with silence.
    pub(super) fn pad(&mut self) {
        self.add_silence(self.held().next_multiple_of(FRAME_SAMPLES) - self.held());
    }

    fn cut_frame(&mut self) -> Option<LaneFrame> {
        let position = self.start.filter(|_| self.held() >= FRAME_SAMPLES)?;
        let channels = self.channels.iter_mut().map(|channel| channel.drain(..FRAME_SAMPLES).collect()).collect();
        self.start = Some(position + length(FRAME_SAMPLES));
        Some(LaneFrame { position, channels })
    }

    fn add_silence(&mut self, samples: usize) {
        for channel in &mut self.channels {
            channel.resize(channel.len() + samples, 0.0);
        }
    }
}

fn length(samples: usize) -> i64 {
    i64::try_from(samples).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)]
mod tests {
    use super::{FRAME_SAMPLES, Lane, LaneFrame, Step};

    /// Feeds one-channel frames of 1024 ones at `stamps` and returns (position, silent samples) of what comes out.
    fn run(stamps: &[i64]) -> Vec<(i64, usize)> {
        let mut lane = Lane::new(48_000, 1);
        for stamp in stamps {
            if let Step::Jumps(_) = lane.step(*stamp, 0) {
                lane.jump(*stamp);
            }
            lane.add(*stamp, &[&[1.0; FRAME_SAMPLES]]);
        }
        lane.pad();
        let silent = |frame: &LaneFrame| frame.channels[0].iter().filter(|sample| **sample == 0.0).count();
        std::iter::from_fn(|| lane.take_frame()).map(|frame| (frame.position, silent(&frame))).collect()
    }

    #[test]
    fn rounded_stamps_give_exact_positions() {
        assert_eq!(run(&[480, 1480, 2560, 3540]), [(480, 0), (1504, 0), (2528, 0), (3552, 0)]);
    }

    #[test]
    fn a_short_gap_is_filled_with_silence() {
        let out = run(&[0, 1024 + 10_240]);
        assert_eq!(out.len(), 12);
        assert_eq!(out.iter().map(|(_, silent)| silent).sum::<usize>(), 10_240);
        assert!(out.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1024));
    }

    #[test]
    fn a_long_gap_stays_a_gap() {
        assert_eq!(run(&[100, 100_000, 101_024]), [(100, 0), (100_000, 0), (101_024, 0)]);
    }

    #[test]
    fn what_the_source_repeats_is_left_out() {
        let stamps: Vec<i64> = (0..20).chain(10..25).map(|n| n * 1024).collect();
        let positions: Vec<i64> = run(&stamps).into_iter().map(|(position, _)| position).collect();
        assert_eq!(positions, (0..25).map(|n| n * 1024).collect::<Vec<_>>());
    }

    #[test]
    fn a_resampler_that_holds_samples_back_is_no_jump() {
        let mut lane = Lane::new(48_000, 1);
        lane.add(0, &[&[1.0; 1000]]);
        assert_eq!(lane.step(11_000, 10_000), Step::Continues);
        assert_eq!(lane.step(11_000, 0), Step::Jumps(10_000));
    }
}
