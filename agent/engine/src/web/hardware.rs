//! How busy the machine is, as Owncast's admin page plots it: shares of it, in per cent.
//!
//! Under the shipped units the kernel hides what is not the engine's own (`ProcSubset=pid`), the rest of the machine's
//! CPU time among it. Then CPU is that of engine and worker, and the answer says so.

use std::collections::VecDeque;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::fs::statvfs;
use rustix::system::sysinfo;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use crate::broadcast::{ChannelHandle, unix_millis};
use crate::tasks;

/// Between two looks. Owncast looks every two minutes.
const EVERY: Duration = Duration::from_secs(60);

/// Looks kept: two days, some 200 KiB.
const MOST: usize = 2 * 24 * 60;

/// One value, whole per cent as there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Point {
    time: Timestamp,
    value: u64,
}

/// What Owncast's clients read, and what these numbers leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    cpu: VecDeque<Point>,
    memory: VecDeque<Point>,
    disk: VecDeque<Point>,
    /// Sentences.
    missing: Vec<&'static str>,
}

/// The looks. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Hardware(Arc<Mutex<Told>>);

/// One look; none: the kernel would not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    cpu: Option<u64>,
    memory: Option<u64>,
    disk: Option<u64>,
    is_cpu_of_all: bool,
    is_memory_exact: bool,
}

impl Hardware {
    /// Looks from now on. `folder` is on the disk in question.
    pub(super) fn follow(channel: ChannelHandle, folder: Option<PathBuf>) -> Self {
        let hardware = Self::default();
        let kept = hardware.clone();
        tasks::spawn("hardware", async move {
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let mut meter = Meter::default();
            loop {
                ticks.tick().await;
                let worker = channel.facts().broadcast.and_then(|facts| facts.worker).map_or(0.0, |worker| worker.cpu);
                let look = meter.look(worker, folder.as_deref(), Instant::now());
                kept.keep(look, unix_millis());
            }
        });
        hardware
    }

    pub(super) fn told(&self) -> Told {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last look at the CPU, per cent; none before there is one.
    pub(super) fn cpu(&self) -> Option<usize> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.cpu.back().and_then(|point| usize::try_from(point.value).ok())
    }

    fn keep(&self, look: Look, now_ms: i64) {
        let Ok(time) = Timestamp::from_millisecond(now_ms) else { return };
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Told { cpu, memory, disk, missing } = &mut *told;
        for (series, value) in [(cpu, look.cpu), (memory, look.memory), (disk, look.disk)] {
            if series.len() == MOST {
                series.pop_front();
            }
            series.extend(value.map(|value| Point { time, value }));
        }
        *missing = [
            (!look.is_cpu_of_all, "CPU is that of nixcast's own processes: this unit cannot see the others"),
            (!look.is_memory_exact, "memory that caches hold counts as used: this unit cannot see what could be freed"),
            (look.disk.is_none(), "there is no folder whose disk could be looked at"),
        ]
        .into_iter()
        .filter_map(|(is_missing, sentence)| is_missing.then_some(sentence))
        .collect();
    }
}

/// Remembers what was looked at last, as CPU time only grows.
#[derive(Debug, Default)]
struct Meter {
    /// Busy and all time of the machine, in the kernel's own unit.
    machine: Option<(u64, u64)>,
    /// The engine's CPU time, and when.
    own: Option<(f64, Instant)>,
}

impl Meter {
    /// `worker`: CPU seconds of the worker for each second.
    fn look(&mut self, worker: f64, folder: Option<&Path>, now: Instant) -> Look {
        let machine = fs::read_to_string("/proc/stat").ok().and_then(|text| machine_time(&text));
        let of_all = machine.zip(self.machine).and_then(|((busy, all), (busy_before, all_before))| {
            percent(busy.saturating_sub(busy_before), all.saturating_sub(all_before))
        });
        let own = engine_time();
        let cores = available_parallelism().map_or(1, NonZero::get);
        let of_own = self.own.map(|(before, at)| {
            let engine = (own - before) / (now - at).as_secs_f64().max(0.001);
            whole((engine + worker) * 100.0 / super::metrics::exact(u64::try_from(cores).unwrap_or(1)))
        });
        self.machine = machine;
        self.own = Some((own, now));
        let exact = fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory(&text));
        Look {
            cpu: of_all.or(of_own),
            memory: exact.or_else(memory_in_use),
            disk: folder.and_then(disk),
            is_cpu_of_all: machine.is_some(),
            is_memory_exact: exact.is_some(),
        }
    }
}

/// CPU seconds of this process.
fn engine_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    f64::from(nanoseconds).mul_add(1e-9, super::metrics::exact(time.tv_sec))
}

/// Busy and all time, from the first line of /proc/stat: user, nice, system, idle, iowait and others (proc_stat(5)).
fn machine_time(stat: &str) -> Option<(u64, u64)> {
    let first = stat.lines().next()?.strip_prefix("cpu ")?;
    // Guests are in "user" already.
    let times: Vec<u64> = first.split_whitespace().take(8).map_while(|time| time.parse().ok()).collect();
    let all: u64 = times.iter().sum();
    let idle = times.get(3)? + times.get(4)?;
    Some((all - idle, all))
}

/// Memory that could not be had by somebody else, from /proc/meminfo.
fn memory(meminfo: &str) -> Option<u64> {
    let field = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    let total = field("MemTotal:")?;
    percent(total.saturating_sub(field("MemAvailable:")?), total)
}

/// The same where the kernel tells no more than sysinfo(2) does: caches count as used.
fn memory_in_use() -> Option<u64> {
    let info = sysinfo();
    let free = info.freeram.saturating_add(info.bufferram);
    percent(info.totalram.saturating_sub(free), info.totalram)
}

/// Of what users of the disk may have.
fn disk(folder: &Path) -> Option<u64> {
    let disk = statvfs(folder).ok()?;
    let used = disk.f_blocks.saturating_sub(disk.f_bfree);
    percent(used, used.saturating_add(disk.f_bavail))
}

/// None of nothing.
fn percent(part: u64, whole: u64) -> Option<u64> {
    part.saturating_mul(100).checked_div(whole)
}

/// At least 0, and at most 100.
fn whole(percent: f64) -> u64 {
    (0..=100_u8).rev().find(|step| f64::from(*step) <= percent).map_or(0, u64::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_kernels_figures_become_per_cent() {
        let stat = "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(machine_time(stat), Some((150, 1000)));
        assert_eq!(machine_time("intr 1"), None);
        let meminfo = "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    250 kB\n";
        assert_eq!(memory(meminfo), Some(75));
        assert_eq!((whole(-1.0), whole(12.7), whole(250.0)), (0, 12, 100));
    }

    #[test]
    fn this_machine_says_all_of_it_and_what_it_hides_is_named() {
        let start = Instant::now();
        let mut meter = Meter::default();
        meter.look(0.0, None, start);
        let look = meter.look(0.5, Some(Path::new("/")), start + Duration::from_secs(60));
        assert!(look.cpu.is_some() && look.memory.unwrap() <= 100 && look.disk.unwrap() <= 100, "{look:?}");
        assert!(memory_in_use().unwrap() <= 100);
        let hardware = Hardware::default();
        hardware.keep(look, 0);
        hardware.keep(Look::default(), 60_000);
        let told = hardware.told();
        assert_eq!((told.cpu.len(), told.disk.len(), told.missing.len()), (1, 1, 3));
    }
}
