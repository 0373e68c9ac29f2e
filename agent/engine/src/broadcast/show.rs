//! One live broadcast: the publisher's session, the ladder's tracks, the worker, the presentation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nixcast_core::admission::{Admitted, Refusal};
use nixcast_core::control::{BroadcastFacts, Condition, ObjectId, Rung};
use nixcast_core::hls::{InitFacts, Presentation, SegmentFacts, Track};
use nixcast_core::ids::{EncoderId, SessionId};
use nixcast_core::ladder::{AudioOrder, EncoderOrder, Ladder, Orders};
use nixcast_core::media::{AccessUnit, AudioConfig, VideoConfig};
use nixcast_media::protocol::{FromWorker, MediaUnit, WorkerControl, WorkerReport};
use tokio::sync::oneshot;

use super::orders::{from_hex, ladder_frame, to_hex};
use super::sound::{self, Sound};
use super::track::{self, Feed, RungTrack};
use super::worker::{Spawner, Worker};
use super::{FromPublisher, Stage, unix_millis};
use crate::declared::Declared;
use crate::packager::Segment;
use crate::web::view::{BroadcastView, VariantView};

/// A worker that lived at least this long has proved itself: its end is not counted as a quick death.
const PROVEN: Duration = Duration::from_secs(30);

/// Longest pause before a worker that keeps dying is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The session a broadcast lives on.
pub(super) struct Publisher {
    pub(super) session: SessionId,
    pub(super) admitted: Admitted,
    pub(super) end: oneshot::Sender<Refusal>,
}

pub(super) struct Show {
    id: String,
    publisher: Publisher,
    started_at_ms: i64,
    ladder: Ladder,
    orders: Orders,
    rungs: BTreeMap<String, Rung>,
    source: Option<Source>,
    frame_rate: Option<f64>,
    tracks: BTreeMap<String, RungTrack>,
    sound: Sound,
    spawner: Spawner,
    worker: Option<Worker>,
    worker_started: Instant,
    next_epoch: u64,
    quick_deaths: u32,
    restart_at: Option<Instant>,
    dropped_units: u64,
    pending: BTreeMap<ObjectId, Awaiting>,
    failures: BTreeMap<EncoderId, (String, String)>,
}

/// What makes a pending change take hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaiting {
    /// The rung's first unit from this feed.
    Feed(Feed),
    /// The open encoder's word that it took the new bitrate.
    Bitrate(EncoderId),
    /// The rung's last segment.
    LastSegment,
    /// Any rung's next segment.
    NextSegment,
}

/// What the publisher sends, as one run of pass-through pictures.
#[derive(Clone, Debug)]
struct Source {
    config: VideoConfig,
    feed: Feed,
}

impl Show {
    pub(super) fn begin(publisher: Publisher, declared: &Declared, spawner: Spawner, stage: &Stage) -> Self {
        let started_at_ms = unix_millis();
        let id = broadcast_id(publisher.session, started_at_ms);
        let latency = declared.latency();
        stage.store.clear();
        stage.replace(Some(Presentation::new(id.clone(), started_at_ms, latency)));
        let mut ladder = Ladder::default();
        let orders = ladder.orders(&declared.ladder, latency);
        let mut show = Self {
            id,
            publisher,
            started_at_ms,
            ladder,
            orders,
            rungs: declared.ladder.clone(),
            source: None,
            frame_rate: None,
            tracks: BTreeMap::new(),
            sound: Sound::default(),
            spawner,
            worker: None,
            worker_started: Instant::now(),
            next_epoch: 1,
            quick_deaths: 0,
            restart_at: None,
            dropped_units: 0,
            pending: BTreeMap::new(),
            failures: BTreeMap::new(),
        };
        show.sound.want(show.orders.audio);
        show.present_ladder(stage);
        show
    }

    pub(super) fn session(&self) -> SessionId {
        self.publisher.session
    }

    pub(super) fn admitted(&self) -> &Admitted {
        &self.publisher.admitted
    }

    /// Tells the session why it must end.
    pub(super) fn dismiss(&mut self, refusal: Refusal) {
        let (spent, _) = oneshot::channel();
        // A session that is ending by itself at this moment needs no telling.
        let _is_heard = std::mem::replace(&mut self.publisher.end, spent).send(refusal);
    }

