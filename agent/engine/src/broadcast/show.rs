//! One live broadcast: the publisher's session, the ladder's tracks, the worker, the presentation.

mod encoding;
mod exchange;
mod gauge;
mod life;
mod load;
mod presenting;
mod progress;
mod stills;
mod supervising;

use gauge::Gauge;
use load::LoadWatch;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nixcast_core::admission::{Admitted, Refusal};
use nixcast_core::control::{ObjectId, Rung};
use nixcast_core::facts::stated_keyframe_pictures;
use nixcast_core::hls::Presentation;
use nixcast_core::ids::{EncoderId, SessionId};
use nixcast_core::ladder::{AudioOrder, Ladder, LatencyLevel, Orders, Terms};
use nixcast_core::lifecycle::{Lifecycle, Standing};
use nixcast_core::media::{AccessUnit, AudioConfig, VIDEO_TIMESCALE, VideoConfig};
use nixcast_core::supervision::Supervision;
use nixcast_media::hex;
use nixcast_media::protocol::{MediaUnit, Progress, WorkerControl};
use nixcast_schema::{Encoder, Overload};
use tokio::sync::oneshot;

use super::sound::Sound;
use super::stills::Stills;
use super::track::{Feed, RungTrack};
use super::worker::{Spawner, Worker};
use super::{FromPublisher, Pulse, Stage, moment_ms, unix_millis};
use crate::declared::Declared;

/// How long the sound waits for a first picture: encoders send both within a second of each other.
const PICTURE_PATIENCE: Duration = Duration::from_secs(3);

/// How long a worker may take to give the last pictures it was sent: some look-ahead on a busy machine.
const LAST_PICTURES: Duration = Duration::from_secs(5);

/// The connection a broadcast lives on, or lived on last.
pub(super) struct Publisher {
    pub(super) session: SessionId,
    pub(super) pulse: Pulse,
    pub(super) end: oneshot::Sender<Refusal>,
}

impl Publisher {
    /// For a broadcast whose publisher was connected to another engine.
    fn elsewhere() -> Self {
        Self { session: SessionId(0), pulse: Pulse::new(), end: oneshot::channel().0 }
    }
}

pub(super) struct Show {
    id: String,
    life: Lifecycle,
    standing: Standing,
    publisher: Publisher,
    started_at_ms: i64,
    /// End of everything the publisher has sent, on the time line, 90 kHz.
    end_90k: i64,
    /// Set from the return of a publisher to its first unit, with which a new era begins.
    is_returning: bool,
    ladder: Ladder,
    orders: Orders,
    wishes: Wishes,
    /// What is declared, less what is left out.
    rungs: BTreeMap<String, Rung>,
    source: Option<Source>,
    frame_rate: Option<f64>,
    tracks: BTreeMap<String, RungTrack>,
    sound: Sound,
    picture: Expectation,
    spawner: Spawner,
    worker: Option<Worker>,
    /// The worker of a publisher that was lost, asked to give what it still has, and since when.
    leaving: Option<(Worker, Instant)>,
    supervision: Supervision,
    /// When the worker was last looked at.
    looked_at: Instant,
    next_epoch: u64,
    restart_at: Option<Instant>,
    dropped_units: u64,
    pending: BTreeMap<ObjectId, Awaiting>,
    failures: BTreeMap<EncoderId, (String, String)>,
    /// The worker's newest report of how it gets on, and when it came.
    progress: Option<(Instant, Progress)>,
    /// Layers of the sandbox that the worker had to do without.
    unconfined: Vec<String>,
    watch: LoadWatch,
    gauge: Gauge,
    /// A worker that another kind of encoder has taken the place of, asked to give what it still has, and since when.
    retired: Option<(Worker, Instant)>,
    /// The hardware that has failed in this broadcast, and how.
    failed_hardware: Option<(Encoder, String)>,
}

/// What is declared of the picture.
#[derive(Clone, Debug, PartialEq)]
struct Wishes {
    ladder: BTreeMap<String, Rung>,
    latency: LatencyLevel,
    when_overloaded: Overload,
    stills: bool,
}

impl Wishes {
    fn of(declared: &Declared) -> Self {
        Self {
            ladder: declared.ladder.clone(),
            latency: declared.latency(),
            when_overloaded: declared.when_overloaded.unwrap_or_default(),
            stills: declared.stills.unwrap_or_default(),
        }
    }
}

