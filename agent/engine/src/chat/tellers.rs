//! Some tasks that write what is told to thousands of sockets, each to its share of them. Nobody else has to be woken for
//! that, and a telling costs little more than the writes themselves.

use std::collections::HashMap;
use std::mem;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use nixcast_core::chat::ids::ConnectionId;
use tokio::sync::mpsc;
use tokio::task::yield_now;

use super::line::{End, Line, Whose};
use crate::tasks;

/// Sockets written to before others may have the processor: a write over loopback takes ten microseconds.
const AT_ONCE: usize = 32;

const MOST_TELLERS: usize = 8;

/// What one client alone is told.
#[derive(Debug)]
pub(super) enum Aside {
    Frames(Bytes),
    /// And nothing more.
    End(End),
}

/// What is to be told in a moment, in this order.
#[derive(Debug, Default)]
struct Work {
    new: Vec<(ConnectionId, Arc<Line>)>,
    gone: Vec<ConnectionId>,
    all: Bytes,
    aside: Vec<(ConnectionId, Aside)>,
}

#[derive(Debug)]
pub(super) struct Tellers(Vec<Teller>);

#[derive(Debug)]
struct Teller {
    /// Room for one.
    orders: mpsc::Sender<Work>,
    next: Work,
}

impl Default for Tellers {
    fn default() -> Self {
        let count = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_TELLERS);
        Self((0..count).map(|_| Teller::start()).collect())
    }
}

impl Tellers {
    /// Waits until all have written what they were given before, so that what comes meanwhile is joined.
    pub(super) async fn ready(&self) {
        for teller in &self.0 {
            // One that has ended has said so.
            let _has_room = teller.orders.reserve().await;
        }
    }

    /// Who comes in between two tellings hears the next.
    pub(super) fn let_in(&mut self, connection: ConnectionId, line: Arc<Line>) {
        self.next_of(connection).new.push((connection, line));
    }

    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.next_of(connection).gone.push(connection);
    }

    pub(super) fn tell_aside(&mut self, connection: ConnectionId, aside: Aside) {
        self.next_of(connection).aside.push((connection, aside));
    }

    /// Has `all` told to everybody, and then to each what is for it alone.
    pub(super) fn tell(&mut self, all: &Bytes) {
        for teller in &mut self.0 {
            let work = Work { all: all.clone(), ..mem::take(&mut teller.next) };
            if !work.is_empty() && teller.orders.try_send(work).is_err() {
                tracing::error!("some of the chat's sockets are told nothing");
            }
        }
    }

    pub(super) fn has_news(&self) -> bool {
        self.0.iter().any(|teller| !teller.next.is_empty())
    }

    fn next_of(&mut self, ConnectionId(number): ConnectionId) -> &mut Work {
        let teller = usize::try_from(number % self.0.len() as u64).unwrap_or(0);
        &mut self.0[teller].next
    }
}

impl Teller {
    fn start() -> Self {
        let (orders, mut ordered) = mpsc::channel::<Work>(1);
        tasks::spawn("chat-teller", async move {
            let mut lines = Lines::default();
            while let Some(work) = ordered.recv().await {
                lines.do_all(work).await;
            }
        });
        Self { orders, next: Work::default() }
    }
}

impl Work {
    fn is_empty(&self) -> bool {
        let Self { new, gone, all, aside } = self;
        new.is_empty() && gone.is_empty() && all.is_empty() && aside.is_empty()
    }
}

#[derive(Default)]
struct Lines(HashMap<ConnectionId, Arc<Line>>);

impl Lines {
    async fn do_all(&mut self, Work { new, gone, all, aside }: Work) {
        self.0.extend(new);
        for connection in gone {
            self.0.remove(&connection);
        }
        if !all.is_empty() {
            for (index, line) in self.0.values().enumerate() {
                line.tell(&all, Whose::Everybodys);
                if (index + 1).is_multiple_of(AT_ONCE) {
                    yield_now().await;
                }
            }
        }
        for (connection, aside) in aside {
            match aside {
                Aside::Frames(frames) => {
                    if let Some(line) = self.0.get(&connection) {
                        line.tell(&frames, Whose::Its);
                    }
                }
                Aside::End(end) => {
                    if let Some(line) = self.0.remove(&connection) {
                        line.end(end);
                    }
                }
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.0.values().for_each(|line| line.end(End::Over));
    }
}
