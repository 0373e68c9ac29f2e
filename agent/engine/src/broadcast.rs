//! The channel: who publishes to it, and the broadcast that comes of it.
//!
//! One task owns all of it and is reached through [`ChannelHandle`]. Publishers and the worker feed it through one
//! bounded inbox; it never waits for a viewer, and never for the worker (a full worker queue drops to the next
//! keyframe), so the inbox drains as fast as media can be packaged.

mod edges;
mod last_live;
mod memory;
mod orders;
mod overload;
mod probe;
mod show;
mod sound;
mod stills;
mod track;
mod worker;

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nixcast_core::admission::{self, Admitted, Refusal};
use nixcast_core::control::{BroadcastFacts, Condition, ObjectId};
use nixcast_core::facts::NetworkFacts;
use nixcast_core::hls::Presentation;
use nixcast_core::ids::SessionId;
use nixcast_core::lifecycle::{Aftermath, Departure, Entry};
use nixcast_core::media::{AccessUnit, AudioConfig, VideoConfig};
use nixcast_core::rtmp::Metadata;
use nixcast_media::protocol::FromWorker;
use nixcast_schema::Encoder;
use tokio::sync::{mpsc, oneshot, watch};

use crate::counts;
use crate::declared::{Declared, Watch};
use crate::store::Store;
use crate::tasks;
use crate::web::view::BroadcastView;
use edges::Edges;
use last_live::LastLive;
use memory::Keeper;
use probe::Hardware;
use show::Show;
pub(crate) use stills::Stills;

/// Messages waiting for the channel: about three seconds of media, more than a scheduling hiccup.
const INBOX: usize = 512;

/// How often what has left every window is freed, and key expiry is looked at.
const HOUSEKEEPING: Duration = Duration::from_millis(250);

/// How often what has to outlive the engine is written down.
const REMEMBER: Duration = Duration::from_secs(1);

/// How long players that are still in may read the end of a broadcast before its segments are freed.
const FAREWELL: Duration = Duration::from_secs(60);

/// What the web server and `status` read of a channel.
#[derive(Clone, Debug)]
pub(crate) struct ChannelHandle {
    inbox: mpsc::Sender<Input>,
    /// The presentation of the live broadcast. Locked for the length of one playlist, never across an await.
    pub(crate) presentation: Arc<Mutex<Option<Presentation>>>,
    /// How far its playlists have come.
    pub(crate) edges: Edges,
    pub(crate) view: watch::Receiver<Option<BroadcastView>>,
    pub(crate) stills: watch::Receiver<Stills>,
    /// When the last broadcast that viewers could see ended, in seconds since 1970.
    pub(crate) last_live: watch::Receiver<Option<i64>>,
    facts: watch::Receiver<ChannelFacts>,
}

/// What `status` says of a channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChannelFacts {
    pub(crate) broadcast: Option<BroadcastFacts>,
    pub(crate) pending: Vec<ObjectId>,
    pub(crate) conditions: Vec<Condition>,
}

/// A publisher asks to be let in.
#[derive(Debug)]
pub(crate) struct Publish {
    pub(crate) session: SessionId,
    pub(crate) app: String,
    pub(crate) key: zeroize::Zeroizing<Vec<u8>>,
    /// When this connection was last heard.
    pub(crate) pulse: Pulse,
    /// Told once why the session must end.
    pub(crate) end: oneshot::Sender<Refusal>,
    pub(crate) reply: oneshot::Sender<Result<Welcome, Refusal>>,
}

/// A publisher is let in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Welcome {
    /// Where its first unit goes on the broadcast's time line, 90 kHz.
    pub(crate) starts_at_90k: i64,
}

/// When a connection last brought any bytes, on the clock of [`moment_ms`]. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Pulse(Arc<AtomicI64>);

impl Pulse {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(moment_ms())))
    }

    pub(crate) fn beat(&self) {
        self.0.store(moment_ms(), Ordering::Relaxed);
    }

    fn silent_ms(&self) -> i64 {
        moment_ms() - self.0.load(Ordering::Relaxed)
    }
}

/// What an admitted publisher sends, on the broadcast's time line.
#[derive(Debug)]
pub(crate) enum FromPublisher {
    /// What it says of itself.
    Claims(Metadata),
    /// How its connection fares.
    Line(Line),
    VideoConfig(VideoConfig),
    AudioConfig(AudioConfig),
    Video(AccessUnit),
    Audio(AccessUnit),
}

