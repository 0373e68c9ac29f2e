//! Keeps findings from flickering.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Finding, Health, Kind};

/// How long something has to hold before it is told. What is itself counted in seconds without anything has held long
/// enough when it is found.
const HOLDS: Duration = Duration::from_secs(3);

/// How long it must be gone before it is forgotten.
const GONE: Duration = Duration::from_secs(5);

/// Remembers what was found, and since when. Moments are durations since any fixed beginning.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    found: BTreeMap<Kind, Found>,
}

#[derive(Clone, Debug)]
struct Found {
    since: Duration,
    last: Duration,
    is_told: bool,
    finding: Finding,
}

impl Watch {
    /// Takes what [`super::judge`] found just now, and gives what is to be told.
    pub fn observe(&mut self, now: Duration, findings: Vec<Finding>) -> Health {
        for finding in findings {
            let found = self.found.entry(finding.kind).or_insert_with(|| Found {
                since: now,
                last: now,
                is_told: false,
                finding: finding.clone(),
            });
            found.last = now;
            found.is_told |= now.saturating_sub(found.since) >= holds(finding.kind);
            found.finding = finding;
        }
        self.found.retain(|kind, found| {
            // One that was never told begins anew as soon as it is gone.
            let kept = if found.is_told { gone(*kind) } else { Duration::ZERO };
            now.saturating_sub(found.last) <= kept
        });
        let mut told: Vec<Finding> =
            self.found.values().filter(|found| found.is_told).map(|found| found.finding.clone()).collect();
        told.sort_by_key(|finding| (std::cmp::Reverse(finding.level), finding.kind));
        let level = told.iter().map(|finding| finding.level).max().unwrap_or_default();
        Health { level, findings: told }
    }
}

fn holds(kind: Kind) -> Duration {
    match kind {
        Kind::ConnectionLost | Kind::PublisherSilent | Kind::NoKeyframe => Duration::ZERO,
        _ => HOLDS,
    }
}

/// That a publisher is back is plain from its first picture.
fn gone(kind: Kind) -> Duration {
    match kind {
        Kind::ConnectionLost => Duration::ZERO,
        Kind::PublisherSilent => Duration::from_secs(1),
        _ => GONE,
    }
}
