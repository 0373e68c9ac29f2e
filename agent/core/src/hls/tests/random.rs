//! Random broadcasts: whatever happens to the ladder, playlists stay true.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::listing::Listing;
use super::*;

const NAMES: [&str; 4] = ["source", "720p", "480p", "240p"];

#[derive(Clone, Debug)]
enum Step {
    /// The rungs of this mask, in ladder order.
    Ladder(u8),
    /// All encoders of the ladder go on for a quarter of a segment, except those of this mask, which stand still, and
    /// those of the other, which end.
    Tick {
        standing: u8,
        failing: u8,
    },
    Latency(u8),
    Reopen(usize),
    Lose {
        rung: usize,
        is_told_first: bool,
    },
    Resume,
    Wait {
        seconds: i64,
        watched: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0u8..16).prop_map(Step::Ladder),
        40 => (prop_oneof![6 => Just(0u8), 1 => 0u8..16], prop_oneof![9 => Just(0u8), 1 => 0u8..16])
            .prop_map(|(standing, failing)| Step::Tick { standing, failing }),
        1 => (0u8..5).prop_map(Step::Latency),
        1 => (0usize..4).prop_map(Step::Reopen),
        1 => (0usize..4, any::<bool>()).prop_map(|(rung, is_told_first)| Step::Lose { rung, is_told_first }),
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
    /// Start and parts of the segment each rung has open.
    open: [Option<(i64, Vec<Part>)>; 4],
    next_id: u32,
    /// What each segment address meant when it was given.
    contents: BTreeMap<String, i64>,
    freed: BTreeSet<String>,
    /// For each playlist: what each number stood for, and its parts.
    numbers: BTreeMap<String, BTreeMap<u64, String>>,
    parts: BTreeMap<String, BTreeMap<u64, Vec<(String, f64)>>>,
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
            open: [const { None }; 4],
            next_id: 1,
            contents: BTreeMap::new(),
            freed: BTreeSet::new(),
            numbers: BTreeMap::new(),
            parts: BTreeMap::new(),
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

    fn start(&mut self, rung: usize) {
        start(&mut self.presentation, NAMES[rung], self.next_id, 240 * (4 - rung as u16));
        self.next_id += 1;
    }

    /// One more part, up to `to_ms`.
    fn grow(&mut self, rung: usize, from_ms: i64, to_ms: i64, is_whole: bool) {
        let (start_ms, mut parts) = self.open[rung].take().unwrap_or((from_ms, Vec::new()));
        if to_ms > from_ms {
            parts.push(Part { duration_us: (to_ms - from_ms) * 1000, is_independent: parts.is_empty() });
        }
        let facts = SegmentFacts { parts: parts.clone(), is_whole, ..segment(start_ms, to_ms) };
        if let Some(uri) = self.presentation.add_segment(&video(NAMES[rung]), facts) {
            let before = self.contents.insert(uri.as_str().to_owned(), start_ms);
            assert!(before.is_none_or(|before| before == start_ms), "{uri} was given twice");
        }
        if !is_whole {
            self.open[rung] = Some((start_ms, parts));
        }
    }

    /// The encoder ends, and with it its open segment.
    fn flush(&mut self, rung: usize) {
        if let Some((start_ms, parts)) = &self.open[rung] {
            let end_ms = start_ms + parts.iter().map(|part| part.duration_us).sum::<i64>() / 1000;
            self.grow(rung, end_ms, end_ms, true);
        }
    }

    fn tick(&mut self, standing: u8, failing: u8) {
        let from_ms = self.time_ms;
        self.time_ms += self.grid_ms / 4;
        for rung in Self::rungs(failing) {
            self.flush(rung);
        }
        for rung in Self::rungs(self.mask & !standing & !failing) {
            let part_from_ms = self.open[rung].as_ref().map_or(from_ms, |(start_ms, parts)| {
                start_ms + parts.iter().map(|part| part.duration_us).sum::<i64>() / 1000
            });
            // The first rung passes through a publisher with a keyframe every 8.33 s.
            let grid_ms = if rung == 0 { 8333 } else { self.grid_ms };
            let border_ms = (part_from_ms / grid_ms + 1) * grid_ms;
            if self.time_ms >= border_ms {
                self.grow(rung, part_from_ms, border_ms, true);
                if self.time_ms > border_ms {
                    self.grow(rung, border_ms, self.time_ms, false);
                }
            } else {
                self.grow(rung, part_from_ms, self.time_ms, false);
            }
        }
        self.now_ms += self.grid_ms / 4;
    }