/// How a publisher's connection fares. Counts are those since it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) network: Option<NetworkFacts>,
    pub(crate) timestamp_jumps: u64,
    pub(crate) damaged_tags: u64,
}

/// Everything that reaches the channel's task.
#[derive(Debug)]
enum Input {
    Publish(Publish),
    Media {
        session: SessionId,
        media: FromPublisher,
    },
    Gone {
        session: SessionId,
        departure: Departure,
    },
    Worker {
        epoch: u64,
        frame: FromWorker,
    },
    WorkerGone {
        epoch: u64,
        how: String,
    },
    /// The trial of a hardware encoder is over.
    Probed {
        encoder: Encoder,
        result: Result<(), String>,
    },
    /// The operator wants it to end; answered once it has, with whether there was anything to end.
    Disconnect(oneshot::Sender<bool>),
    /// Settings were replaced; answered once they are taken up.
    Settle(oneshot::Sender<()>),
    /// The engine is about to end; answered once what has to outlive it is written.
    Remember(oneshot::Sender<()>),
}

impl ChannelHandle {
    /// Asks to publish. An error means the engine is going down.
    pub(crate) async fn publish(&self, publish: Publish) -> Result<(), ChannelClosed> {
        self.inbox.send(Input::Publish(publish)).await.map_err(|_closed| ChannelClosed)
    }

    /// Hands over media. Waits while the inbox is full, which slows the publisher's connection down and nobody else.
    pub(crate) async fn media(&self, session: SessionId, media: FromPublisher) -> Result<(), ChannelClosed> {
        self.inbox.send(Input::Media { session, media }).await.map_err(|_closed| ChannelClosed)
    }

    /// Says that a publisher is gone. Harmless for one that was never let in.
    pub(crate) async fn gone(&self, session: SessionId, departure: Departure) {
        if self.inbox.send(Input::Gone { session, departure }).await.is_err() {
            tracing::debug!(%session, "the channel closed before its publisher");
        }
    }

    /// Ends the publisher's session and with it the broadcast. Whether there was one.
    pub(crate) async fn disconnect(&self) -> bool {
        let (done, ended) = oneshot::channel();
        self.inbox.send(Input::Disconnect(done)).await.is_ok() && ended.await.unwrap_or(false)
    }

    /// Waits until the newest settings are taken up: after this, [`Self::facts`] says what is still pending.
    pub(crate) async fn settle(&self) {
        let (done, taken_up) = oneshot::channel();
        if self.inbox.send(Input::Settle(done)).await.is_ok() && taken_up.await.is_err() {
            tracing::debug!("the channel closed while settings were taken up");
        }
    }

    /// Waits until what has to outlive the engine is written.
    pub(crate) async fn remember(&self) {
        let (done, written) = oneshot::channel();
        if self.inbox.send(Input::Remember(done)).await.is_ok() && written.await.is_err() {
            tracing::debug!("the channel closed before it was remembered");
        }
    }

    pub(crate) fn facts(&self) -> ChannelFacts {
        self.facts.borrow().clone()
    }

    /// The live presentation, if there is one, locked.
    pub(crate) fn with_presentation<T>(&self, read: impl FnOnce(&mut Presentation) -> T) -> Option<T> {
        self.presentation.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(read)
    }
}

/// The channel's task has ended: the engine is going down.
#[derive(Debug, thiserror::Error)]
#[error("the channel is closed")]
pub(crate) struct ChannelClosed;

/// What a channel needs of its surroundings.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) store: Store,
    /// The nixcast binary.
    pub(crate) worker_program: PathBuf,
    /// Where it keeps what has to outlive the engine; none: nothing does.
    pub(crate) state_dir: Option<PathBuf>,
}

