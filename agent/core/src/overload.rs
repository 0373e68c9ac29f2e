//! Which rungs to leave out while the machine cannot encode all of them in real time.
//!
//! [`Guard`] is told about once a second how the encoding went and answers with the rungs that should be off the air.
//! It sheds within a few seconds, as many rungs as the measured speed says, and gives them back one at a time after a
//! quiet while that grows each time the machine was too slow again. Moments are durations since any fixed beginning.

mod load;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use nixcast_schema::Overload;

pub use load::{Load, RungLoad, RungWork};

/// How much of the past a decision looks at: several grid points of the shorter levels, and longer than a hiccup.
const WINDOW: Duration = Duration::from_secs(5);

/// Least time of reports before rungs are shed, so that one late second does not cost a viewer their quality.
const LEAST_EVIDENCE: Duration = Duration::from_secs(3);

/// Time after a grid point for what was changed there to show in reports.
const SETTLING: Duration = Duration::from_secs(2);

/// What is left on the air may need so much of what the machine was seen to do.
const MARGIN: f64 = 0.9;

/// Least quiet time before a rung comes back, and most.
const SHORTEST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A rung that is too much within this time of its return came back too early.
const PROVEN: Duration = Duration::from_secs(60);

/// No rung comes back while another one's thread has less of its time left than this.
const MOST_BUSY: f64 = 0.8;

/// A picture later than this, against the best lately seen, is no sign of quiet.
const QUIET_LATENESS: Duration = Duration::from_millis(300);

/// The declared ladder, as far as it is encoded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Field {
    pub rungs: Vec<RungWork>,
    /// Whether viewers have the publisher's own picture as well, so that every encoded rung may go.
    pub has_passthrough: bool,
    /// Time between two grid points, where changes take hold.
    pub grid: Duration,
    /// CPUs of the machine that may be used; rungs that need more come back only after the longest pause.
    pub cpus: f64,
}

/// What to tell the operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Of real time, when it was last too slow.
    pub speed: f64,
    /// Rungs left out, in the order in which they went.
    pub shed: Vec<String>,
    /// Whether it is too slow now, with nothing left to leave out.
    pub is_losing: bool,
}

/// Remembers what was shed and why.
#[derive(Clone, Debug)]
pub struct Guard {
    field: Field,
    policy: Overload,
    shed: Vec<String>,
    window: VecDeque<(Duration, Load)>,
    /// Reports before this moment are of a ladder that is being changed.
    settled_at: Duration,
    quiet_since: Option<Duration>,
    pause: Duration,
    restored_at: Option<Duration>,
    /// Of real time, over the whole ladder that was encoded when it was last too slow.
    speed: Option<f64>,
    /// CPUs that the whole work of one unit would take, as far as measured: CPU time for each unit of work.
    cpu_per_work: Option<f64>,
    is_losing: bool,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            field: Field::default(),
            policy: Overload::default(),
            shed: Vec::new(),
            window: VecDeque::new(),
            settled_at: Duration::ZERO,
            quiet_since: None,
            pause: SHORTEST_PAUSE,
            restored_at: None,
            speed: None,
            cpu_per_work: None,
            is_losing: false,
        }
    }
}

impl Guard {
    /// Takes up what is declared; true when [`Self::shed`] has changed. Another ladder or source is judged anew; another
    /// policy alone chooses other rungs.
    pub fn declare(&mut self, now: Duration, field: Field, policy: Overload) -> bool {
        let had = self.shed.clone();
        if field != self.field {
            *self = Self { field, policy, ..Self::default() };
            self.unsettle(now);
        } else if policy != self.policy {
            self.policy = policy;
            if !self.shed.is_empty() {
                let room = self.work_of_kept();
                self.shed.clear();
                self.shed_down_to(room);
                self.unsettle(now);
            }
        }
        self.shed != had
    }

    /// Rungs that should not be encoded now.
    #[must_use]
    pub fn shed(&self) -> &[String] {
        &self.shed
    }

