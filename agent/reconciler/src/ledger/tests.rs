#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use super::*;
use crate::report::{Refusal, RefusalReason};

fn document(name: &str) -> Document {
    let mut settings = nixcast_schema::Settings::default();
    name.clone_into(&mut settings.instance.name);
    Document::parse(&serde_json::to_string(&settings).unwrap()).unwrap()
}

fn origin() -> Origin {
    Origin { path: None, store_path: None, is_handed_in: false, source_content: None }
}

fn last_name(ledger: &Ledger) -> Option<String> {
    ledger.remember().unwrap().last_good.map(|(_, document)| document.settings.instance.name)
}

#[test]
fn a_new_ledger_remembers_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    assert!(ledger.remember().unwrap().last_good.is_none());
}

#[test]
fn generations_go_on_after_a_restart_and_old_ones_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=60_u64 {
        let mut ledger = Ledger::open(folder.path()).unwrap();
        assert_eq!(ledger.accept(&document("a"), origin(), 5).unwrap().generation, round);
    }
    let ledger = Ledger::open(folder.path()).unwrap();
    assert_eq!(kept(&ledger), (11..=60).collect::<Vec<_>>());
}

#[test]
fn a_crash_leaves_the_old_or_the_new_generation() {
    for crash in POINTS.in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        ledger.accept(&document("old"), origin(), 1).unwrap();
        let crashed = ledger.accept_with(&document("new"), origin(), 2, &mut |point| {
            if point == crash { Err(io::Error::other("power cut")) } else { Ok(()) }
        });
        assert!(crashed.is_err());
        drop(ledger);

        let mut ledger = Ledger::open(folder.path()).unwrap();
        let want = if matches!(crash, Point::GenerationRenamed | Point::GenerationDurable) { "new" } else { "old" };
        assert_eq!(last_name(&ledger).as_deref(), Some(want), "after {crash:?}");
        ledger.accept(&document("newer"), origin(), 3).unwrap();
        assert_eq!(last_name(&ledger).as_deref(), Some("newer"), "after {crash:?}");
    }
}

#[test]
fn a_damaged_generation_is_skipped_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    for name in ["one", "two", "three"] {
        ledger.accept(&document(name), origin(), 1).unwrap();
    }
    fs::write(ledger.path(3), b"{").unwrap();
    let tampered = fs::read_to_string(ledger.path(2)).unwrap().replace("two", "2wo");
    fs::write(ledger.path(2), tampered).unwrap();
    assert_eq!(last_name(&ledger).as_deref(), Some("one"));
    assert_eq!(ledger.remember().unwrap().skipped.len(), 2);
    drop(ledger);
    assert_eq!(Ledger::open(folder.path()).unwrap().next_generation, 4, "a number is never used twice");
}

#[test]
fn a_second_agent_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Ledger::open(folder.path()).unwrap();
    assert!(matches!(Ledger::open(folder.path()), Err(LedgerError::InUse { .. })));
}

fn kept(ledger: &Ledger) -> Vec<u64> {
    ledger.generations().unwrap()
}

fn outcomes(ledger: &Ledger) -> Vec<(u64, GenerationOutcome)> {
    let accepted = |event| match event {
        HistoryEvent::Accepted { entry, outcome } => Some((entry.generation, outcome)),
        HistoryEvent::Refused(_) | HistoryEvent::Damaged { .. } => None,
    };
    ledger.history().unwrap().into_iter().filter_map(accepted).collect()
}

fn held(reason: &str) -> Progress {
    let objects = vec![HeldObject { option: "services.nixcast.http".to_owned(), reason: reason.to_owned() }];
    Progress::Held { since: 7, objects }
}

fn refused(message: &str, kept_generation: u64, now: i64) -> RefusedDocument {
    let refusal = Refusal { reason: RefusalReason::Unreadable, message: message.to_owned(), problems: Vec::new() };
    RefusedDocument::new(&refusal, &origin(), kept_generation, now)
}

#[test]
fn what_became_of_each_generation_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    for name in ["one", "two", "three", "one"] {
        let entry = ledger.accept(&document(name), origin(), 1).unwrap();
        let last = outcomes(&ledger).pop().unwrap();
        assert_eq!(last, (entry.generation, GenerationOutcome::Applying));
        match entry.generation {
            1 => ledger.note_progress(1, Progress::Converged { at: 5, engine_pid: 1 }),
            2 | 4 => ledger.note_progress(entry.generation, held("port 80 is taken")),
            _ => (),
        }
    }
    // What has converged once stays so, whatever happens to it later.
    ledger.note_progress(1, held("its file is gone"));
    assert_eq!(ledger.ran_whole_on(1), Some(1));
    ledger.note_progress(1, Progress::Converged { at: 9, engine_pid: 2 });
    assert_eq!((ledger.ran_whole_on(1), ledger.ran_whole_on(2)), (Some(2), None));
    drop(ledger);
    let ledger = Ledger::open(folder.path()).unwrap();
    let Progress::Held { since, objects } = held("port 80 is taken") else { panic!() };
    let want = [
        (1, GenerationOutcome::Converged { at: 5 }),
        (2, GenerationOutcome::Superseded { by: 3, objects: objects.clone() }),
        (3, GenerationOutcome::Superseded { by: 4, objects: Vec::new() }),
        (4, GenerationOutcome::Held { since, objects }),
    ];
    assert_eq!(outcomes(&ledger), want);
    assert_eq!(ledger.document(None).unwrap().0.same_as, Some(1), "the fourth went back to the first");
    assert_eq!(ledger.document(Some(2)).unwrap().1, document("two").text);
    assert!(ledger.document(Some(9)).unwrap_err().starts_with("generation 9 is not kept"));
}

