use std::collections::BTreeSet;

use nixcast_schema::Preset;
use proptest::prelude::*;

use super::*;
use crate::control::{Encode, Rung};

const SOURCE: (u16, u16) = (1920, 1080);

fn rung(height: u16, preset: Preset) -> RungWork {
    let encode =
        Encode::Transcode { width: None, height: Some(height), framerate: None, video_bitrate_kbps: 1000, preset };
    let rung = Rung { name: format!("{height}p"), position: 0, audio_bitrate_kbps: 128, encode };
    RungWork::of(&rung, SOURCE, Some(30.0)).expect("it is encoded")
}

fn field(heights: &[u16], has_passthrough: bool) -> Field {
    Field {
        rungs: heights.iter().map(|height| rung(*height, Preset::Veryfast)).collect(),
        has_passthrough,
        grid: Duration::from_secs(3),
        cpus: 2.0,
    }
}

/// A machine that does so much work a second, and a guard that watches over it second by second.
struct Machine {
    guard: Guard,
    field: Field,
    now: u64,
    /// Seconds in which pictures were lost.
    lossy: u64,
    /// Changes of what is left out.
    changes: u64,
}

impl Machine {
    fn new(field: &Field, policy: Overload) -> Self {
        let mut guard = Guard::default();
        guard.declare(Duration::ZERO, field.clone(), policy);
        Self { guard, field: field.clone(), now: 0, lossy: 0, changes: 0 }
    }

    fn total(&self) -> f64 {
        self.field.rungs.iter().map(|rung| rung.work).sum()
    }

    /// Lets so many seconds go by on a machine of this `power`, with `cpu` CPUs in use where the work is too much.
    fn run(&mut self, seconds: u64, power: f64, cpu: f64) {
        for _ in 0..seconds {
            self.now += 1;
            let kept: Vec<&RungWork> = self.guard.kept().collect();
            let need: f64 = kept.iter().map(|rung| rung.work).sum();
            let speed = if kept.is_empty() { 1.0 } else { (power / need).min(1.0) };
            let rungs = kept.iter().map(|rung| {
                // Whole pictures only, and never one more than the machine can do.
                let encoded = (0..30).rev().find(|count| f64::from(*count) <= 30.0 * speed).unwrap_or(0_u32);
                let encoded = if speed < 1.0 { encoded } else { 30 };
                RungLoad {
                    name: rung.name.clone(),
                    encoded,
                    skipped: 30 - encoded,
                    busy: Duration::from_secs_f64((need / power).min(1.0)),
                }
            });
            let load = Load {
                interval: Duration::from_secs(1),
                late: Duration::from_millis(if speed < 1.0 { 500 } else { 5 }),
                cpu: Duration::from_secs_f64(cpu * (need / power).min(1.0)),
                dropped: 0,
                rungs: rungs.collect(),
            };
            self.lossy += u64::from(speed < 1.0);
            let report = (!kept.is_empty()).then_some(load);
            self.changes += u64::from(self.guard.observe(Duration::from_secs(self.now), report));
        }
    }
}

#[test]
fn a_machine_that_is_too_slow_loses_the_rungs_that_do_not_fit_within_seconds() {
    for (policy, gone) in [(Overload::DropHighest, "1080p"), (Overload::DropLowest, "480p")] {
        let mut machine = Machine::new(&field(&[480, 1080, 720], false), policy);
        let power = machine.total() * 0.85;
        machine.run(12, power, 2.0);
        let shed = machine.guard.shed().to_vec();
        assert_eq!(shed[0], gone);
        let verdict = machine.guard.verdict().expect("something is left out");
        assert!((verdict.speed - 0.85).abs() < 0.05 && !verdict.is_losing, "{verdict:?}");
    }
    let mut machine = Machine::new(&field(&[480, 720, 1080], false), Overload::DropHighest);
    let power = machine.total() * 0.2;
    machine.run(12, power, 2.0);
    assert_eq!(machine.guard.shed(), ["1080p", "720p"], "as many at once as the speed says");
}

#[test]
fn the_last_rung_stays_and_it_is_said_that_it_is_too_much() {
    let mut machine = Machine::new(&field(&[720], false), Overload::DropHighest);
    let power = machine.total() * 0.5;
    machine.run(20, power, 2.0);
    assert!(machine.guard.shed().is_empty());
    let verdict = machine.guard.verdict().expect("it is too slow");
    assert!(verdict.is_losing && (verdict.speed - 0.5).abs() < 0.05, "{verdict:?}");
    machine.run(20, power * 4.0, 0.5);
    assert_eq!(machine.guard.verdict(), None, "it tells of now");

    let mut machine = Machine::new(&field(&[720], true), Overload::DropHighest);
    machine.run(12, power, 2.0);
    assert_eq!(machine.guard.shed(), ["720p"], "viewers still have the publisher's own picture");
    machine.run(400, power * 4.0, 0.5);
    assert!(machine.guard.shed().is_empty(), "it comes back although nothing was encoded and nothing reported");
}

