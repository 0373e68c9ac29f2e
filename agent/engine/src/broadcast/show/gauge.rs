//! The figures of a broadcast: measured as units pass by, put together a few times a second.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nixcast_core::control::{Condition, Encode, Rung};
use nixcast_core::facts::{Flow, Meter, QueueFacts, RungFacts, RungState, SourceFacts, WorkerFacts, rounded};
use nixcast_core::health::{self, Health, Level, Situation, Watch};
use nixcast_core::ids::EncoderId;
use nixcast_core::media::{VIDEO_TIMESCALE, VideoConfig};
use nixcast_media::protocol::{MediaUnit, Progress};

use super::Show;
use super::progress::EncodingFacts;
use crate::broadcast::{FromPublisher, Line, Stage};

/// What was measured, and what was last made of it.
#[derive(Debug)]
pub(super) struct Gauge {
    /// What moments are counted from.
    began: Instant,
    meter: Meter,
    /// When the publisher's connection came or went.
    turned_at: Instant,
    /// Of the encoders that are wanted, or were when facts were last put together.
    encoders: BTreeMap<EncoderId, Flow>,
    rungs: BTreeMap<String, Seen>,
    watch: Watch,
    pub(super) told: Told,
}

/// What is known of a rung, whichever encoder makes it.
#[derive(Clone, Debug, Default)]
struct Seen {
    codec: String,
    width: u16,
    height: u16,
    encoded: u64,
    skipped: u64,
}

/// What the operator is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) source: SourceFacts,
    pub(super) rungs: Vec<RungFacts>,
    pub(super) worker: Option<WorkerFacts>,
    pub(super) queues: QueueFacts,
    pub(super) health: Health,
}

impl Gauge {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            meter: Meter::default(),
            turned_at: now,
            encoders: BTreeMap::new(),
            rungs: BTreeMap::new(),
            watch: Watch::default(),
            told: Told::default(),
        }
    }

    /// Something of the publisher's.
    pub(super) fn take(&mut self, media: &FromPublisher) {
        let now = self.began.elapsed();
        match media {
            FromPublisher::Claims(claims) => self.meter.claim(claims.clone()),
            FromPublisher::Line(Line { network, timestamp_jumps, damaged_tags }) => {
                self.meter.connection(*network, *timestamp_jumps, *damaged_tags);
            }
            FromPublisher::VideoConfig(config) => self.meter.video_config(config.clone()),
            FromPublisher::AudioConfig(config) => self.meter.audio_config(config.clone()),
            FromPublisher::Video(unit) => self.meter.video(now, unit),
            FromPublisher::Audio(unit) => self.meter.audio(now, unit),
        }
    }

    /// A connection begins: what was measured of another one says nothing of it.
    pub(super) fn connected(&mut self) {
        self.meter = Meter::default();
        self.turned_at = Instant::now();
    }

    pub(super) fn disconnected(&mut self) {
        self.turned_at = Instant::now();
    }

    /// A picture of the worker's.
    pub(super) fn encoded(&mut self, unit: &MediaUnit) {
        let time_us = unit.dts.saturating_mul(1_000_000) / i64::from(VIDEO_TIMESCALE);
        let flow = self.encoders.entry(EncoderId(unit.track)).or_default();
        flow.push(self.began.elapsed(), time_us, unit.data.len());
    }

    /// What a rung shows from now on.
    pub(super) fn shows(&mut self, rung: &str, config: &VideoConfig) {
        let seen = self.rungs.entry(rung.to_owned()).or_default();
        (seen.codec, seen.width, seen.height) = (config.codec_string(), config.width, config.height);
    }

    /// How many pictures of a rung were encoded and lost since the last report.
    fn count(&mut self, rung: &str, encoded: u32, skipped: u32) {
        let seen = self.rungs.entry(rung.to_owned()).or_default();
        seen.encoded += u64::from(encoded);
        seen.skipped += u64::from(skipped);
    }
}

impl Show {
    /// Adds up what the worker reports.
    pub(super) fn count_progress(&mut self, progress: &Progress) {
        for order in &self.orders.encoders {
            if let Some(counted) = progress.encoders.iter().find(|counted| counted.id == order.id.0) {
                self.gauge.count(&order.rung, counted.encoded, counted.skipped);
            }
        }
    }

