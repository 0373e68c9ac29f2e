//! The task "chat": owns the room, carries out what it wants done, and tells everybody at most twenty times a second,
//! and less often when there are thousands.
//!
//! What is asked for comes as an [`Order`], in order. Newcomers are let in between two tellings, so that what they are
//! told first and what follows neither overlap nor leave anything out.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use nixcast_core::chat::command::Command;
use nixcast_core::chat::effect::{Done, Effect, Outcome};
use nixcast_core::chat::ids::{ConnectionId, MessageId, Moment};
use nixcast_core::chat::records::Record;
use nixcast_core::chat::refusal::Refusal;
use nixcast_core::chat::room::Room;
use nixcast_core::chat::rules::ChatRules;
use nixcast_core::chat::users::User;
use nixcast_core::chat::webhooks::WebhookEvent;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::line::{End, Line, Whose};
use super::store::{ChatStore, TokenHash, Write};
use super::tellers::{Aside, Tellers};
use super::telling::Telling;
use crate::broadcast::unix_millis;
use crate::web::view::BroadcastView;

/// Between two tellings. What happens after a quiet while is told at once.
const TELLING: Duration = Duration::from_millis(50);

/// And so long for each socket: a write costs ten microseconds, however little is said. So tellings take half a core at
/// most, and 5,000 people hear what was said within a tenth of a second.
const TELLING_OF_ONE: Duration = Duration::from_micros(20);

/// How long a telling waits for what is told to be written down. It takes less than a millisecond, unless the disk is
/// busy: what is told unwritten would be said again after a crash, by whoever was not told that it was taken. Two seconds
/// are a disk that hangs; then people come first.
const WRITTEN: Duration = Duration::from_secs(2);

/// How often the room looks at the clock.
const TICK: Duration = Duration::from_millis(250);

/// Newcomers let in between two tellings: each may have to be told a whole history, while everybody else waits.
const MOST_NEWCOMERS: usize = 200;

/// Orders taken at once.
const BATCH: usize = 256;

/// What becomes of a command.
pub(crate) type Answer = Result<Done, Refusal>;

type LookAt = Box<dyn FnOnce(&Room, i64) + Send>;

pub(super) enum Order {
    Do {
        command: Command,
        /// None: nobody waits for it.
        reply: Option<oneshot::Sender<Answer>>,
    },
    /// A command that gives a user, who is to be known by a token from now on.
    Register {
        command: Command,
        hash: TokenHash,
        reply: oneshot::Sender<Answer>,
    },
    Enter(Newcomer),
    Look(LookAt),
    /// The history as `GET /api/chat` gives it.
    History(oneshot::Sender<Bytes>),
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Do { .. } => "Do",
            Self::Register { .. } => "Register",
            Self::Enter(_) => "Enter",
            Self::Look(_) => "Look",
            Self::History(_) => "History",
        })
    }
}

/// Somebody who wants to come in.
#[derive(Debug)]
pub(super) struct Newcomer {
    /// Who takes part, as stored, for a room that has forgotten. None: somebody who only reads along.
    pub(super) user: Option<User>,
    pub(super) address: IpAddr,
    pub(super) since: Option<MessageId>,
    pub(super) reply: oneshot::Sender<Result<Seat, Refusal>>,
}

/// A place in the room.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) presence: Presence,
    /// What is told, from the first word.
    pub(super) line: Arc<Line>,
}

/// Sockets that have gone, noted by whoever held them. No longer than there are sockets.
#[derive(Clone, Debug, Default)]
pub(super) struct Gone(Arc<Mutex<Vec<ConnectionId>>>);

impl Gone {
    fn take(&self) -> Vec<ConnectionId> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Being in the room: over when it is dropped.
#[derive(Debug)]
pub(super) struct Presence {
    pub(super) connection: ConnectionId,
    gone: Gone,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.gone.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.connection);
    }
}