#[test]
fn one_hiccup_costs_nothing() {
    let mut machine = Machine::new(&field(&[480, 720], false), Overload::DropHighest);
    let power = machine.total() * 2.0;
    for _ in 0..20 {
        machine.run(10, power, 1.0);
        machine.run(1, power * 0.1, 2.0);
    }
    assert_eq!(machine.changes, 0);
}

#[test]
fn waiting_for_the_next_grid_point_is_not_slowness() {
    let field = field(&[720], true);
    let mut guard = Guard::default();
    guard.declare(Duration::ZERO, field, Overload::DropHighest);
    for second in 1..60 {
        // After a stall the rung skips to its grid point, with time to spare.
        let (encoded, skipped) = if second % 10 < 3 { (2, 28) } else { (30, 0) };
        let busy = Duration::from_millis(u64::from(encoded) * 15);
        let rung = RungLoad { name: "720p".to_owned(), encoded, skipped, busy };
        let load = Load { interval: Duration::from_secs(1), rungs: vec![rung], ..Load::default() };
        assert!(!guard.observe(Duration::from_secs(second), Some(load)));
    }
}

#[test]
fn another_policy_chooses_other_rungs_and_another_ladder_begins_anew() {
    let declared = field(&[480, 720, 1080], false);
    let mut machine = Machine::new(&declared, Overload::DropHighest);
    let power = machine.total() * 0.6;
    machine.run(12, power, 2.0);
    assert_eq!(machine.guard.shed(), ["1080p"]);
    let now = Duration::from_secs(machine.now);
    assert!(machine.guard.declare(now, declared.clone(), Overload::DropLowest));
    assert_eq!(machine.guard.shed(), ["480p", "720p"]);
    assert!(!machine.guard.declare(now, declared.clone(), Overload::DropLowest));
    assert!(machine.guard.declare(now, field(&[480, 720], false), Overload::DropLowest));
    assert!(machine.guard.shed().is_empty() && machine.guard.verdict().is_none());
}

#[test]
fn a_rung_the_machine_has_no_cpus_for_comes_back_rarely() {
    let run = |cpu| {
        let mut machine = Machine::new(&field(&[480, 1080], false), Overload::DropHighest);
        let power = machine.total() * 0.7;
        machine.run(3600, power, cpu);
        machine.changes
    };
    let hopeless = run(2.0);
    assert!((20..=24).contains(&hopeless), "every five minutes, there and back: {hopeless}");
    let perhaps = run(1.0);
    assert!(perhaps >= hopeless && perhaps < 32, "soon at first, then every five minutes: {perhaps}");
}

proptest! {
    #[test]
    fn what_fits_stays_and_what_does_not_goes_and_comes_back(
        heights in proptest::collection::btree_set(prop::sample::select(vec![240_u16, 360, 480, 720, 1080]), 1..5),
        has_passthrough: bool,
        is_lowest: bool,
        share in 0.05_f64..2.5,
    ) {
        let heights: Vec<u16> = heights.into_iter().collect();
        let policy = if is_lowest { Overload::DropLowest } else { Overload::DropHighest };
        let mut machine = Machine::new(&field(&heights, has_passthrough), policy);
        let total = machine.total();
        let power = total * share;

        machine.run(60, power, 2.0);
        let need: f64 = machine.guard.kept().map(|rung| rung.work).sum();
        let kept = machine.guard.kept().count();
        let least = usize::from(!has_passthrough);
        prop_assert!(need <= power || kept == least, "within a minute the rest fits: {need} of {power}");
        prop_assert!(kept >= least);
        if share >= 1.0 {
            prop_assert_eq!(machine.changes, 0, "what fits is left alone");
        }
        let names: BTreeSet<&String> = machine.guard.shed().iter().collect();
        prop_assert_eq!(names.len(), machine.guard.shed().len());

        // An hour of the same: it is tried again, and costs little.
        let before = machine.lossy;
        machine.run(3600, power, 2.0);
        if kept > least || need <= power {
            prop_assert!(machine.lossy - before < 3600 / 20, "{} seconds lost", machine.lossy - before);
        }

        // The machine has time again: everything comes back, and stays.
        machine.run(5 * 400, total * 2.0, 0.5);
        prop_assert!(machine.guard.shed().is_empty());
        prop_assert_eq!(machine.guard.verdict(), None);
    }
}