/// Starts the channel's task, with the broadcast that the last engine left, if its publisher may come back to it. The
/// grant of that broadcast's key is among the settings from then on.
pub(crate) fn start(settings: &watch::Sender<Arc<Declared>>, place: Place) -> ChannelHandle {
    let Place { store, worker_program, state_dir } = place;
    let (inbox, messages) = mpsc::channel(INBOX);
    let (view_writer, view) = watch::channel(None);
    let (stills_writer, stills) = watch::channel(Stills::default());
    let (facts_writer, facts) = watch::channel(ChannelFacts::default());
    let presentation = Arc::new(Mutex::new(None));
    let edges = Edges::default();
    let (last_live_writer, last_live) = LastLive::start(state_dir.clone(), unix_seconds());
    let (keeper, memory) = match state_dir.map(|folder| Keeper::start(folder, moment_ms())) {
        Some((keeper, memory)) => (Some(keeper), memory),
        None => (None, None),
    };
    let stage = Stage {
        presentation: Arc::clone(&presentation),
        edges: edges.clone(),
        store,
        view: view_writer,
        stills: stills_writer,
    };
    let mut channel = Channel {
        stage,
        declared: settings.subscribe(),
        inbox: inbox.downgrade(),
        facts: facts_writer,
        worker_program,
        keeper,
        last_live: last_live_writer,
        kept: None,
        hardware: Hardware::default(),
        show: None,
        ended_at: None,
    };
    if let Some(memory) = memory {
        // A new agent would hash the same key with another salt, as if it were another key. It holds a key against the
        // grant that the engine has, so the engine has to have it.
        let (name, grant) = (memory.key_name.clone(), memory.grant.clone());
        settings.send_modify(|declared| drop(Arc::make_mut(declared).stream_keys.insert(name, grant)));
        channel.recall(memory);
    }
    tasks::spawn("channel", channel.run(messages));
    ChannelHandle { inbox, presentation, edges, view, stills, last_live, facts }
}

/// Where a broadcast puts what it makes.
#[derive(Debug)]
struct Stage {
    presentation: Arc<Mutex<Option<Presentation>>>,
    edges: Edges,
    store: Store,
    view: watch::Sender<Option<BroadcastView>>,
    stills: watch::Sender<Stills>,
}

struct Channel {
    stage: Stage,
    declared: Watch,
    /// For worker tasks; weak, so that the channel ends when its handles are gone.
    inbox: mpsc::WeakSender<Input>,
    facts: watch::Sender<ChannelFacts>,
    worker_program: PathBuf,
    keeper: Option<Keeper>,
    last_live: LastLive,
    /// When the keeper was told last, and whether the broadcast waited for its publisher then.
    kept: Option<(Instant, bool)>,
    hardware: Hardware,
    show: Option<Show>,
    /// When the last broadcast ended, as long as its segments are kept.
    ended_at: Option<Instant>,
}