    pub(super) fn take_media(&mut self, media: FromPublisher, stage: &Stage) {
        match media {
            FromPublisher::FrameRate(rate) => self.frame_rate = Some(rate),
            FromPublisher::VideoConfig(config) => self.start_source(config, stage),
            FromPublisher::AudioConfig(config) => self.start_source_audio(config),
            FromPublisher::Video(unit) => self.source_video(unit, stage),
            FromPublisher::Audio(unit) => self.source_audio(unit, stage),
        }
    }

    fn start_source(&mut self, config: VideoConfig, stage: &Stage) {
        if self.source.as_ref().is_some_and(|source| source.config == config) {
            return;
        }
        let feed = Feed::Publisher(self.ladder.fresh_id());
        let is_first = self.source.is_none();
        self.source = Some(Source { config, feed });
        self.send_source();
        self.follow_orders();
        if is_first {
            tracing::info!(session = %self.session(), "video arrived");
            self.ensure_worker(stage);
        }
    }

    fn start_source_audio(&mut self, config: AudioConfig) {
        let id = self.ladder.fresh_id();
        if self.sound.start_source(config.clone(), id)
            && let Some(worker) = &self.worker
        {
            worker.control(WorkerControl::AudioSource { asc_hex: to_hex(&config.asc) });
        }
    }

    fn source_video(&mut self, unit: AccessUnit, stage: &Stage) {
        let Some(Source { feed, .. }) = self.source.clone() else { return };
        let target_ms = self.orders.latency.grid_ms();
        let mut made = Vec::new();
        for (name, rung) in &mut self.tracks {
            // A pass-through rung that is to go, or to be encoded from now on, ends at a keyframe like any segment.
            if unit.is_sync && rung.feed() == Some(feed) && rung.wanted().is_none() {
                made.push((name.clone(), rung.flush()));
            }
            made.push((name.clone(), rung.push(feed, unit.clone(), target_ms)));
        }
        self.publish(made, stage);
        self.forget_finished(stage);
        if let Some(worker) = &mut self.worker {
            let AccessUnit { dts, pts, is_sync, data } = unit;
            worker.video(MediaUnit { track: 0, is_sync, dts, pts, data });
        }
    }

    fn source_audio(&mut self, unit: AccessUnit, stage: &Stage) {
        if matches!(self.orders.audio, AudioOrder::Encode { .. })
            && let Some(worker) = &mut self.worker
        {
            let AccessUnit { dts, pts, is_sync, data } = unit.clone();
            worker.audio(MediaUnit { track: 0, is_sync, dts, pts, data });
        }
        let made = self.sound.push_source(unit, self.orders.latency.grid_ms());
        self.publish_sound(made, stage);
    }

    /// Brings the broadcast to newly declared settings: at once where nothing is on air, at the next grid point where
    /// pictures are being encoded.
    pub(super) fn take_settings(&mut self, declared: &Declared, stage: &Stage) {
        let latency = declared.latency();
        let orders = self.ladder.orders(&declared.ladder, latency);
        if orders == self.orders && declared.ladder == self.rungs {
            return;
        }
        if latency != self.orders.latency {
            stage.with(|presentation| presentation.set_latency(latency));
            self.sound.set_target(latency.grid_ms());
            self.tracks.values_mut().for_each(|track| track.set_target(latency.grid_ms()));
            if self.source.is_some() {
                self.pending.insert(ObjectId::Latency, Awaiting::NextSegment);
            }
        }
        self.note_pending(&orders);
        self.rungs = declared.ladder.clone();
        self.orders = orders;
        self.sound.want(self.orders.audio);
        self.follow_orders();
        if self.source.is_some() {
            self.ensure_worker(stage);
        }
        self.forget_finished(stage);
        self.present_ladder(stage);
    }

