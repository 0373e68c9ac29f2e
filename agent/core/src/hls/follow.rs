//! Feeding the playlist of a rung that makes no segments of its own from the nearest rung that does.
//!
//! Players that are in a removed rung's playlist go on without noticing: entries simply point at another rung's
//! segments, parts and init section. The same serves a rung whose encoder was lost, until it is back.
//!
//! A segment once begun is followed to its end, whoever feeds the rung by then: its parts are listed, and a playlist
//! never takes back what it listed. For the same reason a rung that was removed or lost while its own segment was open is
//! fed from another only once that segment is whole.

use super::presentation::Presentation;
use super::rung::{Line, Rung, Supply};
use super::uri::Uri;
use super::window::{Content, Entry, Open, SAME_INSTANT_US, Window};

impl Presentation {
    /// Brings every followed playlist up to its feeder.
    pub(super) fn feed_followers(&mut self) {
        for index in 0..self.rungs.len() {
            self.follow_to_the_end(index);
            let rung = &self.rungs[index];
            let window = &rung.line.window;
            if rung.supply != Supply::Followed || window.is_empty() || window.open().is_some() {
                continue;
            }
            let Some(feeder) = self.feeder_of(rung) else { continue };
            let entries: Vec<Entry> = feeder.line.window.entries().cloned().collect();
            let open = feeder.line.window.open().map(|open| open.entry.clone());
            let name = feeder.name.clone();
            let rung = &mut self.rungs[index];
            rung.feeder = Some(name);
            splice(&mut rung.line.window, entries, open);
            self.retention.keep_listed(&rung.line.window);
        }
    }

    /// Brings another rung's segment that is open in this rung's playlist to where it stands now.
    fn follow_to_the_end(&mut self, index: usize) {
        let window = &self.rungs[index].line.window;
        let Some(open) = window.open().filter(|open| open.is_followed).cloned() else { return };
        let newest = open.entry.uri().and_then(|uri| self.newest_of(uri));
        let window = &mut self.rungs[index].line.window;
        match newest {
            Some((Entry { span, content, .. }, is_whole)) => {
                window.grow(Open { entry: Entry { span, content, ..open.entry }, is_followed: true });
                if is_whole {
                    window.close();
                }
            }
            None => window.abandon(),
        }
        self.retention.keep_listed(&self.rungs[index].line.window);
    }

    /// The segment at `uri` as the rung that makes it lists it, and whether it is whole.
    fn newest_of(&self, uri: &Uri) -> Option<(Entry, bool)> {
        let windows = || self.rungs.iter().map(|rung| &rung.line.window);
        let is_it = |entry: &&Entry| entry.uri() == Some(uri);
        let whole = windows().find_map(|window| window.entries().rev().find(is_it)).map(|entry| (entry, true));
        let own = |window: &'_ Window| window.open().is_some_and(|open| !open.is_followed);
        let growing = || windows().filter(|window| own(window)).filter_map(Window::open).map(|open| &open.entry);
        whole.or_else(|| growing().find(is_it).map(|entry| (entry, false))).map(|(entry, is)| (entry.clone(), is))
    }

    /// The part that a playlist lists next: one of its own, or of the rung it is fed from.
    pub(super) fn hint(&self, line: &Line) -> Option<Uri> {
        if let Some(open) = line.window.open() {
            return open.entry.uri().map(|uri| uri.part(open.entry.parts().len()));
        }
        let rung = self.rungs.iter().find(|rung| rung.line.track == line.track);
        let source = match rung.filter(|rung| rung.supply == Supply::Followed) {
            Some(follower) => &self.feeder_of(follower)?.line,
            None => line,
        };
        match source.window.open() {
            Some(open) => open.entry.uri().map(|uri| uri.part(open.entry.parts().len())),
            None => Some(Uri::segment(&source.track, self.id(), source.window.next_msn()).part(0)),
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
        || candidate.all().any(|entry| entry.span.era == end.era && is_there(entry.span.start_us))
}

/// Lists those of `entries` that `window` lacks, and `open` after them.
fn splice(window: &mut Window, entries: Vec<Entry>, open: Option<Entry>) {
    for Entry { msn: _, span, program_date_time_ms, content } in entries {
        if content != Content::Gap && window.wants(span) {
            window.bridge(span, program_date_time_ms);
            window.append(span, program_date_time_ms, content);
        }
    }
    if let Some(entry) = open.filter(|entry| window.wants(entry.span)) {
        window.bridge(entry.span, entry.program_date_time_ms);
        window.grow(Open { entry: Entry { msn: window.next_msn(), ..entry }, is_followed: true });
    }
}
