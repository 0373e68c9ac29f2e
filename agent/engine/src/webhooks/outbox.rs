//! What one webhook is still to be told, and when to try again. Reads no clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::message::Message;

/// Messages that wait for one webhook, at most; about 1 KiB each. The oldest of the chat makes room, and where there is
/// none the oldest.
const MOST_WAITING: usize = 256;

/// Pause after the first failure, doubled with each that follows up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long after it happened something is still worth telling. Whatever had to wait longer is tried once.
const WORTH_TELLING: Duration = Duration::from_secs(600);

/// Failures in a row after which it is more than a hiccup, and `status` speaks of it.
const HICCUPS: u32 = 2;

/// How a webhook fares since it was declared or the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) delivered: u64,
    /// Given up on after many tries.
    pub(crate) failed: u64,
    /// Lost because too many waited.
    pub(crate) dropped: u64,
    pub(crate) waiting: usize,
    /// Why the last message was not taken; holds no address and no secret.
    pub(crate) trouble: Option<String>,
}

/// Messages in order, one of them at most on its way.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Message>,
    is_posting: bool,
    /// Failed tries of the message at the front.
    tries: u32,
    not_before: Option<Instant>,
    failures_in_a_row: u32,
    last_error: Option<String>,
    delivered: u64,
    failed: u64,
    dropped: u64,
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Next {
    Nothing,
    At(Instant),
    Post(Message),
}

impl Outbox {
    pub(super) fn push(&mut self, message: Message) {
        if self.waiting.len() >= MOST_WAITING && !self.drop_talk() {
            self.waiting.pop_front();
            self.dropped += 1;
            self.tries = 0;
        }
        self.waiting.push_back(message);
    }

    /// Drops the oldest message of the chat: that a stream began or ended is worth more. Whether there was one.
    fn drop_talk(&mut self) -> bool {
        let Some(oldest) = self.waiting.iter().position(Message::is_talk) else { return false };
        self.waiting.remove(oldest);
        self.dropped += 1;
        if oldest == 0 {
            self.tries = 0;
        }
        true
    }

    /// The next message is handed out until [`Self::delivered`] or [`Self::failed`] says what became of it.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        match self.not_before {
            _ if self.waiting.is_empty() => Next::Nothing,
            Some(moment) if moment > now => Next::At(moment),
            _ => match self.waiting.pop_front() {
                Some(message) => {
                    self.is_posting = true;
                    Next::Post(message)
                }
                None => Next::Nothing,
            },
        }
    }

    pub(super) fn delivered(&mut self) {
        self.delivered += 1;
        self.start_afresh();
        self.is_posting = false;
    }

    /// Keeps `message` for another try, or gives it up; says whether it did. `chance`, 0 to 1, spreads the tries of
    /// many engines whose receiver comes back.
    pub(super) fn failed(&mut self, message: Message, error: &str, now: Instant, chance: f64) -> bool {
        self.is_posting = false;
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.last_error = Some(format!("{} was not taken: {error}", message.event()));
        let pause = pause(self.tries, chance);
        let is_full = self.waiting.len() >= MOST_WAITING && (message.is_talk() || !self.drop_talk());
        let is_stale = now.duration_since(message.born()) + pause > WORTH_TELLING;
        if is_full || is_stale {
            self.dropped += u64::from(is_full);
            self.failed += u64::from(!is_full);
            self.tries = 0;
        } else {
            self.tries += 1;
            self.waiting.push_front(message);
        }
        self.not_before = Some(now + pause);
        is_full || is_stale
    }

    /// Forgets failures: the receiver took a message, or it is declared otherwise now. What waits is tried at once.
    pub(super) fn start_afresh(&mut self) {
        self.tries = 0;
        self.not_before = None;
        self.failures_in_a_row = 0;
        self.last_error = None;
    }

    /// What `status` says, if there is something to say.
    pub(super) fn trouble(&self) -> Option<String> {
        let error = self.last_error.as_ref().filter(|_| self.failures_in_a_row >= HICCUPS)?;
        let Standing { failed, dropped, waiting, .. } = self.standing();
        Some(format!(
            "{error} ({} failures in a row; {waiting} waiting, {failed} given up, {dropped} dropped)",
            self.failures_in_a_row
        ))
    }

    pub(super) fn standing(&self) -> Standing {
        Standing {
            delivered: self.delivered,
            failed: self.failed,
            dropped: self.dropped,
            waiting: self.waiting.len() + usize::from(self.is_posting),
            trouble: self.last_error.clone(),
        }
    }
}