    /// What to tell the operator; none while all is well.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        let speed = self.speed.filter(|_| self.is_losing || !self.shed.is_empty())?;
        Some(Verdict { speed, shed: self.shed.clone(), is_losing: self.is_losing })
    }

    /// Looks at one report, or at the absence of one; true when [`Self::shed`] has changed.
    pub fn observe(&mut self, now: Duration, load: Option<Load>) -> bool {
        if now < self.settled_at {
            return false;
        }
        let is_news = load.is_some();
        if let Some(load) = load {
            self.note_quiet(now, &load);
            self.window.push_back((now, load));
        } else if self.kept().next().is_none() {
            // Nothing is encoded, so nothing is reported and nothing is late.
            self.quiet_since.get_or_insert(now);
        }
        while self.window.front().is_some_and(|(at, _)| now.saturating_sub(*at) >= WINDOW) {
            self.window.pop_front();
        }
        if is_news && let Some(speed) = self.too_slow() {
            return self.give_way(now, speed);
        }
        if self.quiet_since.is_some() {
            self.is_losing = false;
        }
        self.take_back(now)
    }

    fn note_quiet(&mut self, now: Duration, load: &Load) {
        if load.lost() > 0 || load.late > QUIET_LATENESS {
            self.quiet_since = None;
        } else {
            self.quiet_since.get_or_insert(now);
        }
    }

    /// The speed of encoding over the window, if that was below real time and pictures were lost by it.
    fn too_slow(&self) -> Option<f64> {
        let loads = || self.window.iter().map(|(_, load)| load);
        let covered: Duration = loads().map(|load| load.interval).sum();
        let seconds_with_losses = loads().filter(|load| load.lost() > 0).count();
        if covered < LEAST_EVIDENCE || seconds_with_losses < 2 {
            return None;
        }
        let (mut done, mut wanted) = (0.0, 0.0);
        for rung in self.kept() {
            let speed = load::speed(loads(), &rung.name, covered).unwrap_or(1.0);
            done += rung.work * speed.min(1.0);
            wanted += rung.work;
        }
        // What the decoder could not take in was lost to all rungs.
        let kept_up = if loads().any(|load| load.dropped > 0) { MARGIN } else { 1.0 };
        let speed = if wanted > 0.0 { done / wanted * kept_up } else { 1.0 };
        (speed < 0.99).then_some(speed)
    }

    fn give_way(&mut self, now: Duration, speed: f64) -> bool {
        self.speed = Some(speed);
        self.quiet_since = None;
        let work = self.work_of_kept();
        let cpu: f64 = self.window.iter().map(|(_, load)| load.cpu.as_secs_f64()).sum();
        let covered: f64 = self.window.iter().map(|(_, load)| load.interval.as_secs_f64()).sum();
        self.cpu_per_work = (cpu > 0.0).then(|| cpu / covered / (speed.max(0.05) * work));
        if self.restored_at.take_if(|at| now.saturating_sub(*at) < PROVEN).is_some() {
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        let had = self.shed.len();
        self.shed_down_to(work * speed * MARGIN);
        self.is_losing = self.shed.len() == had;
        if self.is_losing {
            return false;
        }
        self.unsettle(now);
        true
    }

    /// Leaves out one rung at least, and more until the rest needs no more than `room`.
    fn shed_down_to(&mut self, room: f64) {
        let least = usize::from(!self.field.has_passthrough);
        let mut order: Vec<&RungWork> = self.kept().collect();
        order.sort_by(|a, b| b.cmp_size(a));
        if self.policy == Overload::DropLowest {
            order.reverse();
        }
        let most = order.len().saturating_sub(least);
        let mut rest = self.work_of_kept();
        let mut going = Vec::new();
        for rung in order.into_iter().take(most) {
            if !going.is_empty() && rest <= room {
                break;
            }
            rest -= rung.work;
            going.push(rung.name.clone());
        }
        self.shed.extend(going);
    }

    fn take_back(&mut self, now: Duration) -> bool {
        if let Some(at) = self.restored_at
            && now.saturating_sub(at) >= PROVEN
        {
            self.restored_at = None;
            // The next rung is tried as soon as the first one was, not after all the failures before it.
            self.pause = SHORTEST_PAUSE;
        }
        let (Some(name), Some(quiet_since)) = (self.shed.last(), self.quiet_since) else { return false };
        let pause = if self.fits(name) { self.pause } else { LONGEST_PAUSE };
        if now.saturating_sub(quiet_since) < pause || self.busiest() > MOST_BUSY {
            return false;
        }
        self.shed.pop();
        self.restored_at = Some(now);
        self.unsettle(now);
        true
    }

    /// Whether the machine as a whole has enough CPUs for the ladder with `name`, by what a unit of work took.
    fn fits(&self, name: &str) -> bool {
        let more = self.field.rungs.iter().find(|rung| rung.name == name).map_or(0.0, |rung| rung.work);
        self.cpu_per_work.is_none_or(|cpu| (self.work_of_kept() + more) * cpu <= self.field.cpus)
    }

    fn busiest(&self) -> f64 {
        let covered: f64 = self.window.iter().map(|(_, load)| load.interval.as_secs_f64()).sum();
        let busy = |name: &str| -> f64 {
            self.window.iter().map(|(_, load)| load.rung(name).map_or(0.0, |rung| rung.busy.as_secs_f64())).sum()
        };
        self.kept().map(|rung| if covered > 0.0 { busy(&rung.name) / covered } else { 0.0 }).fold(0.0, f64::max)
    }

    fn kept(&self) -> impl Iterator<Item = &RungWork> {
        self.field.rungs.iter().filter(|rung| !self.shed.contains(&rung.name))
    }

    fn work_of_kept(&self) -> f64 {
        self.kept().map(|rung| rung.work).sum()
    }

    /// Waits with the next judgement until the change made now has taken hold.
    fn unsettle(&mut self, now: Duration) {
        self.settled_at = now + self.field.grid + SETTLING;
        self.window.clear();
        self.quiet_since = None;
    }
}