pub(super) struct Host {
    room: Room,
    store: ChatStore,
    /// For everybody, at the next telling.
    telling: Telling,
    tellers: Tellers,
    sockets: u32,
    newcomers: Vec<Newcomer>,
    gone: Gone,
    /// Whether something was handed to the store since the last telling.
    has_written: bool,
    next_connection: u64,
    told: Instant,
    /// The greatest id given, as far as it was seen here.
    last_id: Option<MessageId>,
    noted_id: Option<MessageId>,
    /// The history as sent, until something changes.
    history: Option<Bytes>,
    rules: watch::Sender<Arc<ChatRules>>,
    webhooks: broadcast::Sender<WebhookEvent>,
}

impl Host {
    pub(super) fn new(
        room: Room,
        store: ChatStore,
        rules: watch::Sender<Arc<ChatRules>>,
        webhooks: broadcast::Sender<WebhookEvent>,
    ) -> Self {
        Self {
            room,
            store,
            telling: Telling::default(),
            tellers: Tellers::default(),
            sockets: 0,
            newcomers: Vec::new(),
            gone: Gone::default(),
            has_written: false,
            next_connection: 1,
            told: Instant::now(),
            last_id: None,
            noted_id: None,
            history: None,
            rules,
            webhooks,
        }
    }

