use std::collections::BTreeSet;

use nixcast_schema::Preset;
use proptest::prelude::*;

use super::*;

fn ladder(names: &[&str], has_passthrough: bool) -> BTreeMap<String, Rung> {
    let transcode = Encode::Transcode {
        width: None,
        height: Some(720),
        framerate: None,
        video_bitrate_kbps: 1000,
        preset: Preset::Veryfast,
    };
    let passthrough = has_passthrough.then_some(("source", Encode::Passthrough));
    let rungs = names.iter().map(|name| (*name, transcode.clone())).chain(passthrough);
    rungs
        .map(|(name, encode)| {
            (name.to_owned(), Rung { name: name.to_owned(), position: 0, audio_bitrate_kbps: 128, encode })
        })
        .collect()
}

fn names(rungs: &BTreeMap<String, Rung>) -> BTreeSet<String> {
    encoded(rungs).collect()
}

/// A machine on which the worker dies a second after its start if it runs one of the `bad` rungs.
struct Machine {
    supervision: Supervision,
    declared: BTreeMap<String, Rung>,
    bad: BTreeSet<String>,
    now: Instant,
    /// When the worker that runs was started, or the next one will be.
    starts_at: Option<Instant>,
    running_since: Option<Instant>,
    deaths: u32,
}

impl Machine {
    fn new(rungs: &[&str], bad: &[&str], has_passthrough: bool) -> Self {
        let now = Instant::now();
        Self {
            supervision: Supervision::default(),
            declared: ladder(rungs, has_passthrough),
            bad: bad.iter().map(|name| (*name).to_owned()).collect(),
            now,
            starts_at: Some(now),
            running_since: None,
            deaths: 0,
        }
    }

    fn permitted(&self) -> BTreeSet<String> {
        names(&self.supervision.permitted(&self.declared))
    }

    fn degraded(&self) -> BTreeSet<String> {
        self.supervision.degraded().map(|degraded| degraded.rung).collect()
    }

    /// Lets a quarter of a second pass.
    fn step(&mut self) {
        self.now += Duration::from_millis(250);
        let is_needed = !self.permitted().is_empty();
        if self.supervision.tick(&self.declared, self.now) && self.running_since.is_none() && self.starts_at.is_none() {
            self.starts_at = Some(self.now);
        }
        if self.starts_at.is_some_and(|at| at <= self.now) && is_needed {
            self.starts_at = None;
            self.running_since = Some(self.now);
            self.supervision.started(self.now);
        }
        let is_dying = self.permitted().iter().any(|rung| self.bad.contains(rung));
        if is_dying && self.running_since.is_some_and(|since| self.now >= since + Duration::from_secs(1)) {
            self.running_since = None;
            self.deaths += 1;
            let pause = self.supervision.died("killed", &self.declared, self.now);
            self.starts_at = Some(self.now + pause);
        }
        if self.running_since.is_some() && !is_needed {
            self.running_since = None;
            self.supervision.dismissed();
        }
    }

    fn pass(&mut self, seconds: u32) {
        (0..seconds * 4).for_each(|_| self.step());
    }
}

#[test]
fn two_quick_deaths_are_bad_luck() {
    let mut supervision = Supervision::default();
    let declared = ladder(&["hd", "sd"], true);
    let start = Instant::now();
    supervision.started(start);
    assert_eq!(supervision.died("killed", &declared, start + Duration::from_secs(1)), Duration::ZERO);
    supervision.started(start + Duration::from_secs(1));
    assert_eq!(supervision.died("killed", &declared, start + Duration::from_secs(2)), Duration::from_secs(1));
    assert_eq!(names(&supervision.permitted(&declared)).len(), 2);
    supervision.started(start + Duration::from_secs(3));
    // One that proved itself is forgiven.
    supervision.died("killed", &declared, start + Duration::from_secs(40));
    assert_eq!(supervision.quick_deaths(), 1);
    assert_eq!(supervision.degraded().count(), 0);
}

