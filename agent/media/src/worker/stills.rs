//! The thumbnail and the animated preview, of pictures that are decoded anyway.
//!
//! A picture is taken every few seconds of the time line and handed to a thread of its own; when that is still busy
//! with the last one, it is passed over. Nothing else ever waits for it.

mod files;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use ffmpeg_next::frame;

use crate::protocol::{FromWorker, Still, StillKind};

use super::output::{EngineGone, Output};
use super::queue::{self, Receiver, Sender};
use super::{WorkerError, chain, ffi};
use files::{Rgb, StillError};

/// Widths of the files, pixels; a smaller picture stays as it is.
const THUMBNAIL_WIDTH: u16 = 1280;
const PREVIEW_WIDTH: u16 = 480;

/// Pictures of a preview.
const PREVIEW_PICTURES: usize = 8;

/// New files come this often, in ticks of the time line: 20 s, Owncast's interval.
const FILES_EVERY: i64 = 20 * 90_000;

/// A picture is taken this often, so that a preview is of the time since the last one.
const TAKEN_EVERY: i64 = FILES_EVERY / PREVIEW_PICTURES as i64;

/// The dispatcher's side.
pub(super) struct Stills {
    output: Output,
    is_abandoned: Arc<AtomicBool>,
    studio: Option<(Sender<frame::Video>, JoinHandle<()>)>,
    last_taken: Option<i64>,
}

impl Stills {
    pub(super) const fn new(output: Output, is_abandoned: Arc<AtomicBool>) -> Self {
        Self { output, is_abandoned, studio: None, last_taken: None }
    }

    pub(super) const fn is_on(&self) -> bool {
        self.studio.is_some()
    }

    /// Begins or stops to take pictures. What was made stays the engine's affair.
    pub(super) fn set(&mut self, enabled: bool) -> Result<(), WorkerError> {
        if enabled == self.is_on() {
            return Ok(());
        }
        self.last_taken = None;
        if enabled {
            let (sender, receiver) = queue::bounded(1);
            let studio = Studio { output: self.output.clone(), taken: VecDeque::new(), published: None };
            let is_abandoned = Arc::clone(&self.is_abandoned);
            let thread = super::spawn("stills", move || studio.run(&receiver, &is_abandoned))?;
            self.studio = Some((sender, thread));
            return Ok(());
        }
        self.close()
    }

    /// Takes `picture` if it is time for one and the last one is done with.
    pub(super) fn offer(&mut self, picture: &frame::Video) -> Result<(), WorkerError> {
        let (Some((sender, _)), Some(pts)) = (&self.studio, picture.pts()) else { return Ok(()) };
        if self.last_taken.is_some_and(|last| (0..TAKEN_EVERY).contains(&pts.saturating_sub(last))) {
            return Ok(());
        }
        let shared = ffi::share(picture).map_err(WorkerError::Share)?;
        if sender.send_until(shared, Instant::now()).is_ok() {
            self.last_taken = Some(pts);
        }
        Ok(())
    }

    /// Waits for the thread.
    pub(super) fn close(&mut self) -> Result<(), WorkerError> {
        let Some((sender, thread)) = self.studio.take() else { return Ok(()) };
        drop(sender);
        super::join(thread)
    }
}

/// The thread's side.
struct Studio {
    output: Output,
    taken: VecDeque<Rgb>,
    /// When files were last made, on the time line.
    published: Option<i64>,
}

impl Studio {
    fn run(mut self, pictures: &Receiver<frame::Video>, is_abandoned: &AtomicBool) {
        while let Some(picture) = pictures.recv() {
            if is_abandoned.load(Ordering::Relaxed) {
                return;
            }
            match self.take(&picture) {
                Ok(()) => {}
                Err(Stop::Gone) => return,
                // Pictures of another format may follow; a broadcast without stills is still a broadcast.
                Err(Stop::Failed(error)) => tracing::debug!(error = chain(&error), "no still of this picture"),
            }
        }
    }

    fn take(&mut self, picture: &frame::Video) -> Result<(), Stop> {
        let small = Rgb::of(picture, PREVIEW_WIDTH)?;
        if self.taken.back().is_some_and(|last| !last.is_as_large_as(&small)) {
            self.taken.clear();
        }
        self.taken.push_back(small);
        if self.taken.len() > PREVIEW_PICTURES {
            self.taken.pop_front();
        }
        let now = picture.pts().unwrap_or_default();
        if self.published.is_some_and(|last| (0..FILES_EVERY).contains(&now.saturating_sub(last))) {
            return Ok(());
        }
        self.published = Some(now);
        let thumbnail = files::jpeg(&Rgb::of(picture, THUMBNAIL_WIDTH)?)?;
        self.send(StillKind::Thumbnail, thumbnail)?;
        let preview = files::gif(self.taken.iter())?;
        self.send(StillKind::Preview, preview)
    }

    fn send(&self, kind: StillKind, file: Vec<u8>) -> Result<(), Stop> {
        Ok(self.output.send(FromWorker::Still(Still { kind, data: Bytes::from(file) }))?)
    }
}

enum Stop {
    Failed(StillError),
    Gone,
}

impl From<StillError> for Stop {
    fn from(error: StillError) -> Self {
        Self::Failed(error)
    }
}

impl From<EngineGone> for Stop {
    fn from(_: EngineGone) -> Self {
        Self::Gone
    }
}
