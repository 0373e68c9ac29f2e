//! The rungs that are encoded now. Hands each decoded picture to all of them and changes the set at grid points only.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ffmpeg_next::{Rational, frame};

use crate::protocol::{AudioSpec, EncoderSpec, Progress};

use super::cadence::Grid;
use super::pace::Pace;
use super::progress::Meter;
use super::rung::{Picture, Rung, Surroundings};
use super::{WorkerError, join};

/// What the engine declared last.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) grid_ms: u32,
    pub(super) encoders: Vec<EncoderSpec>,
    pub(super) audio: Option<AudioSpec>,
}

/// The running rungs and their grid.
pub(super) struct Ladder {
    surroundings: Surroundings,
    /// How far a slow rung may delay the time line before it loses pictures.
    patience: Duration,
    rungs: Vec<Rung>,
    /// Threads of former rungs that still flush.
    retiring: Vec<JoinHandle<()>>,
    /// None before the first ladder holds.
    grid: Option<Grid>,
    pending: Option<Declared>,
    pace: Pace,
    meter: Meter,
    last_pts: Option<i64>,
}

/// What a picture brought about besides being encoded.
pub(super) enum Dispatched {
    Encoded,
    /// A ladder holds from this picture on; this is its sound.
    LadderChanged(Option<AudioSpec>),
    /// The picture does not come after the one before it, so no encoder can take it.
    OutOfOrder,
}

impl Ladder {
    pub(super) fn new(surroundings: Surroundings, patience: Duration, now: Instant) -> Self {
        Self {
            surroundings,
            patience,
            rungs: Vec::new(),
            retiring: Vec::new(),
            grid: None,
            pending: None,
            pace: Pace::new(now),
            meter: Meter::new(now),
            last_pts: None,
        }
    }

    /// Takes `declared` as what shall hold from the next grid point on, in place of one that still waits for it.
    pub(super) fn declare(&mut self, declared: Declared) {
        self.pending = Some(declared);
    }

    /// Whether anything is encoded, or shall be from the next grid point on.
    pub(super) fn has_rungs(&self) -> bool {
        !self.rungs.is_empty() || self.pending.as_ref().is_some_and(|declared| !declared.encoders.is_empty())
    }

    /// Hands a decoded picture to every rung.
    pub(super) fn dispatch(
        &mut self,
        frame: &frame::Video,
        frame_rate: Option<Rational>,
    ) -> Result<Dispatched, WorkerError> {
        let Some(pts) = frame.pts().filter(|pts| self.last_pts.is_none_or(|last| *pts > last)) else {
            return Ok(Dispatched::OutOfOrder);
        };
        self.last_pts = Some(pts);
        let is_grid = self.grid.as_mut().is_none_or(|grid| grid.crosses(pts));
        let declared = if is_grid { self.pending.take() } else { None };
        let mut outcome = Dispatched::Encoded;
        if let Some(declared) = declared {
            self.grid = Some(Grid::starting_at(declared.grid_ms, pts));
            outcome = Dispatched::LadderChanged(declared.audio.clone());
            self.change_rungs(declared.encoders, frame_rate)?;
        }
        let Some(grid) = self.grid else { return Ok(outcome) };
        let late = self.pace.lateness(pts, Instant::now());
        self.meter.dispatched(pts, late);
        let picture = Picture { frame, pts, is_grid, next_point: grid.point_after(pts) };
        for rung in &mut self.rungs {
            rung.offer(&picture, self.patience.saturating_sub(late))?;
        }
        self.reap()?;
        Ok(outcome)
    }

    /// Counts time spent in the decoder.
    pub(super) fn decoding(&mut self, time: Duration) {
        self.meter.decoding(time);
    }

    /// How the work goes, if a report of it is due.
    pub(super) fn progress(&mut self, now: Instant) -> Option<Progress> {
        self.meter.is_due(now).then(|| {
            let encoders = self.rungs.iter().map(Rung::progress).collect();
            Progress { encoders, ..self.meter.take(now) }
        })
    }

    fn change_rungs(&mut self, wanted: Vec<EncoderSpec>, frame_rate: Option<Rational>) -> Result<(), WorkerError> {
        let had = std::mem::take(&mut self.rungs);
        let mut wanted: Vec<Option<EncoderSpec>> = wanted.into_iter().map(Some).collect();
        for mut rung in had {
            let same_id = wanted.iter_mut().find(|want| want.as_ref().is_some_and(|want| want.id == rung.spec().id));
            match same_id.and_then(Option::take).map(|want| (change(rung.spec(), &want), want)) {
                None => self.retiring.extend(rung.retire()),
                Some((Change::None, _)) => self.rungs.push(rung),
                Some((Change::Bitrate, want)) => {
                    rung.change_bitrate(want.video_bitrate_kbps);
                    self.rungs.push(rung);
                }
                Some((Change::Encoder, _)) => {
                    self.retiring.extend(rung.refuse("a different encoder was declared under the same id"));
                }
            }
        }
        for spec in wanted.into_iter().flatten() {
            self.rungs.push(Rung::start(spec, frame_rate, self.surroundings.clone())?);
        }
        Ok(())
    }

    /// Forgets former rungs whose threads have ended.
    fn reap(&mut self) -> Result<(), WorkerError> {
        while let Some(at) = self.retiring.iter().position(JoinHandle::is_finished) {
            join(self.retiring.swap_remove(at))?;
        }
        Ok(())
    }

    /// Waits until every rung has encoded what it was given and said `Ended`.
    pub(super) fn finish(mut self) -> Result<(), WorkerError> {
        let threads: Vec<_> = self.retiring.drain(..).chain(self.rungs.drain(..).filter_map(Rung::retire)).collect();
        threads.into_iter().try_for_each(join)
    }
}

enum Change {
    None,
    Bitrate,
    Encoder,
}

/// Taken apart, so that a new field of the spec does not compile until someone has chosen what its change means.
fn change(have: &EncoderSpec, want: &EncoderSpec) -> Change {
    let EncoderSpec { id, name, width, height, framerate, video_bitrate_kbps, encoder, preset, tuning } = want;
    let is_same_encoder = *id == have.id
        && *name == have.name
        && (*width, *height) == (have.width, have.height)
        && *framerate == have.framerate
        && *encoder == have.encoder
        && *preset == have.preset
        && *tuning == have.tuning;
    match (is_same_encoder, *video_bitrate_kbps == have.video_bitrate_kbps) {
        (true, true) => Change::None,
        (true, false) => Change::Bitrate,
        (false, _) => Change::Encoder,
    }
}