    /// Puts together what is known now. `inbox` is how many messages wait for the broadcast, and how many may.
    pub(in crate::broadcast) fn measure(&mut self, inbox: (usize, usize), stage: &Stage) {
        let encoders: Vec<EncoderId> = self.orders.encoders.iter().map(|order| order.id).collect();
        self.gauge.encoders.retain(|id, _| encoders.contains(id));
        let declared = &self.wishes.ladder;
        self.gauge.rungs.retain(|name, _| declared.contains_key(name));
        let now = self.gauge.began.elapsed();
        let source = self.gauge.meter.facts(now);
        let encoding = self.encoding_facts();
        let rungs = self.rung_facts(now, &source, encoding.as_ref(), stage);
        let whole = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let worker = self.worker.as_ref().map_or((0, 0), |worker| worker.queued());
        let queues = QueueFacts {
            inbox: whole(inbox.0),
            inbox_most: whole(inbox.1),
            worker: whole(worker.0),
            worker_most: whole(worker.1),
        };
        let overload = self.watch.guard.verdict();
        let findings = health::judge(&Situation {
            source: &source,
            is_connected: self.session().is_some(),
            since: self.gauge.turned_at.elapsed(),
            rungs: &rungs,
            queues,
            is_dropping: self.watch.is_dropping(),
            latency: self.wishes.latency,
            overload: overload.as_ref(),
        });
        let health = self.gauge.watch.observe(now, findings);
        let worker = encoding.map(|encoding| encoding.worker);
        self.gauge.told = Told { source, rungs, worker, queues, health };
    }

    fn rung_facts(
        &self,
        now: Duration,
        source: &SourceFacts,
        encoding: Option<&EncodingFacts>,
        stage: &Stage,
    ) -> Vec<RungFacts> {
        let variants = stage.with(|presentation| presentation.variants()).unwrap_or_default();
        let mut declared: Vec<&Rung> = self.wishes.ladder.values().collect();
        declared.sort_by_key(|rung| (rung.position, &rung.name));
        let state = |name: &String| {
            if self.watch.guard.shed().contains(name) {
                RungState::Shed
            } else if self.failures.values().any(|(rung, _)| rung == name)
                || self.supervision.left_out().any(|rung| rung == *name)
            {
                RungState::Failed
            } else if variants.iter().any(|variant| variant.name == *name) {
                RungState::Published
            } else {
                RungState::ComingUp
            }
        };
        declared.into_iter().map(|rung| self.one_rung(rung, state(&rung.name), now, source, encoding)).collect()
    }

    fn one_rung(
        &self,
        rung: &Rung,
        state: RungState,
        now: Duration,
        source: &SourceFacts,
        encoding: Option<&EncodingFacts>,
    ) -> RungFacts {
        let Seen { codec, width, height, encoded, skipped } =
            self.gauge.rungs.get(&rung.name).cloned().unwrap_or_default();
        let facts = RungFacts {
            name: rung.name.clone(),
            state,
            is_passthrough: rung.encode == Encode::Passthrough,
            codec,
            width,
            height,
            encoded,
            skipped,
            ..RungFacts::default()
        };
        if facts.is_passthrough {
            let video = source.video.as_ref();
            let (frame_rate, kbps) = video.map_or((None, 0), |video| (video.frame_rate, video.kbps));
            return RungFacts { frame_rate, kbps, ..facts };
        }
        let order = self.orders.encoders.iter().find(|order| order.rung == rung.name);
        let flow = order.and_then(|order| self.gauge.encoders.get(&order.id));
        let progress = encoding.and_then(|encoding| encoding.rungs.iter().find(|facts| facts.name == rung.name));
        RungFacts {
            frame_rate: flow.and_then(Flow::rate).map(|(rate, _)| rounded(rate)),
            kbps: flow.map_or(0, |flow| flow.kbps(now)),
            speed: progress.and_then(|progress| progress.speed).map(rounded),
            busy: progress.map(|progress| rounded(progress.busy)),
            queued: progress.map_or(0, |progress| progress.queued),
            ..facts
        }
    }

    /// What is bad, and the publisher's to mend; the rest has conditions of its own.
    pub(super) fn health_conditions(&self) -> impl Iterator<Item = Condition> {
        let findings = self.gauge.told.health.findings.iter();
        let bad = findings.filter(|found| found.level == Level::Bad && found.kind.is_of_publisher());
        bad.map(|found| Condition { kind: "StreamUnhealthy".to_owned(), message: found.sentence.clone() })
    }
}