    /// Works until nobody can ask for anything any more.
    pub(super) async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut broadcast: watch::Receiver<Option<BroadcastView>>,
    ) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        let mut is_followed = true;
        self.follow_stream(broadcast.borrow_and_update().is_some());
        loop {
            // All arms may be dropped: they only wait, and what came stays where it is. What follows one is not dropped.
            tokio::select! {
                count = orders.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    batch.drain(..).for_each(|order| self.take(order));
                }
                () = self.is_due(), if self.has_news() => self.tell().await,
                _tick = ticks.tick() => self.tick(),
                changed = broadcast.changed(), if is_followed => {
                    is_followed = changed.is_ok();
                    let is_live = broadcast.borrow_and_update().is_some();
                    self.follow_stream(is_live);
                }
            }
        }
    }

    fn follow_stream(&mut self, is_live: bool) {
        let command = if is_live { Command::StreamStarted } else { Command::StreamEnded };
        let _no_refusal = self.apply(command);
    }

    fn tick(&mut self) {
        for connection in self.gone.take() {
            self.sockets = self.sockets.saturating_sub(1);
            self.tellers.forget(connection);
            let _no_refusal = self.apply(Command::Leave { connection });
        }
        let _no_refusal = self.apply(Command::Tick);
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Do { command, reply } => {
                let has_rules = matches!(command, Command::SetRules { .. });
                let answer = self.apply(command);
                if has_rules {
                    self.history = None;
                    self.rules.send_replace(Arc::new(self.room.rules().clone()));
                }
                // Whoever asked may have gone; it is done all the same.
                let _is_awaited = reply.map(|reply| reply.send(answer));
            }
            Order::Register { command, hash, reply } => {
                let answer = self.apply(command);
                if let Ok(Done::Registered(user)) = &answer {
                    self.store.write(Write::Token { hash, user: user.id.clone(), at_ms: unix_millis() });
                }
                let _is_awaited = reply.send(answer);
            }
            Order::Enter(newcomer) => self.newcomers.push(newcomer),
            Order::Look(look) => look(&self.room, unix_millis()),
            Order::History(reply) => {
                let history = self.history.get_or_insert_with(|| {
                    serde_json::to_vec(&self.room.history()).unwrap_or_else(|_| b"[]".to_vec()).into()
                });
                let _is_awaited = reply.send(history.clone());
            }
        }
    }

    fn apply(&mut self, command: Command) -> Answer {
        let Outcome { effects, result } = self.room.apply(command, now());
        effects.into_iter().for_each(|effect| self.carry_out(effect));
        result
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Broadcast(event) => {
                self.history = None;
                self.last_id = self.last_id.max(Some(event.id));
                self.telling.push(&event);
            }
            Effect::Send { connection, event } => {
                let mut telling = Telling::default();
                telling.push(&event);
                self.tellers.tell_aside(connection, Aside::Frames(telling.take()));
            }
            Effect::Close { connection, reason, after_ms } => {
                let after = Duration::from_millis(after_ms.into());
                self.tellers.tell_aside(connection, Aside::End(End::Closed(reason, after)));
            }
            Effect::Store(Record::Prune { before }) => {
                self.history = None;
                self.store.write(Write::Prune { before, now_ms: unix_millis() });
            }
            Effect::Store(record) => {
                self.history = None;
                self.has_written = true;
                self.store.write(Write::Record(record));
            }
            Effect::Audit(entry) => self.store.write(Write::Audit(entry)),
            Effect::Webhook(event) => {
                // Without webhooks nobody listens.
                let _listeners = self.webhooks.send(event);
            }
        }
    }

    /// Waits for the next telling.
    async fn is_due(&self) {
        sleep_until(self.told + TELLING.max(TELLING_OF_ONE.saturating_mul(self.sockets))).await;
        self.tellers.ready().await;
    }

    fn has_news(&self) -> bool {
        !self.telling.is_empty() || self.tellers.has_news() || !self.newcomers.is_empty()
    }

    /// Tells everybody, then each alone, and lets newcomers in. What was told to somebody is found again after a crash:
    /// nobody takes an order meanwhile, so that nothing comes between.
    async fn tell(&mut self) {
        if std::mem::take(&mut self.has_written) {
            // A store that is slow or has no answer says so itself.
            let _is_written = timeout(WRITTEN, self.store.flush()).await;
        }
        self.tellers.tell(&self.telling.take());
        let rest = self.newcomers.split_off(self.newcomers.len().min(MOST_NEWCOMERS));
        for newcomer in std::mem::replace(&mut self.newcomers, rest) {
            self.let_in(newcomer);
        }
        if self.last_id > self.noted_id
            && let Some(last_id) = self.last_id
        {
            self.store.write(Write::LastId(last_id));
            self.noted_id = Some(last_id);
        }
        self.told = Instant::now();
    }

    fn let_in(&mut self, newcomer: Newcomer) {
        let Newcomer { user, address, since, reply } = newcomer;
        // The one who asked may have given up while it waited.
        if reply.is_closed() {
            return;
        }
        let id = user.as_ref().map(|user| user.id.clone());
        let known = match user {
            Some(user) if self.room.user(&user.id).is_none() => self.apply(Command::Know { user }).map(drop),
            _ => Ok(()),
        };
        if let Err(refusal) = known {
            let _is_awaited = reply.send(Err(refusal));
            return;
        }
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let command = match id {
            Some(user) => Command::Join { connection, user, address, since },
            None => Command::Observe { connection, address, since },
        };
        let Outcome { effects, result } = self.room.apply(command, now());
        let mut first = Telling::default();
        for effect in effects {
            match effect {
                Effect::Send { connection: to, event } if to == connection => first.push(&event),
                effect => self.carry_out(effect),
            }
        }
        let seat = result.map(|_joined| {
            let line = Arc::new(Line::default());
            line.tell(&first.take(), Whose::Its);
            self.tellers.let_in(connection, Arc::clone(&line));
            self.sockets += 1;
            Seat { presence: Presence { connection, gone: self.gone.clone() }, line }
        });
        // If nobody waits any more the seat is dropped, and with it the presence.
        let _is_awaited = reply.send(seat);
    }
}

/// This moment, with chance. Without randomness the clock has to do: ids stay unique by their counter.
fn now() -> Moment {
    let ms = unix_millis();
    let mut random = [0; 8];
    let entropy = match getrandom::fill(&mut random) {
        Ok(()) => u64::from_le_bytes(random),
        Err(_) => ms.cast_unsigned(),
    };
    Moment { ms, entropy }
}