    /// Writes down what each changed rung waits for. Without pictures nothing is on air, and nothing waits.
    fn note_pending(&mut self, orders: &Orders) {
        let Some(source) = &self.source else { return };
        for order in &orders.encoders {
            match self.orders.encoders.iter().find(|had| had.rung == order.rung) {
                Some(had) if had == order => continue,
                Some(had) if had.id == order.id => self.await_rung(&order.rung, Awaiting::Bitrate(order.id)),
                _ => self.await_rung(&order.rung, Awaiting::Feed(Feed::Encoder(order.id))),
            }
        }
        let feed = source.feed;
        let arriving: Vec<String> =
            orders.passthrough.iter().filter(|rung| !self.orders.passthrough.contains(rung)).cloned().collect();
        for rung in arriving {
            self.await_rung(&rung, Awaiting::Feed(feed));
        }
        let is_kept = |rung: &String| {
            orders.passthrough.contains(rung) || orders.encoders.iter().any(|order| order.rung == *rung)
        };
        let leaving: Vec<String> = self.tracks.keys().filter(|rung| !is_kept(rung)).cloned().collect();
        for rung in leaving {
            self.await_rung(&rung, Awaiting::LastSegment);
        }
    }

    fn await_rung(&mut self, rung: &str, awaiting: Awaiting) {
        self.pending.insert(ObjectId::Rung(rung.to_owned()), awaiting);
    }

    /// Tells every track which feed it is to have.
    fn follow_orders(&mut self) {
        let Some(source) = self.source.clone() else { return };
        let mut wanted: BTreeMap<String, Feed> =
            self.orders.passthrough.iter().map(|rung| (rung.clone(), source.feed)).collect();
        wanted.extend(self.orders.encoders.iter().map(|order| (order.rung.clone(), Feed::Encoder(order.id))));
        for (name, track) in &mut self.tracks {
            if !wanted.contains_key(name) {
                track.want(None);
            }
        }
        for (name, feed) in wanted {
            let track = self.tracks.entry(name).or_insert_with(|| RungTrack::new(feed));
            let is_new = track.wanted() != Some(feed) || track.feed().is_none();
            track.want(Some(feed));
            if feed == source.feed && is_new {
                track.start(feed, source.config.clone());
            }
        }
    }

    /// Has a worker with the present orders, or none if nothing needs encoding.
    fn ensure_worker(&mut self, stage: &Stage) {
        if !self.orders.need_worker() {
            // With no encoder left the worker flushes what it has; it goes when the last track has ended.
            if let Some(worker) = &self.worker {
                worker.control(ladder_frame(&self.orders));
            }
            return;
        }
        if let Some(worker) = &self.worker {
            if !worker.control(ladder_frame(&self.orders)) {
                self.lose_worker(worker.epoch, "the worker takes no orders", stage);
            }
            return;
        }
        if self.restart_at.is_none() {
            self.start_worker();
        }
    }

    fn start_worker(&mut self) {
        self.restart_at = None;
        let epoch = self.next_epoch;
        self.next_epoch += 1;
        match self.spawner.spawn(epoch) {
            Ok(worker) => {
                tracing::info!(session = %self.session(), pid = worker.pid, "transcoder worker started");
                self.worker_started = Instant::now();
                self.worker = Some(worker);
                self.send_source();
                if let Some(worker) = &self.worker {
                    worker.control(ladder_frame(&self.orders));
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "could not start the transcoder worker");
                self.pause_worker();
            }
        }
    }

    /// Codec parameters of the publisher, for the worker.
    fn send_source(&self) {
        let (Some(worker), Some(source)) = (&self.worker, &self.source) else { return };
        worker.control(WorkerControl::VideoSource { avcc_hex: to_hex(&source.config.avcc) });
        if let Some(audio) = self.sound.source() {
            worker.control(WorkerControl::AudioSource { asc_hex: to_hex(&audio.asc) });
        }
    }

    pub(super) fn take_worker(&mut self, epoch: u64, frame: FromWorker, stage: &Stage) {
        if self.worker.as_ref().is_none_or(|worker| worker.epoch != epoch) {
            return;
        }
        match frame {
            FromWorker::Report(report) => self.take_report(report, stage),
            FromWorker::Video(unit) => self.encoded_video(unit, stage),
            FromWorker::Audio(unit) => {
                let made =
                    self.sound.push_encoded(EncoderId(unit.track), access_unit(unit), self.orders.latency.grid_ms());
                self.publish_sound(made, stage);
            }
        }
    }

