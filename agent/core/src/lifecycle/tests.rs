#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::control::KeyGrant;
use crate::ids::ChannelId;
use crate::keys::{Salt, StreamKeySecret};

const FIRST: SessionId = SessionId(1);
const SECOND: SessionId = SessionId(2);
const KEY: &str = "key-of-the-main-stage";
const OTHER: &str = "key-of-somebody-else";

fn admitted(name: &str, key: &str, salt: u8) -> Admitted {
    let salt = Salt::from_hex(&format!("{salt:02x}").repeat(16)).unwrap();
    let hash = StreamKeySecret::from_file_content(key.as_bytes()).unwrap().hash(&salt);
    let grant = KeyGrant { salt: salt.to_hex(), hash, comment: String::new(), enabled: true, expires_at: None };
    Admitted { channel: ChannelId::live(), key_name: name.to_owned(), grant }
}

fn main_key() -> Admitted {
    admitted("main", KEY, 1)
}

fn rules(grace_seconds: u16, takeover: Takeover) -> BroadcastRules {
    BroadcastRules { grace_seconds, takeover }
}

fn live(now_ms: i64) -> Lifecycle {
    let mut life = Lifecycle::begin(FIRST, main_key(), now_ms);
    life.become_playable();
    life
}

fn lost(now_ms: i64) -> Lifecycle {
    let mut life = live(now_ms);
    let aftermath = life.leave(FIRST, Departure::Lost, &rules(60, Takeover::WhenSilent), now_ms);
    assert_eq!(aftermath, Some(Aftermath::Waits));
    life
}

#[test]
fn a_broadcast_starts_is_live_and_waits_for_a_publisher_that_was_lost() {
    let rules = rules(60, Takeover::WhenSilent);
    let mut life = Lifecycle::begin(FIRST, main_key(), 1_000);
    assert_eq!(life.standing(&rules, 99_000), Standing::Starting);
    life.become_playable();
    life.hear(2_000);
    assert_eq!(life.standing(&rules, 3_000), Standing::Live);
    life.leave(FIRST, Departure::Lost, &rules, 9_000);
    let waiting = Reconnecting { since_ms: 2_000, until_ms: Some(69_000) };
    assert_eq!(life.standing(&rules, 9_000), Standing::Reconnecting(waiting));
    assert!(!life.is_over(&rules, 68_999) && life.is_over(&rules, 69_000));
    life.resume(SECOND, main_key(), 20_000);
    let returning = Reconnecting { since_ms: 2_000, until_ms: None };
    assert_eq!(life.standing(&rules, 21_000), Standing::Reconnecting(returning), "there is nothing new to play yet");
    life.become_playable();
    assert_eq!((life.standing(&rules, 22_000), life.session()), (Standing::Live, Some(SECOND)));
    assert!(!life.is_over(&rules, 69_000));
}

#[test]
fn a_return_that_brought_nothing_was_none() {
    let rules = rules(60, Takeover::WhenSilent);
    let mut life = lost(1_000);
    life.resume(SECOND, main_key(), 5_000);
    life.leave(SECOND, Departure::Lost, &rules, 6_000);
    life.resume(SessionId(3), main_key(), 7_000);
    let since_the_first = Reconnecting { since_ms: 1_000, until_ms: None };
    assert_eq!(life.standing(&rules, 8_000), Standing::Reconnecting(since_the_first));
}

#[test]
fn whoever_says_that_it_stops_has_stopped() {
    for (departure, grace_seconds, expected) in [
        (Departure::Orderly, 60, Aftermath::Ends),
        (Departure::Lost, 60, Aftermath::Waits),
        (Departure::Lost, 0, Aftermath::Ends),
    ] {
        let rules = rules(grace_seconds, Takeover::WhenSilent);
        assert_eq!(live(0).leave(FIRST, departure, &rules, 10), Some(expected), "{departure:?} {grace_seconds}");
    }
}

