//! Random broadcasts: whatever happens to the ladder, playlists stay true.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 4] = ["source", "720p", "480p", "240p"];

#[derive(Clone, Debug)]
enum Step {
    /// The rungs of this mask, in ladder order.
    Ladder(u8),
    /// All encoders of the ladder go on for a slot, except those of this mask, which fail.
    Slot {
        failing: u8,
    },
    Latency(u8),
    Reopen(usize),
    Lose(usize),
    Resume,
    Wait {
        seconds: i64,
        watched: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0u8..16).prop_map(Step::Ladder),
        12 => prop_oneof![3 => Just(0u8), 1 => 0u8..16].prop_map(|failing| Step::Slot { failing }),
        1 => (0u8..5).prop_map(Step::Latency),
        1 => (0usize..4).prop_map(Step::Reopen),
        1 => (0usize..4).prop_map(Step::Lose),
        1 => Just(Step::Resume),
        3 => (0i64..70, 0u8..16).prop_map(|(seconds, watched)| Step::Wait { seconds, watched }),
    ]
}

/// A broadcast with everything a viewer or a cache could remember of it.
struct World {
    presentation: Presentation,
    mask: u8,
    grid_ms: i64,
    time_ms: i64,
    now_ms: i64,
    /// Until when each rung has given segments.
    ends_ms: [i64; 4],
    next_id: u32,
    /// What each segment address meant when it was given.
    contents: BTreeMap<String, i64>,
    freed: BTreeSet<String>,
    /// For each playlist: what each number stood for.
    numbers: BTreeMap<String, BTreeMap<u64, String>>,
    target_s: BTreeMap<String, u64>,
    revision: u64,
}

impl World {
    fn new() -> Self {
        Self {
            presentation: presentation(1, &[]),
            mask: 0,
            grid_ms: 2000,
            time_ms: 0,
            now_ms: NOON_MS,
            ends_ms: [0; 4],
            next_id: 1,
            contents: BTreeMap::new(),
            freed: BTreeSet::new(),
            numbers: BTreeMap::new(),
            target_s: BTreeMap::new(),
            revision: 0,
        }
    }

    fn has(mask: u8, rung: usize) -> bool {
        mask & (1 << rung) != 0
    }

    fn rungs(mask: u8) -> impl Iterator<Item = usize> {
        (0..4).filter(move |rung| Self::has(mask, *rung))
    }

    fn open(&mut self, rung: usize) {
        start(&mut self.presentation, NAMES[rung], self.next_id, 240 * (4 - rung as u16));
        self.next_id += 1;
    }

    fn give(&mut self, rung: usize, from_ms: i64, to_ms: i64) {
        self.ends_ms[rung] = to_ms;
        if let Some(uri) = add(&mut self.presentation, NAMES[rung], from_ms, to_ms) {
            let before = self.contents.insert(uri.as_str().to_owned(), from_ms);
            assert_eq!(before, None, "{uri} was given twice");
        }
    }

    fn slot(&mut self, failing: u8) {
        let end_ms = self.time_ms + self.grid_ms;
        for rung in Self::rungs(self.mask & !failing) {
            // The first rung passes through a publisher with a keyframe every 8.33 s.
            match rung {
                0 => {
                    while (self.ends_ms[0] / 8333 + 1) * 8333 <= end_ms {
                        let from_ms = self.ends_ms[0] / 8333 * 8333;
                        self.give(0, from_ms, from_ms + 8333);
                    }
                }
                _ => self.give(rung, self.time_ms, end_ms),
            }
        }
        self.time_ms = end_ms;
        self.now_ms += self.grid_ms;
    }

