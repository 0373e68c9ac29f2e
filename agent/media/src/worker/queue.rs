//! A bounded queue between two threads, whose sender can wait for room until a moment of its choice.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Why an item was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused<T> {
    /// No room before the deadline.
    Full(T),
    /// The receiver is gone.
    Closed,
}

/// The filling end. Dropping it lets the receiver drain what is left.
#[derive(Debug)]
pub(super) struct Sender<T>(Arc<Shared<T>>);

/// The emptying end. Dropping it makes the sender notice at its next try.
#[derive(Debug)]
pub(super) struct Receiver<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    is_closed: bool,
}

/// A queue of at most `capacity` items.
pub(super) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let state = Mutex::new(State { items: VecDeque::with_capacity(capacity), is_closed: false });
    let shared = Arc::new(Shared { state, changed: Condvar::new(), capacity });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Shared<T> {
    /// A panic elsewhere leaves a queue that is still whole: every change is one push, pop or flag.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }
}

impl<T> Sender<T> {
    /// Items waiting.
    pub(super) fn len(&self) -> usize {
        self.0.lock().items.len()
    }

    /// Puts `item` in, waiting for room until `deadline`; a deadline in the past does not wait.
    pub(super) fn send_until(&self, item: T, deadline: Instant) -> Result<(), Refused<T>> {
        let mut state = self.0.lock();
        loop {
            if state.is_closed {
                return Err(Refused::Closed);
            }
            if state.items.len() < self.0.capacity {
                state.items.push_back(item);
                self.0.changed.notify_all();
                return Ok(());
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return Err(Refused::Full(item));
            };
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<T> Receiver<T> {
    /// The next item, waiting for it; none when the sender is gone and the queue empty.
    pub(super) fn recv(&self) -> Option<T> {
        let mut state = self.0.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                self.0.changed.notify_all();
                return Some(item);
            }
            if state.is_closed {
                return None;
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.close();
        // What the sender still had in here is of no use to anyone and may hold pictures.
        self.0.lock().items.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{Refused, bounded};

    #[test]
    fn a_full_queue_hands_the_item_back_and_a_closed_one_drains() {
        let (sender, receiver) = bounded(1);
        assert_eq!(sender.send_until(1, Instant::now()), Ok(()));
        assert_eq!(sender.send_until(2, Instant::now()), Err(Refused::Full(2)));
        drop(sender);
        assert_eq!(receiver.recv(), Some(1));
        assert_eq!(receiver.recv(), None);

        let (sender, receiver) = bounded(1);
        drop(receiver);
        assert_eq!(sender.send_until(1, Instant::now()), Err(Refused::Closed));
    }
}