impl Channel {
    async fn run(mut self, mut messages: mpsc::Receiver<Input>) {
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
        housekeeping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // Both arms only take a value out; nothing is lost when the other one wins.
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => self.take(message),
                    None => break,
                },
                _tick = housekeeping.tick() => self.tidy(),
            }
        }
        // The engine is going down. For viewers the broadcast is not over: another engine may go on with it.
    }

    fn recall(&mut self, memory: memory::Memory) {
        let declared: Arc<Declared> = Arc::clone(&self.declared.borrow());
        let show = Show::recall(memory, &declared, self.spawner(), &self.stage);
        tracing::info!(broadcast = show.id(), "a broadcast from before waits for its publisher");
        self.show = Some(show);
        self.publish_facts();
    }

    fn spawner(&self) -> worker::Spawner {
        worker::Spawner {
            program: self.worker_program.clone(),
            inbox: self.inbox.clone(),
            encoder: self.hardware.in_use(),
        }
    }

    fn take(&mut self, message: Input) {
        match message {
            Input::Publish(publish) => self.admit(publish),
            Input::Media { session, media } => {
                if let Some(show) = self.show.as_mut().filter(|show| show.session() == Some(session)) {
                    show.take_media(media, &self.stage);
                }
            }
            Input::Gone { session, departure } => self.take_leave(session, departure),
            Input::Disconnect(done) => {
                let is_on = self.show.as_mut().map(|show| show.dismiss(Refusal::Disconnected)).is_some();
                if is_on {
                    self.end("the operator ended it");
                }
                // Whoever asked may have gone; it is done all the same.
                let _is_awaited = done.send(is_on);
            }
            Input::Worker { epoch, frame } => {
                if let Some(show) = &mut self.show {
                    show.take_worker(epoch, frame, &self.stage);
                }
            }
            Input::WorkerGone { epoch, how } => {
                if let Some(show) = &mut self.show {
                    show.lose_worker(epoch, &how, &self.stage);
                }
            }
            Input::Probed { encoder, result } => {
                self.hardware.take(encoder, result);
                self.use_encoder();
                self.publish_facts();
            }
            Input::Settle(done) => {
                self.take_settings();
                self.publish_facts();
                // The control task may have given up waiting; the settings are taken up all the same.
                let _is_awaited = done.send(());
            }
            Input::Remember(done) => {
                if let Some(keeper) = &self.keeper {
                    keeper.keep_now(self.show.as_ref().and_then(|show| show.memory(&self.stage)));
                }
                // Nobody waits for long: the engine ends with or without it.
                let _is_awaited = done.send(());
            }
        }
    }

    fn admit(&mut self, publish: Publish) {
        let declared: Arc<Declared> = Arc::clone(&self.declared.borrow());
        let session = publish.session;
        match self.judge(&publish, &declared) {
            Ok((admitted, entry)) => {
                let starts_at_90k = match (entry, &self.show) {
                    (Entry::Resume | Entry::TakeOver, Some(show)) => show.next_start_90k(),
                    _ => 0,
                };
                if publish.reply.send(Ok(Welcome { starts_at_90k })).is_err() {
                    return;
                }
                counts::SESSIONS_ADMITTED.add(1);
                tracing::info!(channel = %admitted.channel, %session, stream_key = admitted.key_name, ?entry, "publisher admitted");
                let publisher = show::Publisher { session, pulse: publish.pulse, end: publish.end };
                self.let_in(publisher, admitted, entry, &declared);
            }
            Err(refusal) => {
                counts::SESSIONS_REFUSED.add(1);
                tracing::warn!(%session, reason = %refusal, "publisher refused");
                // The publisher may have hung up meanwhile; it is refused either way.
                let _is_awaited = publish.reply.send(Err(refusal));
            }
        }
    }

    fn judge(&self, publish: &Publish, declared: &Declared) -> Result<(Admitted, Entry), Refusal> {
        let request = admission::Request { app: &publish.app, key: &publish.key };
        let admitted = admission::admit(&request, &declared.stream_keys, unix_seconds())?;
        let entry = match &self.show {
            Some(show) => show.judge_newcomer(&admitted, &publish.key, &declared.broadcast_rules())?,
            None => Entry::Begin,
        };
        Ok((admitted, entry))
    }

    fn let_in(&mut self, publisher: show::Publisher, by: Admitted, entry: Entry, declared: &Declared) {
        match (entry, &mut self.show) {
            (Entry::Resume | Entry::TakeOver, Some(show)) => {
                if entry == Entry::TakeOver {
                    show.dismiss(Refusal::TakenOver);
                    show.pause(&self.stage);
                }
                counts::RESUMES.add(1);
                show.resume(publisher, by, &self.stage);
            }
            _ => {
                self.end("another stream key begins a broadcast");
                if self.hardware.try_again() {
                    self.hardware.start_trial(self.worker_program.clone(), self.inbox.clone());
                }
                self.ended_at = None;
                self.show = Some(Show::begin(publisher, by, declared, self.spawner(), &self.stage));
            }
        }
        self.publish_facts();
    }

    fn take_leave(&mut self, session: SessionId, departure: Departure) {
        let rules = self.declared.borrow().broadcast_rules();
        let Some(show) = &mut self.show else { return };
        match show.leave(session, departure, &rules) {
            Some(Aftermath::Waits) => {
                tracing::info!(%session, grace_seconds = rules.grace_seconds, "publisher lost; the broadcast waits for it");
                show.pause(&self.stage);
                self.publish_facts();
            }
            Some(Aftermath::Ends) => self.end("the publisher is gone"),
            None => {}
        }
    }

    fn take_settings(&mut self) {
        let declared: Arc<Declared> = Arc::clone(&self.declared.borrow_and_update());
        self.check_key(&declared);
        self.check_wait(&declared);
        if self.hardware.declare(declared.encoder.unwrap_or_default()) {
            self.hardware.start_trial(self.worker_program.clone(), self.inbox.clone());
        }
        self.use_encoder();
        if let Some(show) = &mut self.show {
            show.take_settings(&declared, &self.stage);
        }
    }

    fn use_encoder(&mut self) {
        if let Some(show) = &mut self.show {
            show.use_encoder(self.hardware.in_use(), &self.stage);
        }
    }

    /// Ends the session whose key may no longer be used, or the wait for it. The broadcast ends with it, at once.
    fn check_key(&mut self, declared: &Declared) {
        if !declared.is_spoken() {
            return;
        }
        let Some(show) = &mut self.show else { return };
        if let Err(refusal) = admission::may_continue(show.admitted(), &declared.stream_keys, unix_seconds()) {
            tracing::warn!(reason = %refusal, "the broadcast's stream key is no longer good");
            show.dismiss(refusal);
            self.end("the stream key was withdrawn");
        }
    }

    /// Ends a broadcast that has waited for its publisher for as long as is declared.
    fn check_wait(&mut self, declared: &Declared) {
        if self.show.as_ref().is_some_and(|show| show.is_over(&declared.broadcast_rules())) {
            self.end("the publisher did not come back");
        }
    }

    fn tidy(&mut self) {
        let declared: Arc<Declared> = Arc::clone(&self.declared.borrow());
        self.check_key(&declared);
        self.check_wait(&declared);
        if let Some(show) = &mut self.show {
            show.tidy(&self.stage);
        } else if self.ended_at.take_if(|ended_at| ended_at.elapsed() > FAREWELL).is_some() {
            self.stage.replace(None);
            self.stage.store.clear();
        }
        self.publish_facts();
    }

    fn publish_facts(&mut self) {
        let rules = self.declared.borrow().broadcast_rules();
        if let Some(show) = &mut self.show {
            show.take_stock(&rules, &self.stage);
            let waiting = self.inbox.upgrade().map_or((0, INBOX), |inbox| (INBOX - inbox.capacity(), INBOX));
            show.measure(waiting, &self.stage);
        }
        let mut facts = self.show.as_ref().map_or_else(ChannelFacts::default, |show| show.facts(&self.stage));
        facts.conditions.extend(self.hardware.condition());
        facts.pending.extend(self.hardware.is_trying().then_some(ObjectId::Encoder));
        self.facts.send_replace(facts);
        self.remember();
    }

    /// Has written down what has to outlive the engine: at each turn of a broadcast, and every second while it runs.
    fn remember(&mut self) {
        let Some(keeper) = &self.keeper else { return };
        let is_waiting = self.show.as_ref().map(|show| show.session().is_none());
        let is_fresh = |(at, was_waiting): (Instant, bool)| Some(was_waiting) == is_waiting && at.elapsed() < REMEMBER;
        if self.kept.map_or(is_waiting.is_none(), is_fresh) {
            return;
        }
        keeper.keep(self.show.as_ref().and_then(|show| show.memory(&self.stage)));
        self.kept = is_waiting.map(|is_waiting| (Instant::now(), is_waiting));
    }

    fn end(&mut self, reason: &str) {
        let Some(show) = self.show.take() else { return };
        tracing::info!(broadcast = show.id(), reason, "broadcast ended");
        if self.stage.view.borrow().is_some() {
            self.last_live.ended(unix_seconds());
        }
        show.end(&self.stage);
        self.ended_at = Some(Instant::now());
        self.publish_facts();
    }
}

