//! What to make of a worker that dies or falls silent: when to start another, which rung to do without.
//!
//! One death is bad luck, and another worker is started at once. Three in a row soon after the start have a cause. If it
//! is one of the rungs, the others must not suffer for it: rungs are left out by halves until the worker lives, which
//! names the culprit in a handful of starts. If every rung dies, all are left out, and what the publisher sends goes on
//! unchanged in the pass-through rungs. What was left out is tried again when its settings change and after a pause that
//! doubles each time. A broadcast without a pass-through rung has nothing to fall back to, so there every rung is tried
//! for as long as it lasts.

mod liveness;
mod possible;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::control::{Encode, Rung};

pub use liveness::Liveness;
pub use possible::{could_be_picture, could_be_rate, could_be_sound};

/// A worker that lived at least this long has proved itself: its end is not counted as a quick death.
const PROVEN: Duration = Duration::from_secs(30);

/// Quick deaths in a row that are still taken for bad luck.
const BAD_LUCK: u32 = 2;

/// How long a worker has to live with a set of rungs for these to be cleared: its start, a grid point of at most five
/// seconds until a rung begins, and some pictures.
const TRIAL: Duration = Duration::from_secs(15);

/// Longest pause before a worker that keeps dying is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How long a rung is left out the first time, and at most.
const FIRST_BAN: Duration = Duration::from_secs(5 * 60);
const LONGEST_BAN: Duration = Duration::from_secs(60 * 60);

/// A rung that the ladder does without.
#[derive(Clone, Debug, PartialEq)]
struct Ban {
    declared: Rung,
    until: Instant,
    lasts: Duration,
    how: String,
}

/// The search for the rung that kills the worker.
#[derive(Clone, Debug, PartialEq)]
struct Search {
    /// The worker dies with one of them at least.
    suspects: Vec<String>,
    /// Those of them that run now, beside the rungs that are cleared.
    on_trial: Vec<String>,
    /// Neither suspected nor cleared: left out until the suspects are sorted out.
    waiting: Vec<String>,
    since: Instant,
}

/// The record of one broadcast's workers.
#[derive(Clone, Debug, Default)]
pub struct Supervision {
    started: Option<Instant>,
    quick_deaths: u32,
    search: Option<Search>,
    bans: BTreeMap<String, Ban>,
    /// For how long a rung was left out last, as long as nothing speaks for it.
    record: BTreeMap<String, Duration>,
    has_nothing_to_lose: bool,
}

/// A rung that is left out, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degraded {
    pub rung: String,
    /// How the worker last ended with it.
    pub how: String,
    /// For how long it is left out.
    pub lasts: Duration,
}

impl Supervision {
    /// The declared rungs that are to run now.
    fn permitted(&self, declared: &BTreeMap<String, Rung>) -> BTreeMap<String, Rung> {
        declared
            .iter()
            .filter(|(name, rung)| is_passthrough(rung) || !self.is_left_out(name))
            .map(|(name, rung)| (name.clone(), rung.clone()))
            .collect()
    }

    /// Names of the rungs that are not to run now.
    pub fn left_out(&self) -> impl Iterator<Item = String> {
        self.bans.keys().cloned().chain(self.sought().map(str::to_owned))
    }

    fn is_left_out(&self, rung: &str) -> bool {
        self.bans.contains_key(rung) || self.sought().any(|sought| sought == rung)
    }

    /// Rungs that are left out because the worker dies with them.
    pub fn degraded(&self) -> impl Iterator<Item = Degraded> {
        self.bans.iter().map(|(rung, ban)| Degraded { rung: rung.clone(), how: ban.how.clone(), lasts: ban.lasts })
    }

    /// Rungs that are left out for some seconds, to find out which of them the worker dies with.
    pub fn sought(&self) -> impl Iterator<Item = &str> {
        self.search.iter().flat_map(|search| {
            let idle = search.suspects.iter().filter(|rung| !search.on_trial.contains(rung));
            idle.chain(&search.waiting).map(String::as_str)
        })
    }

    /// Quick deaths in a row.
    #[must_use]
    pub fn quick_deaths(&self) -> u32 {
        self.quick_deaths
    }

    /// Whether workers keep dying and there is no rung that could go on without one.
    #[must_use]
    pub fn has_nothing_to_lose(&self) -> bool {
        self.has_nothing_to_lose && self.quick_deaths > BAD_LUCK
    }

    /// A worker was started with the permitted rungs.
    pub fn started(&mut self, now: Instant) {
        self.started = Some(now);
        if let Some(search) = &mut self.search {
            search.since = now;
        }
    }

    /// The worker was lost. Says after which pause to start another, with the rungs permitted from now on.
    pub fn died(&mut self, how: &str, declared: &BTreeMap<String, Rung>, now: Instant) -> Duration {
        let was_proven = self.started.is_some_and(|started| now.duration_since(started) >= PROVEN);
        self.quick_deaths = if was_proven && self.search.is_none() { 1 } else { self.quick_deaths + 1 };
        let has_cause = self.quick_deaths > BAD_LUCK || self.search.is_some();
        if has_cause && !self.has_nothing_to_lose {
            self.blame(how, declared, now);
        }
        pause(self.quick_deaths)
    }