    fn perform(&mut self, step: &Step) {
        match *step {
            Step::Ladder(mask) => {
                let ladder: Vec<_> = Self::rungs(mask).map(|rung| (NAMES[rung], 1 << (20 - rung))).collect();
                declare(&mut self.presentation, &ladder);
                for rung in Self::rungs(mask & !self.mask) {
                    self.open(rung);
                    self.ends_ms[rung] = self.time_ms;
                }
                self.mask = mask;
            }
            Step::Slot { failing } => self.slot(failing),
            Step::Latency(level) => {
                let level = LatencyLevel::new(level);
                self.grid_ms = i64::from(level.grid_ms());
                self.time_ms = (self.time_ms / self.grid_ms + 1) * self.grid_ms;
                self.presentation.set_latency(level);
            }
            Step::Reopen(rung) if Self::has(self.mask, rung) => self.open(rung),
            Step::Reopen(_) => (),
            Step::Lose(rung) => self.presentation.lose(NAMES[rung]),
            Step::Resume => self.presentation.resume(self.now_ms - self.time_ms),
            Step::Wait { seconds, watched } => {
                self.now_ms += seconds * 1000;
                for rung in Self::rungs(watched) {
                    self.presentation.media_playlist(&video(NAMES[rung]), self.now_ms);
                }
                for uri in self.presentation.expired(self.now_ms) {
                    assert!(self.freed.insert(uri.as_str().to_owned()), "{uri} was freed twice");
                }
            }
        }
    }

    fn check(&mut self) {
        let names: BTreeSet<String> = self.presentation.rungs.iter().map(|rung| rung.name.clone()).collect();
        self.numbers.retain(|name, _| names.contains(name));
        self.target_s.retain(|name, _| names.contains(name));
        for index in 0..self.presentation.rungs.len() {
            self.check_playlist(index);
        }
        let variants = self.presentation.variants();
        if let Some(text) = self.presentation.multivariant().filter(|_| !variants.is_empty()) {
            let playlist = m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap();
            let listed: Vec<_> = playlist.variants.iter().map(|variant| variant.uri.clone()).collect();
            let expected: Vec<_> =
                variants.iter().map(|variant| format!("video/{}/stream.m3u8", variant.name)).collect();
            assert_eq!(listed, expected);
            assert!(playlist.variants.iter().all(|variant| variant.bandwidth >= variant.average_bandwidth.unwrap()));
            assert!(variants.iter().all(|variant| names.contains(&variant.name)));
        }
        assert!(self.presentation.ladder_revision() >= self.revision);
        self.revision = self.presentation.ladder_revision();
    }

    fn check_playlist(&mut self, index: usize) {
        let rung = &self.presentation.rungs[index];
        if rung.line.window.is_empty() {
            return;
        }
        let name = rung.name.clone();
        let held: BTreeSet<&str> = self.presentation.held().map(Uri::as_str).collect();
        let playlist = parsed(&rung.line.window.render());
        let target_s = self.target_s.insert(name.clone(), playlist.target_duration).unwrap_or(0);
        assert!(playlist.target_duration >= target_s, "{name}: target duration shrank");
        let total: f32 = playlist.segments.iter().map(|segment| segment.duration).sum();
        let longest = playlist.target_duration as f32 + 0.5;
        assert!(
            total < f32::max(32.0, playlist.target_duration as f32 * 4.0) + longest + 0.1,
            "{name}: {total} s listed"
        );
        let numbers = self.numbers.entry(name.clone()).or_default();
        let mut map = None;
        for (msn, segment) in (playlist.media_sequence..).zip(&playlist.segments) {
            assert!(segment.duration.round() as u64 <= playlist.target_duration, "{name}: EXTINF above target");
            let before = numbers.entry(msn).or_insert_with(|| segment.uri.clone());
            assert_eq!(before, &segment.uri, "{name}: number {msn} changed its meaning");
            map = segment.map.as_ref().map(|map| map.uri.clone()).or(map);
            if segment.uri.starts_with("gap-") {
                continue;
            }
            for uri in [&segment.uri, map.as_ref().unwrap()] {
                let path = uri
                    .strip_prefix("../")
                    .map_or_else(|| format!("video/{name}/{uri}"), |rest| format!("video/{rest}"));
                assert!(!self.freed.contains(&path), "{name} lists {path}, which was freed");
                assert!(held.contains(path.as_str()), "{name} lists {path}, which nobody holds");
            }
        }
        // Nothing is left out between two reloads, so a number once used is followed by the next.
        let (first, last) = (playlist.media_sequence, playlist.media_sequence + playlist.segments.len() as u64);
        assert!(numbers.keys().next_back().is_some_and(|newest| newest + 1 == last), "{name}: numbers ran back");
        assert!(first <= last);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn playlists_stay_true_whatever_happens_to_the_ladder(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        world.perform(&Step::Ladder(0b0111));
        for step in &steps {
            world.perform(step);
            world.check();
        }
    }
}