/// Why there are new orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// The settings changed, so the operator is told what still waits.
    Declared,
    /// The machine has less time than the ladder needs, or enough again.
    Load,
    /// The worker died with some of them, or is to be tried with them again.
    Deaths,
}

/// What a broadcast has behind it when this engine takes it on.
struct Past {
    id: String,
    life: Lifecycle,
    started_at_ms: i64,
    end_90k: i64,
    ladder: Ladder,
}

/// Whether there is a picture to the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expectation {
    /// None has come; the first sound came at that moment.
    Due {
        since: Option<Instant>,
    },
    /// It has not come for so long that the sound is offered alone, as the publisher sends it.
    GivenUp,
    Here,
}

impl Default for Expectation {
    fn default() -> Self {
        Self::Due { since: None }
    }
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
    pub(super) fn begin(
        publisher: Publisher,
        by: Admitted,
        declared: &Declared,
        spawner: Spawner,
        stage: &Stage,
    ) -> Self {
        let started_at_ms = unix_millis();
        let id = broadcast_id(publisher.session, started_at_ms);
        let latency = declared.latency();
        stage.store.clear();
        stage.replace(Some(Presentation::new(id.clone(), started_at_ms, latency)));
        let life = Lifecycle::begin(publisher.session, by, moment_ms());
        let past = Past { id, life, started_at_ms, end_90k: 0, ladder: Ladder::default() };
        let mut show = Self::new(past, publisher, declared, spawner);
        show.order_sound();
        show.present_ladder(stage);
        // So that the worker is there when the first picture is.
        show.ensure_worker(stage);
        show
    }

