//! Feeding the playlist of a rung that makes no segments of its own from the nearest rung that does.
//!
//! Players that are in a removed rung's playlist go on without noticing: entries simply point at another rung's
//! segments and init section. The same serves a rung whose encoder was lost, until it is back.

use super::presentation::Presentation;
use super::rung::{Rung, Supply};
use super::window::{Content, Entry, SAME_INSTANT_US, Window};

impl Presentation {
    /// Brings every followed playlist up to its feeder.
    pub(super) fn feed_followers(&mut self) {
        for index in 0..self.rungs.len() {
            let rung = &self.rungs[index];
            if rung.supply != Supply::Followed || rung.line.window.is_empty() {
                continue;
            }
            let Some(feeder) = self.feeder_of(rung) else { continue };
            let entries: Vec<Entry> = feeder.line.window.entries().cloned().collect();
            let name = feeder.name.clone();
            let rung = &mut self.rungs[index];
            rung.feeder = Some(name);
            splice(&mut rung.line.window, entries);
            self.retention.keep_listed(&rung.line.window);
        }
    }

    /// The rung `follower` is fed from: the one it has, as long as that works, else the nearest. A rung whose
    /// segments begin where the follower's end comes before one that must overlap; then bitrate, then height decide.
    fn feeder_of(&self, follower: &Rung) -> Option<&Rung> {
        let candidates = || self.rungs.iter().filter(|rung| rung.name != follower.name && rung.can_feed());
        if let Some(same) = candidates().find(|rung| Some(&rung.name) == follower.feeder.as_ref()) {
            return Some(same);
        }
        candidates().min_by(|a, b| distance(follower, a).total_cmp(&distance(follower, b)))
    }
}

/// How unlike two rungs are. The whole part says whether their segments meet, the fraction how far the bitrates
/// and, far behind, the heights are apart.
fn distance(follower: &Rung, candidate: &Rung) -> f64 {
    let apart = if meets(&follower.line.window, &candidate.line.window) { 0.0 } else { 1.0 };
    let height = |rung: &Rung| rung.line.init.as_ref().map_or(0, |(_, facts)| u64::from(facts.height));
    let bitrate = ratio(follower.weight_bps(), candidate.weight_bps());
    apart + (bitrate + ratio(height(follower), height(candidate)) / 1000.0) / 2.0
}

/// 0 for equal, towards 1 the further apart.
#[allow(clippy::cast_precision_loss, reason = "a comparison of bitrates needs no more than 52 bits")]
fn ratio(a: u64, b: u64) -> f64 {
    let (low, high) = (a.min(b), a.max(b));
    if high == 0 { 0.0 } else { 1.0 - low as f64 / high as f64 }
}

/// Whether a segment of `candidate` begins, or will begin, where `follower` ends.
fn meets(follower: &Window, candidate: &Window) -> bool {
    let Some(end) = follower.last() else { return false };
    let is_there = |instant_us: i64| (instant_us - end.end_us()).abs() <= SAME_INSTANT_US;
    candidate.last().is_some_and(|last| is_there(last.end_us()))
        || candidate.entries().any(|entry| entry.span.era == end.era && is_there(entry.span.start_us))
}

/// Lists those of `entries` that `window` lacks.
fn splice(window: &mut Window, entries: Vec<Entry>) {
    for entry in entries {
        if entry.content != Content::Gap && window.wants(entry.span) {
            window.bridge(entry.span, entry.program_date_time_ms);
            window.append(entry.span, entry.program_date_time_ms, entry.content);
        }
    }
}