#[test]
fn the_rung_that_kills_the_worker_is_found_and_the_others_come_back() {
    for bad in ["a", "b", "c", "d", "e"] {
        let mut machine = Machine::new(&["a", "b", "c", "d", "e"], &[bad], true);
        machine.pass(180);
        let others: BTreeSet<String> = names(&machine.declared).into_iter().filter(|name| name != bad).collect();
        assert_eq!(machine.permitted(), others);
        assert_eq!(machine.degraded(), BTreeSet::from([bad.to_owned()]));
        assert!(machine.deaths <= 7, "{bad}: {} deaths", machine.deaths);
        assert!(machine.running_since.is_some());
    }
}

#[test]
fn when_every_rung_kills_it_the_publishers_own_picture_goes_on_alone() {
    let mut machine = Machine::new(&["a", "b", "c"], &["a", "b", "c"], true);
    machine.pass(120);
    assert!(machine.permitted().is_empty());
    assert_eq!(machine.degraded().len(), 3);
    let deaths = machine.deaths;
    machine.pass(120);
    assert_eq!(machine.deaths, deaths, "nothing is tried any more");
}

#[test]
fn without_a_pass_through_rung_it_is_tried_for_as_long_as_it_lasts() {
    let mut machine = Machine::new(&["a", "b"], &["a", "b"], false);
    machine.pass(120);
    assert!(machine.supervision.has_nothing_to_lose());
    let deaths = machine.deaths;
    machine.pass(120);
    assert!((10..=30).contains(&(machine.deaths - deaths)), "{} starts in two minutes", machine.deaths - deaths);
    machine.bad.clear();
    machine.pass(120);
    assert_eq!(machine.permitted().len(), 2);
    assert_eq!(machine.supervision.quick_deaths(), 0);
}

#[test]
fn a_rung_is_tried_again_after_a_pause_that_doubles() {
    let mut machine = Machine::new(&["a"], &["a"], true);
    machine.pass(20);
    assert_eq!((machine.deaths, machine.degraded().len()), (3, 1));
    machine.pass(5 * 60);
    assert_eq!((machine.deaths, machine.degraded().len()), (4, 1), "once more after five minutes");
    machine.pass(9 * 60);
    assert_eq!(machine.deaths, 4);
    machine.bad.clear();
    machine.pass(2 * 60);
    assert!(machine.degraded().is_empty() && machine.running_since.is_some());
}

#[test]
fn other_settings_give_a_rung_another_chance() {
    let mut machine = Machine::new(&["a", "b"], &["a"], true);
    machine.pass(120);
    assert_eq!(machine.degraded(), BTreeSet::from(["a".to_owned()]));
    let b = machine.declared.get_mut("b").map(|rung| rung.audio_bitrate_kbps = 96);
    assert!(b.is_some());
    machine.supervision.redeclared(&machine.declared);
    assert_eq!(machine.degraded().len(), 1, "the change of another rung is not for it");
    let a = machine.declared.get_mut("a").map(|rung| rung.audio_bitrate_kbps = 96);
    assert!(a.is_some());
    machine.supervision.redeclared(&machine.declared);
    assert!(machine.degraded().is_empty());
}

proptest! {
    #[test]
    fn whatever_is_broken_the_rest_runs_in_the_end(count in 1_usize..6, broken in 0_u32..64) {
        let all = ["a", "b", "c", "d", "e", "f"];
        let rungs = &all[..count];
        let bad: Vec<&str> =
            rungs.iter().enumerate().filter(|(at, _)| broken >> at & 1 == 1).map(|(_, name)| *name).collect();
        let mut machine = Machine::new(rungs, &bad, true);
        machine.pass(280);
        let whole: BTreeSet<String> =
            rungs.iter().filter(|name| !bad.contains(name)).map(|name| (*name).to_owned()).collect();
        prop_assert_eq!(machine.permitted(), whole);
        prop_assert!(machine.deaths <= 4 + 4 * u32::try_from(bad.len()).unwrap_or(0), "{} deaths", machine.deaths);
    }
}