    fn perform(&mut self, step: &Step) {
        match *step {
            Step::Ladder(mask) => {
                let ladder: Vec<_> = Self::rungs(mask).map(|rung| (NAMES[rung], 1 << (20 - rung))).collect();
                for rung in Self::rungs(self.mask & !mask) {
                    self.flush(rung);
                }
                declare(&mut self.presentation, &ladder);
                for rung in Self::rungs(mask & !self.mask) {
                    self.start(rung);
                }
                self.mask = mask;
            }
            Step::Tick { standing, failing } => self.tick(standing, failing),
            Step::Latency(level) => {
                let level = LatencyLevel::new(level);
                (0..4).for_each(|rung| self.flush(rung));
                self.grid_ms = i64::from(level.grid_ms());
                self.time_ms = (self.time_ms / self.grid_ms + 1) * self.grid_ms;
                self.presentation.set_latency(level);
            }
            Step::Reopen(rung) if Self::has(self.mask, rung) => {
                self.flush(rung);
                self.start(rung);
            }
            Step::Reopen(_) => (),
            Step::Lose { rung, is_told_first } => {
                if is_told_first {
                    self.presentation.lose(NAMES[rung]);
                    self.flush(rung);
                } else {
                    self.flush(rung);
                    self.presentation.lose(NAMES[rung]);
                }
            }
            Step::Resume => {
                (0..4).for_each(|rung| self.flush(rung));
                self.presentation.resume(self.now_ms - self.time_ms);
            }
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
        self.parts.retain(|name, _| names.contains(name));
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
        let last_asked_ms = rung.last_asked_ms;
        let text = text(&mut self.presentation, &name);
        self.check_moments(&name);
        self.presentation.rungs[index].last_asked_ms = last_asked_ms;
        self.check_parts(&name, &text);
        let held: BTreeSet<&str> = self.presentation.held().map(Uri::as_str).collect();
        let playlist = parsed(&text);
        assert!(playlist.media_sequence >= 1, "{name} lists a segment 0, which hls.js cannot play in parts");
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
        let whole: Vec<_> = playlist.segments.iter().filter(|segment| !segment.uri.is_empty()).collect();
        for (msn, segment) in (playlist.media_sequence..).zip(&whole) {
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
        let open = u64::from(Listing::of(&text).blocks.last().unwrap().uri.is_none());
        let (first, last) = (playlist.media_sequence, playlist.media_sequence + whole.len() as u64 + open);
        assert!(numbers.keys().next_back().is_some_and(|newest| newest + 1 == last), "{name}: numbers ran back");
        assert!(first <= last);
    }
}

impl World {
    /// A part once listed keeps its address, and the finished segment consists of the parts that were listed.
    fn check_parts(&mut self, name: &str, text: &str) {
        let listing = Listing::of(text);
        let part_target = listing.number("#EXT-X-PART-INF", "PART-TARGET");
        assert!(listing.number("#EXT-X-SERVER-CONTROL", "PART-HOLD-BACK") >= part_target * 3.0 - 1e-9);
        let held: BTreeSet<&str> = self.presentation.held().map(Uri::as_str).collect();
        let seen = self.parts.entry(name.to_owned()).or_default();
        let numbers = self.numbers.entry(name.to_owned()).or_default();
        let hint = listing.attribute("#EXT-X-PRELOAD-HINT", "URI");
        for (msn, block) in listing.numbered() {
            let address = block.address().expect("an open segment has parts");
            let before = numbers.entry(msn).or_insert_with(|| address.clone());
            assert_eq!(*before, address, "{name}: number {msn} changed its meaning");
            for (part, (uri, duration)) in block.parts.iter().enumerate() {
                assert_eq!(super::super::parent_of(uri), Some((address.clone(), part)), "{name}: {uri}");
                assert!(*duration <= part_target + 1e-9, "{name}: {uri} is longer than {part_target}");
                assert_ne!(Some(uri), hint.as_ref(), "{name} hints at what is there");
                let path = address
                    .strip_prefix("../")
                    .map_or_else(|| format!("video/{name}/{address}"), |rest| format!("video/{rest}"));
                assert!(held.contains(path.as_str()), "{name} lists a part of {path}, which nobody holds");
            }
            if block.parts.is_empty() {
                continue;
            }
            let before = seen.insert(msn, block.parts.clone()).unwrap_or_default();
            assert!(block.parts.starts_with(&before), "{name}: {msn} had {before:?}, has {:?}", block.parts);
            if block.uri.is_some() {
                let sum: f64 = block.parts.iter().map(|(_, duration)| duration).sum();
                assert!((sum - block.duration).abs() < 0.001, "{name}: parts of {address} are {sum} s");
            }
        }
        let open: Vec<usize> = (0..).zip(&listing.blocks).filter(|(_, b)| b.uri.is_none()).map(|(at, _)| at).collect();
        assert!(open.is_empty() || open == [listing.blocks.len() - 1], "{name}: only the last is open");
    }

    /// What is listed need not be waited for; what comes next must be. A delta update says the same as the playlist.
    fn check_moments(&mut self, name: &str) {
        let (track, now_ms) = (video(name), self.now_ms);
        let full = Listing::of(&text(&mut self.presentation, name));
        let mut ask = |until, skips| self.presentation.reload(&track, Reload { until, skips }, now_ms);
        let Answer::Now(delta) = ask(None, true) else { panic!("{name} has a playlist") };
        full.check_delta(&Listing::of(std::str::from_utf8(&delta).unwrap()));
        let (last, block) = full.numbered().last().unwrap();
        let (newest, next) = match block.uri {
            Some(_) => (Moment { msn: last, part: None }, Moment { msn: last + 1, part: Some(0) }),
            None => {
                let count = block.parts.len() as u64;
                (Moment { msn: last, part: Some(count - 1) }, Moment { msn: last, part: Some(count) })
            }
        };
        assert!(matches!(ask(Some(newest), false), Answer::Now(_)), "{name}: {newest:?}");
        assert_eq!(ask(Some(next), false), Answer::Wait(next), "{name}");
        assert_eq!(ask(Some(Moment { msn: last + 3, part: None }), false), Answer::TooFar, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn playlists_stay_true_whatever_happens_to_the_ladder(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        world.perform(&Step::Ladder(0b0111));
        for step in &steps {
            world.perform(step);
            world.check();
        }
    }
}
