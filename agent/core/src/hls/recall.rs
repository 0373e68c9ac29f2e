//! What of a presentation outlives the engine, so that another one can go on with its playlists.
//!
//! Media bytes are gone with the engine that held them. What stays is what players must not see go back: the
//! broadcast's id, media sequence numbers, discontinuities, target durations. Until there is something new, every
//! playlist lists one gap: a playlist that is missing or empty makes players give up, one that has nothing to play
//! just now does not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::presentation::{InitFacts, Presentation, pace};
use super::rung::{Line, Rung, Supply};
use super::uri::{Track, Uri};
use super::window::{Content, Pace, Span, Window};
use crate::ids::EncoderId;
use crate::ladder::LatencyLevel;

/// Media sequence numbers passed over after a recall: segments that were listed after the last recollection had been
/// written. It is written every second, and a segment lasts a second or more.
const UNSEEN_SEGMENTS: u64 = 16;

/// What is remembered of a presentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recollection {
    id: String,
    era: u64,
    level: u8,
    revision: u64,
    /// In ladder order.
    rungs: Vec<RungRecollection>,
    audio: Option<LineRecollection>,
    /// Of rungs that are no longer in the ladder.
    used_msns: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RungRecollection {
    name: String,
    declared_bps: u64,
    line: LineRecollection,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineRecollection {
    next_msn: u64,
    target_s: u32,
    end_us: i64,
    init: InitFacts,
}

impl LineRecollection {
    fn of(line: &Line) -> Option<Self> {
        let target_s = u32::try_from(line.window.target_s()).ok()?;
        let (next_msn, end_us) = (line.window.unused_msn(), line.window.last()?.end_us());
        Some(Self { next_msn, target_s, end_us, init: line.playable()?.clone() })
    }

    /// A line with one gap, which ended at `gone_unix_ms`.
    fn recall(self, track: Track, broadcast: &str, era: u64, (level, gone_unix_ms): (LatencyLevel, i64)) -> Line {
        let first_msn = self.next_msn.saturating_add(UNSEEN_SEGMENTS);
        let duration_us = i64::from(self.target_s).saturating_mul(1_000_000).max(1_000_000);
        let mut window = Window::new(track.clone(), first_msn, Pace { segment_us: duration_us, ..pace(level) });
        let span = Span { start_us: self.end_us, duration_us, era };
        window.append(span, gone_unix_ms.saturating_sub(duration_us / 1000), Content::Gap);
        let init = Uri::init(&track, broadcast, EncoderId(0));
        Line { init: Some((init, self.init)), ..Line::new(track, window) }
    }
}

impl Presentation {
    /// What another engine has to know to go on; none while nothing can be played, or when it is over.
    #[must_use]
    pub fn remember(&self) -> Option<Recollection> {
        if !self.is_playable || self.is_ended {
            return None;
        }
        let in_ladder = |name: &String| self.rungs.iter().find(|rung| rung.name == *name);
        let rungs: Vec<_> = self.ladder.iter().filter_map(in_ladder).filter_map(remember_rung).collect();
        let mut used_msns = self.used_msns.clone();
        for rung in self.rungs.iter().filter(|rung| rungs.iter().all(|kept| kept.name != rung.name)) {
            let used = used_msns.entry(rung.name.clone()).or_default();
            *used = (*used).max(rung.line.window.unused_msn());
        }
        Some(Recollection {
            id: self.id.clone(),
            era: self.era,
            level: self.level.number(),
            revision: self.revision,
            rungs,
            audio: self.audio.as_ref().and_then(LineRecollection::of),
            used_msns,
        })
    }

    /// The presentation that was remembered, whose engine was gone at `gone_unix_ms`. Call [`Self::resume`] before
    /// anything is added to it.
    #[must_use]
    pub fn recall(recollection: Recollection, gone_unix_ms: i64) -> Self {
        let Recollection { id, era, level, revision, rungs, audio, used_msns } = recollection;
        let level = LatencyLevel::new(level);
        let when = (level, gone_unix_ms);
        let mut recalled = Self::new(id, gone_unix_ms, level);
        recalled.era = era;
        recalled.used_msns =
            used_msns.into_iter().map(|(name, msn)| (name, msn.saturating_add(UNSEEN_SEGMENTS))).collect();
        recalled.ladder = rungs.iter().map(|rung| rung.name.clone()).collect();
        for RungRecollection { name, declared_bps, line } in rungs {
            let line = line.recall(Track::Video(name.clone()), &recalled.id, era, when);
            recalled.rungs.push(Rung {
                name,
                line,
                supply: Supply::Own,
                declared_bps: Some(declared_bps),
                last_declared_bps: declared_bps,
                has_own: true,
                feeder: None,
                last_asked_ms: None,
            });
        }
        recalled.audio = audio.map(|line| line.recall(Track::Audio, &recalled.id, era, when));
        recalled.is_playable = true;
        recalled.is_paused = true;
        recalled.settle();
        recalled.revision = revision;
        recalled.is_recalled = true;
        recalled
    }

    /// The broadcast's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

fn remember_rung(rung: &Rung) -> Option<RungRecollection> {
    let line = LineRecollection::of(&rung.line).filter(|_| rung.has_own)?;
    Some(RungRecollection { name: rung.name.clone(), declared_bps: rung.declared_bps?, line })
}