    fn new(past: Past, publisher: Publisher, declared: &Declared, spawner: Spawner) -> Self {
        let Past { id, life, started_at_ms, end_90k, mut ladder } = past;
        let wishes = Wishes::of(declared);
        let terms = Terms { latency: wishes.latency, encoder: spawner.encoder, shed: &[] };
        let orders = ladder.orders(&wishes.ladder, terms);
        Self {
            id,
            life,
            standing: Standing::Starting,
            publisher,
            started_at_ms,
            end_90k,
            is_returning: false,
            ladder,
            orders,
            rungs: wishes.ladder.clone(),
            wishes,
            source: None,
            frame_rate: None,
            tracks: BTreeMap::new(),
            sound: Sound::default(),
            picture: Expectation::default(),
            spawner,
            worker: None,
            leaving: None,
            supervision: Supervision::default(),
            looked_at: Instant::now(),
            next_epoch: 1,
            restart_at: None,
            dropped_units: 0,
            pending: BTreeMap::new(),
            failures: BTreeMap::new(),
            progress: None,
            unconfined: Vec::new(),
            watch: LoadWatch::new(Instant::now()),
            gauge: Gauge::new(),
            retired: None,
            failed_hardware: None,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The connection that publishes.
    pub(super) fn session(&self) -> Option<SessionId> {
        self.life.session()
    }

    pub(super) fn admitted(&self) -> &Admitted {
        self.life.by()
    }

    /// Tells the session why it must end.
    pub(super) fn dismiss(&mut self, refusal: Refusal) {
        let (spent, _) = oneshot::channel();
        // A session that is ending by itself at this moment needs no telling.
        let _is_heard = std::mem::replace(&mut self.publisher.end, spent).send(refusal);
    }

    pub(super) fn take_media(&mut self, media: FromPublisher, stage: &Stage) {
        self.gauge.take(&media);
        if let Some((start_90k, end_90k)) = self.extent_90k(&media) {
            self.life.hear(moment_ms());
            self.end_90k = self.end_90k.max(end_90k);
            self.begin_era(start_90k, stage);
        }
        match media {
            FromPublisher::Claims(claims) => self.frame_rate = claims.framerate.or(self.frame_rate),
            FromPublisher::Line(_) => {}
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
            tracing::info!(session = %self.publisher.session, "video arrived");
            // The one that was started with the session knows its orders.
            if self.worker.is_none() {
                self.ensure_worker(stage);
            }
        }
    }

    fn start_source_audio(&mut self, config: AudioConfig) {
        let id = self.ladder.fresh_id();
        if self.sound.start_source(config.clone(), id)
            && let Some(worker) = &self.worker
        {
            worker.control(WorkerControl::AudioSource { asc_hex: hex::encode(&config.asc) });
        }
    }

    fn source_video(&mut self, unit: AccessUnit, stage: &Stage) {
        let Some(Source { feed, .. }) = self.source.clone() else { return };
        if std::mem::replace(&mut self.picture, Expectation::Here) == Expectation::GivenUp {
            self.order_sound();
            self.present_ladder(stage);
        }
        let level = self.orders.latency;
        let mut made = Vec::new();
        if let Some(most_apart) = self.stated_keyframes(&unit) {
            self.tracks.values_mut().for_each(|track| track.expect_keyframes(most_apart));
        }
        for (name, rung) in &mut self.tracks {
            // A pass-through rung that is to go, or to be encoded from now on, ends at a keyframe like any segment.
            if unit.is_sync && rung.feed() == Some(feed) && rung.wanted().is_none() {
                made.push((name.clone(), rung.flush()));
            }
            made.push((name.clone(), rung.push(feed, unit.clone(), level)));
        }
        self.publish(made, stage);
        self.forget_finished(stage);
        if unit.is_sync {
            self.exchange_if_due(stage);
        }
        let is_encoding = self.is_encoding();
        if let Some(worker) = &mut self.worker {
            let AccessUnit { dts, pts, is_sync, data } = unit;
            let unit = MediaUnit { track: 0, is_sync, dts, pts, data };
            if is_encoding { worker.video(unit) } else { worker.keyframe(unit) }
        }
    }

    /// Ticks between two keyframes at most, if the encoder says so in this picture and how many there are a second.
    fn stated_keyframes(&self, unit: &AccessUnit) -> Option<i64> {
        let pictures = unit.is_sync.then(|| stated_keyframe_pictures(&unit.data)).flatten()?;
        let seconds = f64::from(pictures) / self.frame_rate.filter(|rate| *rate >= 1.0)?;
        let micros = Duration::try_from_secs_f64(seconds).ok()?.as_micros();
        i64::try_from(micros * u128::from(VIDEO_TIMESCALE) / 1_000_000).ok()
    }

    /// What the sound is made of. Without pictures it is the publisher's own, which needs no worker.
    fn order_sound(&mut self) {
        let is_alone = self.picture == Expectation::GivenUp;
        self.sound.want(if is_alone { AudioOrder::Passthrough } else { self.orders.audio });
    }

    /// Offers the sound alone once its picture has been waited for long enough.
    fn watch_for_picture(&mut self, stage: &Stage) {
        if matches!(self.picture, Expectation::Due { since: Some(since) } if since.elapsed() >= PICTURE_PATIENCE) {
            tracing::info!(broadcast = self.id, "no picture has come with the sound, which is offered alone");
            self.picture = Expectation::GivenUp;
            self.order_sound();
            self.present_ladder(stage);
        }
    }

    fn source_audio(&mut self, unit: AccessUnit, stage: &Stage) {
        if let Expectation::Due { since } = &mut self.picture {
            since.get_or_insert_with(Instant::now);
        }
        if matches!(self.orders.audio, AudioOrder::Encode { .. })
            && let Some(worker) = &mut self.worker
        {
            let AccessUnit { dts, pts, is_sync, data } = unit.clone();
            worker.audio(MediaUnit { track: 0, is_sync, dts, pts, data });
        }
        let made = self.sound.push_source(unit, self.orders.latency);
        self.publish_sound(made, stage);
    }

    /// Brings the broadcast to newly declared settings: at once where nothing is on air, at the next grid point where
    /// pictures are being encoded.
    pub(super) fn take_settings(&mut self, declared: &Declared, stage: &Stage) {
        let had = std::mem::replace(&mut self.wishes, Wishes::of(declared));
        if had.ladder != self.wishes.ladder {
            self.supervision.redeclared(&self.wishes.ladder);
        }
        self.declare_load();
        self.follow_wishes(Why::Declared, stage);
        if had.stills != self.wishes.stills {
            self.follow_stills(stage);
        }
    }

    /// Gives new orders for what is wished and fits.
    fn follow_wishes(&mut self, why: Why, stage: &Stage) {
        let latency = self.wishes.latency;
        let orders = self.next_orders();
        let mut rungs = self.wishes.ladder.clone();
        let left_out = self.left_out();
        rungs.retain(|name, _| !left_out.contains(name));
        if orders == self.orders && rungs == self.rungs {
            return;
        }
        if latency != self.orders.latency {
            stage.with(|presentation| presentation.set_latency(latency));
            self.sound.set_level(latency);
            self.tracks.values_mut().for_each(|track| track.set_level(latency));
            if self.source.is_some() {
                self.pending.insert(ObjectId::Latency, Awaiting::NextSegment);
            }
        }
        if why == Why::Declared {
            self.note_pending(&orders);
        }
        self.failures.retain(|id, _| orders.encoders.iter().any(|order| order.id == *id));
        self.rungs = rungs;
        self.orders = orders;
        // Nothing waits for a rung that is left out.
        self.pending.retain(|object, _| !matches!(object, ObjectId::Rung(name) if left_out.contains(name)));
        self.order_sound();
        self.follow_orders();
        if self.session().is_some() {
            self.ensure_worker(stage);
        }
        self.forget_finished(stage);
        self.present_ladder(stage);
    }

    fn next_orders(&mut self) -> Orders {
        let encoder = self.worker.as_ref().map_or(self.spawner.encoder, |worker| worker.encoder);
        let terms = Terms { latency: self.wishes.latency, encoder, shed: &self.left_out() };
        self.ladder.orders(&self.wishes.ladder, terms)
    }

    /// Rungs that the machine has no time for, and those that the worker dies with.
    fn left_out(&self) -> Vec<String> {
        self.watch.guard.shed().iter().cloned().chain(self.supervision.left_out()).collect()
    }

    /// Writes down what each changed rung waits for. Without pictures nothing is on air, and nothing waits.
    fn note_pending(&mut self, orders: &Orders) {
        let Some(source) = &self.source else { return };
        let encoded = orders.encoders.iter().filter_map(|order| {
            match self.orders.encoders.iter().find(|had| had.rung == order.rung) {
                Some(had) if had == order => None,
                Some(had) if had.id == order.id => Some((&order.rung, Awaiting::Bitrate(order.id))),
                _ => Some((&order.rung, Awaiting::Feed(Feed::Encoder(order.id)))),
            }
        });
        let arriving = orders.passthrough.iter().filter(|rung| !self.orders.passthrough.contains(rung));
        let is_kept = |rung: &String| {
            orders.passthrough.contains(rung) || orders.encoders.iter().any(|order| order.rung == *rung)
        };
        let leaving = self.tracks.keys().filter(|rung| !is_kept(rung));
        let noted: Vec<(ObjectId, Awaiting)> = encoded
            .chain(arriving.map(|rung| (rung, Awaiting::Feed(source.feed))))
            .chain(leaving.map(|rung| (rung, Awaiting::LastSegment)))
            .map(|(rung, awaiting)| (ObjectId::Rung(rung.clone()), awaiting))
            .collect();
        self.pending.extend(noted);
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

    /// What must happen from time to time whatever arrives.
    pub(super) fn tidy(&mut self, stage: &Stage) {
        self.give_up_leaving(stage);
        self.supervise(stage);
        self.watch_silence(stage);
        self.give_up_retired(stage);
        self.watch_for_picture(stage);
        let expired = stage.with(|presentation| presentation.expired(unix_millis())).unwrap_or_default();
        stage.store.free(&expired);
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
        if !self.needs_worker() && !self.is_encoding() && self.worker.take().is_some() {
            self.supervision.dismissed();
            tracing::info!(session = %self.publisher.session, "transcoder worker no longer needed");
        }
    }

    /// Closes every track and the presentation.
    pub(super) fn end(mut self, stage: &Stage) {
        let made: Vec<_> = self.tracks.iter_mut().map(|(name, track)| (name.clone(), track.flush())).collect();
        self.publish(made, stage);
        let last = self.sound.flush().into_iter().collect();
        self.publish_sound(last, stage);
        stage.with(Presentation::end);
        stage.view.send_replace(None);
        stage.stills.send_replace(Stills::default());
    }
}

/// Eight hex characters that no earlier broadcast of this machine had: its start in milliseconds, and the session.
fn broadcast_id(session: SessionId, started_at_ms: i64) -> String {
    let mixed = started_at_ms.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(session.0);
    format!("{:08x}", mixed >> 32)
}