    fn take_report(&mut self, report: WorkerReport, stage: &Stage) {
        match report {
            WorkerReport::VideoStarted { id, avcc_hex, width, height } => {
                let Some(avcc) = from_hex(&avcc_hex) else { return };
                let feed = Feed::Encoder(EncoderId(id));
                let config = VideoConfig { avcc: avcc.into(), width, height };
                self.tracks.values_mut().for_each(|track| track.start(feed, config.clone()));
            }
            WorkerReport::AudioStarted { id, asc_hex, sample_rate, channels } => {
                let Some(asc) = from_hex(&asc_hex) else { return };
                self.sound.start_encoded(EncoderId(id), AudioConfig { asc: asc.into(), sample_rate, channels });
            }
            WorkerReport::BitrateChanged { id, kbps } => {
                tracing::info!(encoder = id, kbps, "bitrate changed in place");
                self.pending.retain(|_, awaiting| *awaiting != Awaiting::Bitrate(EncoderId(id)));
            }
            WorkerReport::Ended { id } => self.encoder_ended(EncoderId(id), stage),
            WorkerReport::Failed { id, message } => self.encoder_failed(EncoderId(id), message),
            WorkerReport::Corrupt { message } => {
                tracing::debug!(message, "the publisher's media is damaged");
            }
        }
    }

    fn encoded_video(&mut self, unit: MediaUnit, stage: &Stage) {
        let feed = Feed::Encoder(EncoderId(unit.track));
        let unit = access_unit(unit);
        let target_ms = self.orders.latency.grid_ms();
        let made: Vec<_> = self
            .tracks
            .iter_mut()
            .map(|(name, track)| (name.clone(), track.push(feed, unit.clone(), target_ms)))
            .filter(|(_, made)| !made.is_empty())
            .collect();
        self.publish(made, stage);
    }

    fn encoder_ended(&mut self, id: EncoderId, stage: &Stage) {
        let target_ms = self.orders.latency.grid_ms();
        let feed = Feed::Encoder(id);
        let made: Vec<_> =
            self.tracks.iter_mut().map(|(name, track)| (name.clone(), track.ended(feed, target_ms))).collect();
        self.publish(made, stage);
        self.forget_finished(stage);
    }

    fn encoder_failed(&mut self, id: EncoderId, message: String) {
        let Some(order) = self.orders.encoders.iter().find(|order| order.id == id) else { return };
        tracing::error!(rung = order.rung, message, "a rung cannot be encoded");
        self.failures.insert(id, (order.rung.clone(), message));
        self.pending.retain(|_, awaiting| *awaiting != Awaiting::Feed(Feed::Encoder(id)));
    }

    /// The worker of `epoch` is gone. Its rungs pause until a new one has reached a keyframe; the others go on.
    pub(super) fn lose_worker(&mut self, epoch: u64, how: &str, stage: &Stage) {
        let Some(worker) = self.worker.take_if(|worker| worker.epoch == epoch) else { return };
        self.dropped_units += worker.dropped_units;
        drop(worker);
        let target_ms = self.orders.latency.grid_ms();
        let running: Vec<EncoderId> = self
            .tracks
            .values()
            .filter_map(|track| track.feed().filter(|feed| matches!(feed, Feed::Encoder(_))))
            .map(Feed::id)
            .collect();
        for id in running {
            let feed = Feed::Encoder(id);
            let made: Vec<_> =
                self.tracks.iter_mut().map(|(name, track)| (name.clone(), track.ended(feed, target_ms))).collect();
            self.publish(made, stage);
        }
        self.forget_finished(stage);
        if !self.orders.need_worker() {
            return;
        }
        self.quick_deaths = if self.worker_started.elapsed() < PROVEN { self.quick_deaths + 1 } else { 1 };
        tracing::warn!(session = %self.session(), how, deaths = self.quick_deaths, "transcoder worker lost");
        self.failures.clear();
        self.ladder.forget_encoders();
        self.orders = self.ladder.orders(&self.rungs, self.orders.latency);
        self.sound.want(self.orders.audio);
        self.follow_orders();
        self.pause_worker();
        self.restart_if_due();
    }

    /// The first restart is immediate; a worker that keeps dying waits 1, 2, 4, then 8 seconds.
    fn pause_worker(&mut self) {
        let pause = match self.quick_deaths {
            0 | 1 => Duration::ZERO,
            deaths => Duration::from_secs(1 << (deaths - 2).min(3)).min(LONGEST_PAUSE),
        };
        self.restart_at = Some(Instant::now() + pause);
    }

    fn restart_if_due(&mut self) {
        if self.worker.is_none()
            && self.orders.need_worker()
            && self.source.is_some()
            && self.restart_at.is_some_and(|due| due <= Instant::now())
        {
            self.start_worker();
        }
    }