/// Between half and all of the pause that is due after `tries` earlier failures.
fn pause(tries: u32, chance: f64) -> Duration {
    let due = FIRST_PAUSE.saturating_mul(1 << tries.min(10)).min(LONGEST_PAUSE);
    due.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

/// A number from 0 to 1. Without randomness it is 1: later is safe.
pub(super) fn chance() -> f64 {
    getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn posted(outbox: &mut Outbox, now: Instant) -> Message {
        match outbox.next(now) {
            Next::Post(message) => message,
            other => panic!("{other:?}"),
        }
    }

    fn body(message: &Message) -> String {
        String::from_utf8(message.body().to_vec()).unwrap()
    }

    #[test]
    fn messages_leave_in_order_and_the_first_is_tried_again_before_the_second() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        assert!(matches!(outbox.next(now), Next::Nothing));
        outbox.push(Message::of_age("a", now));
        outbox.push(Message::of_age("b", now));
        let first = posted(&mut outbox, now);
        assert_eq!(outbox.standing().waiting, 2);
        assert!(!outbox.failed(first, "it answered 500", now, 1.0));
        let Next::At(again) = outbox.next(now) else { panic!("it should wait") };
        assert_eq!(again, now + FIRST_PAUSE);
        let first = posted(&mut outbox, again);
        assert_eq!(body(&first), "a");
        outbox.delivered();
        assert_eq!(body(&posted(&mut outbox, again)), "b");
        outbox.delivered();
        assert_eq!(outbox.standing(), Standing { delivered: 2, ..Standing::default() });
    }

    #[test]
    fn pauses_grow_to_a_minute_and_spread_over_half_of_it() {
        let pauses = |chance| (0..9).map(|tries| pause(tries, chance).as_millis()).collect::<Vec<_>>();
        assert_eq!(pauses(1.0), [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        assert_eq!(pauses(0.0), [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(pause(u32::MAX, 1.0), LONGEST_PAUSE);
        assert!((0..100).map(|_| chance()).all(|chance| (0.0..=1.0).contains(&chance)));
    }

    #[test]
    fn what_nobody_takes_is_given_up_after_ten_minutes() {
        let (mut outbox, start) = (Outbox::default(), Instant::now());
        outbox.push(Message::of_age("a", start));
        let (mut now, mut tries) = (start, 0);
        loop {
            let message = posted(&mut outbox, now);
            tries += 1;
            if outbox.failed(message, "it answered 500", now, 1.0) {
                break;
            }
            let Next::At(again) = outbox.next(now) else { panic!("it should wait") };
            now = again;
        }
        assert!(now - start <= WORTH_TELLING && now - start > WORTH_TELLING - LONGEST_PAUSE, "{:?}", now - start);
        assert_eq!(tries, 15);
        let standing = outbox.standing();
        assert_eq!((standing.failed, standing.waiting), (1, 0));
        assert!(outbox.trouble().is_some(), "the operator is told although nothing waits any more");
        outbox.push(Message::of_age("late", start));
        let late = posted(&mut outbox, now + LONGEST_PAUSE);
        assert!(outbox.failed(late, "x", now + LONGEST_PAUSE, 1.0), "what waited too long is tried once");
    }

    #[test]
    fn the_oldest_makes_room_for_the_newest() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        outbox.push(Message::of_age("first", now));
        let on_its_way = posted(&mut outbox, now);
        for _message in 0..MOST_WAITING + 3 {
            outbox.push(Message::of_age("more", now));
        }
        assert!(outbox.failed(on_its_way, "x", now, 1.0), "the oldest of all is the one that came back");
        let standing = outbox.standing();
        assert_eq!((standing.waiting, standing.dropped, standing.failed), (MOST_WAITING, 4, 0));
    }

    #[test]
    fn talk_makes_room_for_what_is_told_of_the_stream() {
        use nixcast_schema::WebhookEvent;
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        outbox.push(Message::of_age("began", now));
        for _message in 0..MOST_WAITING {
            outbox.push(Message::of_kind(WebhookEvent::Chat, "talk", now));
        }
        assert_eq!((outbox.standing().waiting, outbox.standing().dropped), (MOST_WAITING, 1));
        let first = posted(&mut outbox, now);
        assert_eq!(body(&first), "began");
        outbox.push(Message::of_kind(WebhookEvent::Chat, "talk", now));
        assert!(!outbox.failed(first, "x", now, 1.0), "it is kept, and talk is not");
        assert_eq!((outbox.standing().waiting, outbox.standing().dropped), (MOST_WAITING, 2));
        assert_eq!(body(&posted(&mut outbox, now + LONGEST_PAUSE)), "began");
    }

    #[test]
    fn one_hiccup_is_no_news_and_a_success_ends_the_trouble() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        outbox.push(Message::of_age("a", now));
        for trouble in [false, true, true] {
            let message = posted(&mut outbox, now + Duration::from_secs(100));
            outbox.failed(message, "it answered 500", now, 1.0);
            assert_eq!(outbox.trouble().is_some(), trouble);
        }
        let told = outbox.trouble().unwrap();
        assert!(told.contains("it answered 500") && told.contains("3 failures"), "{told}");
        posted(&mut outbox, now + Duration::from_secs(100));
        outbox.delivered();
        assert_eq!((outbox.trouble(), outbox.standing().trouble), (None, None));
    }

    #[test]
    fn another_declaration_is_tried_at_once() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        outbox.push(Message::of_age("a", now));
        for _try in 0..5 {
            let message = posted(&mut outbox, now + LONGEST_PAUSE);
            outbox.failed(message, "x", now, 1.0);
        }
        assert!(matches!(outbox.next(now), Next::At(_)));
        outbox.start_afresh();
        assert_eq!(body(&posted(&mut outbox, now)), "a");
        assert_eq!(outbox.trouble(), None);
    }
}