#[test]
fn a_connection_that_was_taken_over_leaves_nothing_behind_when_it_ends() {
    let rules = rules(60, Takeover::Always);
    let mut life = live(0);
    life.resume(SECOND, main_key(), 10);
    assert_eq!(life.leave(FIRST, Departure::Orderly, &rules, 20), None);
    assert_eq!(life.session(), Some(SECOND));
    assert_eq!(life.leave(SECOND, Departure::Lost, &rules, 30), Some(Aftermath::Waits));
    assert_eq!(life.leave(SECOND, Departure::Orderly, &rules, 40), None, "it has left already");
}

#[test]
fn silence_is_told_to_viewers_before_the_connection_is_given_up() {
    let rules = rules(60, Takeover::WhenSilent);
    let mut life = live(0);
    life.hear(1_000);
    assert_eq!(life.standing(&rules, 5_999), Standing::Live);
    let stalled = Standing::Reconnecting(Reconnecting { since_ms: 1_000, until_ms: None });
    assert_eq!(life.standing(&rules, 6_000), stalled);
    assert!(!life.is_over(&rules, 1_000_000), "the connection stands");
    life.hear(7_000);
    assert_eq!(life.standing(&rules, 7_000), Standing::Live);
}

#[test]
fn the_grace_declared_last_holds_at_once() {
    let life = lost(0);
    assert!(!life.is_over(&rules(60, Takeover::WhenSilent), 30_000));
    assert!(life.is_over(&rules(20, Takeover::WhenSilent), 30_000));
    assert!(!life.is_over(&rules(90, Takeover::WhenSilent), 60_000));
    assert!(life.is_over(&rules(0, Takeover::WhenSilent), 1));
}

#[test]
fn each_second_connection_is_let_in_or_told_why_not() {
    let same = (main_key(), KEY);
    let resalted = (admitted("main", KEY, 9), KEY);
    let replaced = (admitted("main", OTHER, 1), OTHER);
    let other = (admitted("guest", OTHER, 2), OTHER);
    let namesake = (admitted("guest", KEY, 1), KEY);
    let (silent, always, never) = (Takeover::WhenSilent, Takeover::Always, Takeover::Never);
    let connected = live(0);
    let waiting = lost(0);
    for (life, (who, key), silent_ms, takeover, expected) in [
        (&connected, &same, SILENT_MS - 1, silent, Err(Refusal::KeyInUse)),
        (&connected, &same, SILENT_MS, silent, Ok(Entry::TakeOver)),
        (&connected, &resalted, SILENT_MS, silent, Ok(Entry::TakeOver)),
        (&connected, &same, 0, always, Ok(Entry::TakeOver)),
        (&connected, &same, 60_000, never, Err(Refusal::KeyInUseForGood)),
        (&connected, &other, 60_000, always, Err(Refusal::ChannelTaken)),
        (&connected, &namesake, 60_000, always, Err(Refusal::ChannelTaken)),
        (&connected, &replaced, 60_000, always, Err(Refusal::ChannelTaken)),
        (&waiting, &same, 0, silent, Ok(Entry::Resume)),
        (&waiting, &same, 0, never, Ok(Entry::Resume)),
        (&waiting, &resalted, 0, silent, Ok(Entry::Resume)),
        (&waiting, &replaced, 0, silent, Ok(Entry::Supersede)),
        (&waiting, &other, 0, never, Ok(Entry::Supersede)),
    ] {
        let judged = life.judge(who, key.as_bytes(), silent_ms, &rules(60, takeover));
        assert_eq!(judged, expected, "{} {key} {silent_ms} {takeover:?}", who.key_name);
    }
}

