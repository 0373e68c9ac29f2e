//! The sound all rungs share: the publisher's own or the worker's, one rendition either way.
//!
//! A change of source is cut so that the rendition has neither hole nor echo: the new source goes on where the old one
//! has ended, and the publisher's last seconds are kept so that it can.

use std::collections::VecDeque;

use bytes::Bytes;
use nixcast_core::ids::EncoderId;
use nixcast_core::ladder::AudioOrder;
use nixcast_core::media::{AccessUnit, AudioConfig};

use crate::packager::{Segment, TrackPackager};

/// Samples in an AAC-LC frame (ISO/IEC 14496-3).
const FRAME_SAMPLES: i64 = 1024;

/// Publisher's frames kept for a change of source: four seconds at 48 kHz, more than the worker can lag behind.
const MOST_RECENT: usize = 200;

/// What the sound track delivers.
#[derive(Debug)]
pub(super) enum Made {
    Init { id: EncoderId, config: AudioConfig, data: Bytes },
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

    pub(super) fn set_target(&mut self, target_ms: u32) {
        if let Some(line) = &mut self.current {
            line.packager.set_target(target_ms);
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
    pub(super) fn push_source(&mut self, unit: AccessUnit, target_ms: u32) -> Vec<Made> {
        self.recent.push_back(unit);
        if self.recent.len() > MOST_RECENT {
            self.recent.pop_front();
        }
        let Some((config, id)) = self.source.clone() else { return Vec::new() };
        if self.wanted != Some(AudioOrder::Passthrough) {
            return Vec::new();
        }
        let mut made = Vec::new();
        let is_running =
            self.current.as_ref().is_some_and(|line| line.encoder.is_none() && line.sample_rate == config.sample_rate);
        let missed: Vec<AccessUnit> = if is_running {
            self.recent.back().cloned().into_iter().collect()
        } else {
            let from = self.resume_at(config.sample_rate);
            made.extend(self.open(None, id, config, target_ms));
            self.recent.iter().filter(|unit| from.is_none_or(|from| unit.dts >= from)).cloned().collect()
        };
        made.extend(missed.into_iter().filter_map(|unit| self.append(unit)));
        made
    }

    /// One frame of the worker's encoder `id`.
    pub(super) fn push_encoded(&mut self, id: EncoderId, unit: AccessUnit, target_ms: u32) -> Vec<Made> {
        let is_wanted = matches!(self.wanted, Some(AudioOrder::Encode { id: wanted, .. }) if wanted == id);
        if self.current.as_ref().is_some_and(|line| line.encoder == Some(id)) {
            return self.append(unit).into_iter().collect();
        }
        let Some((_, config)) = self.encoded.clone().filter(|(started, _)| *started == id && is_wanted) else {
            return Vec::new();
        };
        if self.resume_at(config.sample_rate).is_some_and(|from| unit.dts < from) {
            return Vec::new();
        }
        let mut made: Vec<Made> = self.open(Some(id), id, config, target_ms).collect();
        made.extend(self.append(unit));
        made
    }

    /// Closes the open segment.
    pub(super) fn flush(&mut self) -> Option<Made> {
        self.current.take().and_then(|mut line| line.packager.flush()).map(Made::Segment)
    }

    /// Where the running line ends, in samples of `rate`, half a frame early so that rounding drops nothing.
    fn resume_at(&self, rate: u32) -> Option<i64> {
        let line = self.current.as_ref()?;
        Some(line.end * i64::from(rate) / i64::from(line.sample_rate) - FRAME_SAMPLES / 2)
    }

    fn open(
        &mut self,
        encoder: Option<EncoderId>,
        id: EncoderId,
        config: AudioConfig,
        target_ms: u32,
    ) -> impl Iterator<Item = Made> + use<> {
        let last = self.flush();
        let packager = TrackPackager::audio(config.clone(), target_ms);
        let data = packager.init_segment();
        self.current = Some(Line { encoder, sample_rate: config.sample_rate, packager, end: 0 });
        last.into_iter().chain([Made::Init { id, config, data }])
    }

    fn append(&mut self, unit: AccessUnit) -> Option<Made> {
        let line = self.current.as_mut()?;
        line.end = unit.dts + FRAME_SAMPLES;
        line.packager.push(unit).map(Made::Segment)
    }
}