    /// What must happen from time to time whatever arrives.
    pub(super) fn tidy(&mut self, stage: &Stage) {
        self.restart_if_due();
        let expired = stage.with(|presentation| presentation.expired(unix_millis())).unwrap_or_default();
        stage.store.free(expired.iter().map(String::as_str));
    }

    /// Forgets rungs that have delivered their last unit, and the worker when it has nothing left to do.
    fn forget_finished(&mut self, stage: &Stage) {
        let over: Vec<String> =
            self.tracks.iter().filter(|(_, track)| track.is_over()).map(|(name, _)| name.clone()).collect();
        for name in &over {
            self.tracks.remove(name);
            self.pending.remove(&ObjectId::Rung(name.clone()));
        }
        if !over.is_empty() {
            self.present_ladder(stage);
        }
        let is_encoding = self.tracks.values().any(|track| matches!(track.feed(), Some(Feed::Encoder(_))));
        if !self.orders.need_worker() && !is_encoding && self.worker.take().is_some() {
            tracing::info!(session = %self.session(), "transcoder worker no longer needed");
        }
    }

    /// Shows the presentation the ladder as it is on air: rungs that are to go stay until their last segment.
    fn present_ladder(&self, stage: &Stage) {
        let mut rungs: Vec<&Rung> = self.rungs.values().collect();
        rungs.sort_by_key(|rung| (rung.position, &rung.name));
        let mut ladder: Vec<(String, u64)> =
            rungs.iter().map(|rung| (rung.name.clone(), declared_bandwidth(rung))).collect();
        for name in self.tracks.keys().filter(|name| !self.rungs.contains_key(*name)) {
            ladder.push((name.clone(), 0));
        }
        stage.with(|presentation| presentation.set_ladder(&ladder));
        self.present_view(stage);
    }

    fn publish(&mut self, made: Vec<(String, Vec<track::Made>)>, stage: &Stage) {
        let mut is_new_segment = false;
        for (rung, made) in made {
            for made in made {
                match made {
                    track::Made::Init { id, config, data } => self.publish_init(&rung, id, &config, data, stage),
                    track::Made::Segment(segment) => {
                        publish_segment(&Track::Video(rung.clone()), segment, stage);
                        self.pending.retain(|_, awaiting| *awaiting != Awaiting::NextSegment);
                        is_new_segment = true;
                    }
                }
            }
            if let Some(feed) = self.tracks.get(&rung).and_then(RungTrack::feed) {
                self.pending.retain(|_, awaiting| *awaiting != Awaiting::Feed(feed));
            }
        }
        if is_new_segment {
            self.present_view(stage);
        }
    }

    fn publish_init(&self, rung: &str, id: EncoderId, config: &VideoConfig, data: bytes::Bytes, stage: &Stage) {
        let order = self.orders.encoders.iter().find(|order| order.id == id);
        let frame_rate = match (self.frame_rate, order.and_then(|order| order.framerate)) {
            (Some(source), Some(most)) => Some(source.min(f64::from(most))),
            (source, _) => source,
        };
        let facts =
            InitFacts { codecs: config.codec_string(), width: config.width, height: config.height, frame_rate };
        if let Some(uri) =
            stage.with(|presentation| presentation.add_init(&Track::Video(rung.to_owned()), id, facts))
        {
            stage.store.put(uri, data);
        }
        tracing::info!(session = %self.session(), rung, width = config.width, height = config.height, "rung on air");
    }

    fn publish_sound(&mut self, made: Vec<sound::Made>, stage: &Stage) {
        let mut is_new_segment = false;
        for made in made {
            match made {
                sound::Made::Init { id, config, data } => {
                    let facts =
                        InitFacts { codecs: config.codec_string(), width: 0, height: 0, frame_rate: None };
                    if let Some(uri) = stage.with(|presentation| presentation.add_init(&Track::Audio, id, facts)) {
                        stage.store.put(uri, data);
                    }
                }
                sound::Made::Segment(segment) => {
                    publish_segment(&Track::Audio, segment, stage);
                    is_new_segment = true;
                }
            }
        }
        if is_new_segment {
            self.present_view(stage);
        }
    }