#[test]
fn a_broadcast_that_outlived_an_engine_waits_from_when_that_one_ended() {
    let rules = rules(60, Takeover::WhenSilent);
    let life = Lifecycle::recalled(main_key(), 1_000);
    let waiting = Reconnecting { since_ms: 1_000, until_ms: Some(61_000) };
    assert_eq!(life.standing(&rules, 5_000), Standing::Reconnecting(waiting));
    assert_eq!(life.judge(&admitted("main", KEY, 7), KEY.as_bytes(), 0, &rules), Ok(Entry::Resume));
}

#[derive(Clone, Debug)]
enum Event {
    Hear,
    Leave(u64, Departure),
    Arrive { is_same_key: bool, silent_ms: i64 },
    Rules(u16, Takeover),
    Wait(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let departure = prop_oneof![Just(Departure::Orderly), Just(Departure::Lost)];
    let takeover = prop_oneof![Just(Takeover::WhenSilent), Just(Takeover::Always), Just(Takeover::Never)];
    prop_oneof![
        Just(Event::Hear),
        (0_u64..6, departure).prop_map(|(session, departure)| Event::Leave(session, departure)),
        (any::<bool>(), 0_i64..4_000).prop_map(|(is_same_key, silent_ms)| Event::Arrive { is_same_key, silent_ms }),
        (0_u16..100, takeover).prop_map(|(grace, takeover)| Event::Rules(grace, takeover)),
        (0_i64..40_000).prop_map(Event::Wait),
    ]
}

proptest! {
    /// Whatever happens in whatever order: one connection publishes at a time, another key never gets into a broadcast,
    /// only a lost publisher is waited for, and the wait ends exactly when the rules of that moment say.
    #[test]
    fn no_order_of_events_breaks_the_rules(events in prop::collection::vec(event(), 1..60)) {
        let mut now = 0;
        let mut rules = rules(60, Takeover::WhenSilent);
        let mut sessions = 1;
        let mut life = live(now);
        for event in events {
            let before = life.session();
            match event {
                Event::Hear => life.hear(now),
                Event::Wait(ms) => now += ms,
                Event::Rules(grace_seconds, takeover) => rules = BroadcastRules { grace_seconds, takeover },
                Event::Leave(session, departure) => {
                    let aftermath = life.leave(SessionId(session), departure, &rules, now);
                    prop_assert_eq!(aftermath.is_some(), before == Some(SessionId(session)));
                    if aftermath == Some(Aftermath::Ends) {
                        prop_assert!(departure == Departure::Orderly || rules.grace_seconds == 0);
                        return Ok(());
                    }
                }
                Event::Arrive { is_same_key, silent_ms } => {
                    let (who, key) = if is_same_key { (main_key(), KEY) } else { (admitted("guest", OTHER, 2), OTHER) };
                    let judged = life.judge(&who, key.as_bytes(), silent_ms, &rules);
                    match judged {
                        Ok(Entry::Begin) => prop_assert!(false, "there is a broadcast"),
                        Ok(Entry::Supersede) => {
                            prop_assert!(!is_same_key && before.is_none());
                            return Ok(());
                        }
                        Ok(Entry::Resume) => prop_assert!(is_same_key && before.is_none()),
                        Ok(Entry::TakeOver) => {
                            prop_assert!(is_same_key && before.is_some());
                            prop_assert!(rules.takeover != Takeover::Never);
                        }
                        Err(_) => prop_assert!(before.is_some()),
                    }
                    if judged.is_ok() {
                        sessions += 1;
                        life.resume(SessionId(sessions), who, now);
                    }
                }
            }
            let due = life.left_ms().map(|left| left + i64::from(rules.grace_seconds) * 1000);
            prop_assert_eq!(life.is_over(&rules, now), due.is_some_and(|due| now >= due));
            prop_assert_eq!(life.session().is_some(), life.left_ms().is_none());
            let told = life.standing(&rules, now);
            prop_assert_eq!(life.left_ms().is_some(), matches!(told, Standing::Reconnecting(Reconnecting { until_ms: Some(_), .. })));
        }
    }
}