    /// Looks at the clock; true: other rungs are permitted than before.
    pub fn tick(&mut self, declared: &BTreeMap<String, Rung>, now: Instant) -> bool {
        let lived = self.started.map_or(Duration::ZERO, |started| now.duration_since(started));
        if self.search.is_some() {
            return lived >= TRIAL && self.clear(declared, now);
        }
        if lived >= PROVEN {
            self.quick_deaths = 0;
            self.has_nothing_to_lose = false;
        }
        self.readmit(now)
    }

    /// Clears those on trial if they have been for long enough.
    fn clear(&mut self, declared: &BTreeMap<String, Rung>, now: Instant) -> bool {
        let Some(search) = self.search.as_mut().filter(|search| now.duration_since(search.since) >= TRIAL) else {
            return false;
        };
        search.suspects.retain(|rung| !search.on_trial.contains(rung));
        self.record.retain(|rung, _| !search.on_trial.contains(rung));
        search.on_trial = first_half(&search.suspects);
        search.since = now;
        match search.suspects.pop() {
            // It died with all of them, and lives with all the others.
            Some(last) if search.suspects.is_empty() => self.ban(&last, "it lives without this rung", declared, now),
            Some(last) => search.suspects.push(last),
            None => self.try_waiting(now),
        }
        true
    }

    /// Other rungs are declared. One that is not what it was when it was left out has another chance.
    pub fn redeclared(&mut self, declared: &BTreeMap<String, Rung>) {
        self.bans.retain(|rung, ban| declared.get(rung) == Some(&ban.declared));
        self.record.retain(|rung, _| self.bans.contains_key(rung));
        self.search = None;
        self.has_nothing_to_lose = false;
        self.quick_deaths = 0;
    }

    fn blame(&mut self, how: &str, declared: &BTreeMap<String, Rung>, now: Instant) {
        let search = self.search.take().unwrap_or_else(|| {
            let running: Vec<String> = encoded(&self.permitted(declared)).collect();
            Search { suspects: running.clone(), on_trial: running, waiting: Vec::new(), since: now }
        });
        let Search { mut suspects, on_trial, mut waiting, .. } = search;
        waiting.extend(suspects.extract_if(.., |rung| !on_trial.contains(rung)));
        let [culprit] = &suspects[..] else {
            let on_trial = first_half(&suspects);
            self.search = Some(Search { suspects, on_trial, waiting, since: now });
            return;
        };
        let culprit = culprit.clone();
        self.search = Some(Search { suspects: Vec::new(), on_trial: Vec::new(), waiting, since: now });
        self.ban(&culprit, how, declared, now);
        let is_all = encoded(declared).all(|rung| self.bans.contains_key(&rung));
        if is_all && !declared.values().any(is_passthrough) {
            self.bans.clear();
            self.record.clear();
            self.search = None;
            self.has_nothing_to_lose = true;
        }
    }

    /// Leaves a rung out, and goes on with those that wait.
    fn ban(&mut self, rung: &str, how: &str, declared: &BTreeMap<String, Rung>, now: Instant) {
        if let Some(declared) = declared.get(rung) {
            let lasts = self.record.get(rung).map_or(FIRST_BAN, |last| (*last * 2).min(LONGEST_BAN));
            self.record.insert(rung.to_owned(), lasts);
            let ban = Ban { declared: declared.clone(), until: now + lasts, lasts, how: how.to_owned() };
            self.bans.insert(rung.to_owned(), ban);
        }
        self.try_waiting(now);
    }

    /// Puts those that wait on trial, all at once: as a rule there is one culprit.
    fn try_waiting(&mut self, now: Instant) {
        let waiting = self.search.take().map(|search| search.waiting).unwrap_or_default();
        if waiting.is_empty() {
            self.quick_deaths = 0;
        } else {
            let on_trial = waiting.clone();
            self.search = Some(Search { suspects: waiting, on_trial, waiting: Vec::new(), since: now });
        }
    }

    /// Puts rungs whose time is over on trial beside those that run.
    fn readmit(&mut self, now: Instant) -> bool {
        let over: Vec<String> =
            self.bans.iter().filter(|(_, ban)| ban.until <= now).map(|(rung, _)| rung.clone()).collect();
        if over.is_empty() {
            return false;
        }
        self.bans.retain(|rung, _| !over.contains(rung));
        self.search = Some(Search { suspects: over.clone(), on_trial: over, waiting: Vec::new(), since: now });
        true
    }

    /// The worker was let go because nothing needs it.
    pub fn dismissed(&mut self) {
        self.started = None;
    }
}

/// None, then 1, 2, 4, and at most 8 seconds.
fn pause(quick_deaths: u32) -> Duration {
    match quick_deaths {
        0 | 1 => Duration::ZERO,
        deaths => Duration::from_secs(1 << (deaths - 2).min(3)).min(LONGEST_PAUSE),
    }
}

fn first_half(rungs: &[String]) -> Vec<String> {
    rungs[..rungs.len().div_ceil(2)].to_vec()
}

fn is_passthrough(rung: &Rung) -> bool {
    rung.encode == Encode::Passthrough
}

fn encoded(rungs: &BTreeMap<String, Rung>) -> impl Iterator<Item = String> {
    let names: BTreeSet<String> =
        rungs.iter().filter(|(_, rung)| !is_passthrough(rung)).map(|(name, _)| name.clone()).collect();
    names.into_iter()
}

#[cfg(test)]
mod tests;