    /// Tells open pages when the broadcast became playable or its variants changed.
    fn present_view(&self, stage: &Stage) {
        let Some(Some(view)) = stage.with(|presentation| {
            presentation.is_playable().then(|| BroadcastView {
                id: self.id.clone(),
                started_at: self.started_at_ms / 1000,
                playlist: "/hls/stream.m3u8".to_owned(),
                ladder_revision: presentation.ladder_revision(),
                variants: presentation
                    .variants()
                    .into_iter()
                    .map(|variant| VariantView { name: variant.name, width: variant.width, height: variant.height })
                    .collect(),
            })
        }) else {
            return;
        };
        stage.view.send_if_modified(|shown| {
            let is_news = shown.as_ref() != Some(&view);
            *shown = Some(view);
            is_news
        });
    }

    pub(super) fn facts(&self, stage: &Stage) -> super::ChannelFacts {
        let variants =
            stage.with(|presentation| presentation.variants().into_iter().map(|v| v.name).collect()).unwrap_or_default();
        let (width, height) =
            self.source.as_ref().map_or((0, 0), |source| (source.config.width, source.config.height));
        let dropped_units = self.dropped_units + self.worker.as_ref().map_or(0, |worker| worker.dropped_units);
        super::ChannelFacts {
            broadcast: Some(BroadcastFacts {
                channel: self.publisher.admitted.channel.to_string(),
                stream_key: self.publisher.admitted.key_name.clone(),
                session: self.publisher.session.0,
                started_at: self.started_at_ms / 1000,
                width,
                height,
                variants,
                worker_pid: self.worker.as_ref().map(|worker| worker.pid),
                dropped_units,
            }),
            pending: self.pending.keys().cloned().collect(),
            conditions: self.conditions(dropped_units),
        }
    }

    fn conditions(&self, dropped_units: u64) -> Vec<Condition> {
        let mut conditions: Vec<Condition> = self
            .failures
            .values()
            .map(|(rung, message)| Condition {
                kind: "RungFailed".to_owned(),
                message: format!("rung {rung} cannot be encoded: {message}"),
            })
            .collect();
        if self.quick_deaths > 1 {
            conditions.push(Condition {
                kind: "WorkerUnstable".to_owned(),
                message: format!("the transcoder worker ended {} times soon after its start", self.quick_deaths),
            });
        }
        if dropped_units > 0 {
            conditions.push(Condition {
                kind: "WorkerOverloaded".to_owned(),
                message: format!("{dropped_units} units were dropped because encoding is slower than the stream"),
            });
        }
        conditions
    }

    /// Closes every track and the presentation.
    pub(super) fn end(mut self, stage: &Stage) {
        let made: Vec<_> = self.tracks.iter_mut().map(|(name, track)| (name.clone(), track.flush())).collect();
        self.publish(made, stage);
        let last = self.sound.flush().into_iter().collect();
        self.publish_sound(last, stage);
        stage.with(Presentation::end);
        stage.view.send_replace(None);
    }
}

fn publish_segment(track: &Track, segment: Segment, stage: &Stage) {
    let facts = SegmentFacts {
        start_us: segment.start_us,
        duration_us: segment.duration_us,
        bytes: u64::try_from(segment.data.len()).unwrap_or(u64::MAX),
    };
    // The bytes must be there before a playlist names them: both happen under the presentation's lock.
    stage.with(|presentation| {
        let uri = presentation.add_segment(track, facts);
        stage.store.put(uri, segment.data);
    });
}

fn access_unit(unit: MediaUnit) -> AccessUnit {
    let MediaUnit { track: _, is_sync, dts, pts, data } = unit;
    AccessUnit { dts, pts, is_sync, data }
}

/// Bits per second a rung is declared to need; 0 for a pass-through rung, which is measured.
fn declared_bandwidth(rung: &Rung) -> u64 {
    match rung.encode {
        nixcast_core::control::Encode::Passthrough => 0,
        nixcast_core::control::Encode::Transcode { video_bitrate_kbps, .. } => {
            u64::from(video_bitrate_kbps + rung.audio_bitrate_kbps) * 1000
        }
    }
}

/// Eight hex characters that no earlier broadcast of this machine had: its start in milliseconds, and the session.
fn broadcast_id(session: SessionId, started_at_ms: i64) -> String {
    let mixed = started_at_ms.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(session.0);
    format!("{:08x}", mixed >> 32)
}