impl Stage {
    /// The presentation of the live broadcast; there is one for as long as there is a show. Those who wait for its
    /// playlists hear of what `write` changed.
    fn with<T>(&self, write: impl FnOnce(&mut Presentation) -> T) -> Option<T> {
        let mut presentation = self.presentation.lock().unwrap_or_else(PoisonError::into_inner);
        presentation.as_mut().map(|presentation| {
            let result = write(presentation);
            self.edges.announce(presentation);
            result
        })
    }

    fn replace(&self, presentation: Option<Presentation>) {
        self.edges.clear();
        *self.presentation.lock().unwrap_or_else(PoisonError::into_inner) = presentation;
    }
}

/// Milliseconds since 1970 by the clock of when the engine started, which runs on steadily whatever is done to that
/// clock: waits are counted by it.
pub(crate) fn moment_ms() -> i64 {
    static START: LazyLock<(Instant, i64)> = LazyLock::new(|| (Instant::now(), unix_millis()));
    let (start, unix_ms) = *START;
    unix_ms.saturating_add(i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX))
}

/// Seconds since 1970.
pub(crate) fn unix_seconds() -> i64 {
    unix_millis() / 1000
}

/// Milliseconds since 1970; 0 for a clock before that, which is as wrong as any other value then.
pub(crate) fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