#[test]
fn the_last_generation_that_converged_is_never_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    for round in 1..=60 {
        let generation = ledger.accept(&document(&format!("{round}")), origin(), 1).unwrap().generation;
        if round <= 3 {
            ledger.note_progress(generation, Progress::Converged { at: 1, engine_pid: 1 });
        }
    }
    assert_eq!(kept(&ledger), std::iter::once(3).chain(11..=60).collect::<Vec<_>>());
    ledger.note_progress(60, Progress::Converged { at: 2, engine_pid: 1 });
    ledger.accept(&document("last"), origin(), 1).unwrap();
    assert_eq!(kept(&ledger), (12..=61).collect::<Vec<_>>());
    assert!(!ledger.journal.progress.contains_key(&3), "the journal forgets with the ledger");
}

#[test]
fn refused_documents_stand_between_the_generations_they_came_between_and_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.note_refusal(refused("a", 0, 1));
    ledger.accept(&document("one"), origin(), 2).unwrap();
    for now in 3..6 {
        ledger.note_refusal(refused("b", 1, now));
    }
    ledger.accept(&document("two"), origin(), 7).unwrap();
    drop(ledger);
    let mut ledger = Ledger::open(folder.path()).unwrap();
    let story: Vec<String> = ledger
        .history()
        .unwrap()
        .into_iter()
        .map(|event| match event {
            HistoryEvent::Accepted { entry, .. } => entry.generation.to_string(),
            HistoryEvent::Refused(refused) => {
                format!("{} {} times, {} to {}", refused.message, refused.times, refused.first_at, refused.last_at)
            }
            HistoryEvent::Damaged { .. } => panic!(),
        })
        .collect();
    assert_eq!(story, ["a 1 times, 1 to 1", "1", "b 3 times, 3 to 5", "2"]);

    for round in 0..120 {
        ledger.note_refusal(refused(&format!("{round} {}", "long ".repeat(500)), 2, 9));
    }
    let journal = fs::read(folder.path().join("journal")).unwrap();
    assert!(journal.len() < 100_000, "{} bytes", journal.len());
    assert_eq!(ledger.history().unwrap().len(), 52);
}

#[test]
fn a_lost_or_damaged_journal_costs_history_and_nothing_else() {
    for damage in [None, Some(&b""[..]), Some(b"{\"progress\":"), Some(b"[]")] {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        for name in ["one", "two"] {
            let generation = ledger.accept(&document(name), origin(), 1).unwrap().generation;
            ledger.note_progress(generation, Progress::Converged { at: 1, engine_pid: 1 });
        }
        drop(ledger);
        match damage {
            None => fs::remove_file(folder.path().join("journal")).unwrap(),
            Some(bytes) => fs::write(folder.path().join("journal"), bytes).unwrap(),
        }
        let mut ledger = Ledger::open(folder.path()).unwrap();
        assert_eq!(last_name(&ledger).as_deref(), Some("two"), "{damage:?}");
        let want = [(1, GenerationOutcome::Unknown), (2, GenerationOutcome::Applying)];
        assert_eq!(outcomes(&ledger), want, "{damage:?}");
        ledger.accept(&document("three"), origin(), 1).unwrap();
        ledger.note_progress(3, Progress::Converged { at: 9, engine_pid: 1 });
        assert_eq!(outcomes(&ledger)[1].1, GenerationOutcome::Unknown, "nothing is made up");
        drop(ledger);
        let ledger = Ledger::open(folder.path()).unwrap();
        assert_eq!(outcomes(&ledger)[2].1, GenerationOutcome::Converged { at: 9 }, "{damage:?}");
    }
}

#[test]
fn a_crash_while_the_journal_is_written_leaves_the_old_or_the_new_one() {
    for crash in journal::POINTS.in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        ledger.accept(&document("one"), origin(), 1).unwrap();
        ledger.journal.note_progress(1, Progress::Converged { at: 4, engine_pid: 1 });
        let saved = ledger.journal.save(folder.path(), &mut |point| {
            if point == crash { Err(io::Error::other("power cut")) } else { Ok(()) }
        });
        assert!(saved.is_err());
        drop(ledger);
        let ledger = Ledger::open(folder.path()).unwrap();
        let want = match crash {
            Point::JournalRenamed | Point::JournalDurable => GenerationOutcome::Converged { at: 4 },
            _ => GenerationOutcome::Applying,
        };
        assert_eq!(outcomes(&ledger), [(1, want)], "after {crash:?}");
    }
}

#[test]
fn what_could_not_be_written_down_is_written_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.accept(&document("one"), origin(), 1).unwrap();
    // A folder in the way of the temporary file fails every write, also for root.
    let in_the_way = folder.path().join("incoming.tmp");
    fs::create_dir(&in_the_way).unwrap();
    ledger.note_progress(1, Progress::Converged { at: 4, engine_pid: 1 });
    assert!(ledger.trouble().is_some());
    assert!(ledger.accept(&document("two"), origin(), 2).is_err());
    fs::remove_dir(&in_the_way).unwrap();
    ledger.save_journal();
    assert_eq!(ledger.trouble(), None);
    drop(ledger);
    let ledger = Ledger::open(folder.path()).unwrap();
    assert_eq!(outcomes(&ledger), [(1, GenerationOutcome::Converged { at: 4 })]);
}

#[test]
fn a_damaged_generation_is_part_of_the_story() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.accept(&document("one"), origin(), 1).unwrap();
    fs::write(ledger.path(1), b"").unwrap();
    let HistoryEvent::Damaged { generation, reason } = &ledger.history().unwrap()[0] else { panic!() };
    assert_eq!(*generation, 1);
    assert!(reason.starts_with("is damaged: "), "{reason}");
    assert!(ledger.document(Some(1)).unwrap_err().starts_with("generation 1 is damaged: "));
}
