//! What a broadcast shows: playlists and bytes to players, the view to pages, facts to `status`.

use nixcast_core::control::{BroadcastFacts, BroadcastState, Condition, Encode, Reconnecting, Rung};
use nixcast_core::hls::{InitFacts, Part, SegmentFacts, Track};
use nixcast_core::ids::EncoderId;
use nixcast_core::lifecycle::{self, Standing};
use nixcast_core::media::VideoConfig;
use nixcast_core::supervision::Degraded;

use super::{Awaiting, Expectation, Show};
use crate::broadcast::sound;
use crate::broadcast::track::{self, RungTrack};
use crate::broadcast::{ChannelFacts, Stage};
use crate::counts;
use crate::packager::{self, Segment};
use crate::web::view::{BroadcastView, VariantView};

impl Show {
    /// Shows the presentation the ladder as it is on air: rungs that are to go stay until their last segment.
    pub(super) fn present_ladder(&self, stage: &Stage) {
        let has_rungs = self.picture != Expectation::GivenUp;
        let mut rungs: Vec<&Rung> = self.rungs.values().filter(|_| has_rungs).collect();
        rungs.sort_by_key(|rung| (rung.position, &rung.name));
        let mut ladder: Vec<(String, u64)> =
            rungs.iter().map(|rung| (rung.name.clone(), declared_bandwidth(rung))).collect();
        for name in self.tracks.keys().filter(|name| !self.rungs.contains_key(*name)) {
            ladder.push((name.clone(), 0));
        }
        stage.with(|presentation| presentation.set_ladder(&ladder));
        self.present_view(stage);
    }

    pub(super) fn publish(&mut self, made: Vec<(String, Vec<track::Made>)>, stage: &Stage) {
        let mut is_new_segment = false;
        for (rung, made) in made {
            for made in made {
                match made {
                    track::Made::Init { id, config, data } => {
                        self.gauge.shows(&rung, &config);
                        self.publish_init(&rung, id, &config, data, stage);
                    }
                    track::Made::Longest(longest_us) => {
                        stage.with(|presentation| presentation.expect(&Track::Video(rung.clone()), longest_us));
                    }
                    track::Made::Segment(segment) => {
                        let is_whole = segment.is_whole;
                        publish_segment(&Track::Video(rung.clone()), segment, stage);
                        if is_whole {
                            self.pending.retain(|_, awaiting| *awaiting != Awaiting::NextSegment);
                            is_new_segment = true;
                        }
                    }
                }
            }
            if let Some(feed) = self.tracks.get(&rung).and_then(RungTrack::feed) {
                self.pending.retain(|_, awaiting| *awaiting != Awaiting::Feed(feed));
            }
        }
        if is_new_segment {
            self.note_segment(stage);
        }
    }

    fn publish_init(&self, rung: &str, id: EncoderId, config: &VideoConfig, data: bytes::Bytes, stage: &Stage) {
        let order = self.orders.encoders.iter().find(|order| order.id == id);
        let frame_rate = match (self.frame_rate, order.and_then(|order| order.framerate)) {
            (Some(source), Some(most)) => Some(source.min(f64::from(most))),
            (source, _) => source,
        };
        let facts = InitFacts { codecs: config.codec_string(), width: config.width, height: config.height, frame_rate };
        if let Some(uri) = stage.with(|presentation| presentation.add_init(&Track::Video(rung.to_owned()), id, facts)) {
            stage.store.put(&uri, data);
        }
        tracing::info!(session = %self.publisher.session, rung, width = config.width, height = config.height, "rung on air");
    }

    pub(super) fn publish_sound(&mut self, made: Vec<sound::Made>, stage: &Stage) {
        let mut is_new_segment = false;
        for made in made {
            match made {
                sound::Made::Init { id, config, data } => {
                    let facts = InitFacts { codecs: config.codec_string(), width: 0, height: 0, frame_rate: None };
                    if let Some(uri) = stage.with(|presentation| presentation.add_init(&Track::Audio, id, facts)) {
                        stage.store.put(&uri, data);
                    }
                }
                sound::Made::Segment(segment) => {
                    is_new_segment |= segment.is_whole;
                    publish_segment(&Track::Audio, segment, stage);
                }
            }
        }
        if is_new_segment {
            self.note_segment(stage);
        }
    }

    /// Tells open pages when the broadcast became playable or its variants changed.
    pub(super) fn present_view(&self, stage: &Stage) {
        let Some(Some(view)) = stage.with(|presentation| {
            presentation.is_playable().then(|| BroadcastView {
                id: self.id.clone(),
                started_at: self.started_at_ms / 1000,
                reconnecting: self.reconnecting(),
                playlist: "/hls/stream.m3u8".to_owned(),
                ladder_revision: presentation.ladder_revision(),
                variants: presentation
                    .variants()
                    .into_iter()
                    .map(|variant| VariantView { name: variant.name, width: variant.width, height: variant.height })
                    .collect(),
            })
        }) else {
            return;
        };
        stage.view.send_if_modified(|shown| {
            let is_news = shown.as_ref() != Some(&view);
            *shown = Some(view);
            is_news
        });
    }

    fn reconnecting(&self) -> Option<Reconnecting> {
        match self.standing {
            Standing::Starting | Standing::Live => None,
            Standing::Reconnecting(lifecycle::Reconnecting { since_ms, until_ms }) => {
                let until = until_ms.map(|until_ms| until_ms.div_euclid(1000));
                Some(Reconnecting { since: since_ms.div_euclid(1000), until })
            }
        }
    }

    pub(in crate::broadcast) fn facts(&self, stage: &Stage) -> ChannelFacts {
        let variants = stage
            .with(|presentation| presentation.variants().into_iter().map(|v| v.name).collect())
            .unwrap_or_default();
        let (width, height) = self.source.as_ref().map_or((0, 0), |source| (source.config.width, source.config.height));
        let told = self.gauge.told.clone();
        ChannelFacts {
            broadcast: Some(BroadcastFacts {
                channel: self.admitted().channel.to_string(),
                state: match self.standing {
                    Standing::Starting => BroadcastState::Starting,
                    Standing::Live => BroadcastState::Live,
                    Standing::Reconnecting(_) => BroadcastState::Reconnecting,
                },
                reconnecting: self.reconnecting(),
                stream_key: self.admitted().key_name.clone(),
                session: self.publisher.session.0,
                started_at: self.started_at_ms / 1000,
                width,
                height,
                variants,
                worker_pid: self.worker.as_ref().map(|worker| worker.pid),
                dropped_units: self.dropped_units(),
                source: told.source,
                rungs: told.rungs,
                worker: told.worker,
                queues: told.queues,
                health: told.health,
            }),
            pending: self.pending.keys().cloned().collect(),
            conditions: self.conditions(),
        }
    }

    fn conditions(&self) -> Vec<Condition> {
        let mut conditions: Vec<Condition> = self
            .failures
            .values()
            .map(|(rung, message)| Condition {
                kind: "RungFailed".to_owned(),
                message: format!("rung {rung} cannot be encoded: {message}"),
            })
            .collect();
        conditions.extend(self.supervision.degraded().map(|Degraded { rung, how, lasts }| Condition {
            kind: "RungDegraded".to_owned(),
            message: format!(
                "rung {rung} is left out because the transcoder worker died with it ({how}); it is tried again after \
                 {} minutes, in the next broadcast, and when its settings change",
                lasts.as_secs() / 60
            ),
        }));
        if self.supervision.quick_deaths() > 1 {
            conditions.push(Condition { kind: "WorkerUnstable".to_owned(), message: self.instability() });
        }
        if !self.unconfined.is_empty() {
            let missing = self.unconfined.join("; ");
            conditions.push(Condition {
                kind: "WorkerSandboxWeak".to_owned(),
                message: format!("the transcoder worker is not fully locked in: {missing}"),
            });
        }
        conditions.extend(self.load_conditions());
        conditions.extend(self.health_conditions());
        conditions.extend(self.hardware_condition());
        conditions
    }

    fn instability(&self) -> String {
        let deaths = self.supervision.quick_deaths();
        let sought: Vec<&str> = self.supervision.sought().collect();
        let consequence = if self.supervision.has_nothing_to_lose() {
            "; no rung passes the publisher's picture through, so it is started again and again".to_owned()
        } else if sought.is_empty() {
            String::new()
        } else {
            format!("; to find out which rung it dies with, these are left out for now: {}", sought.join(", "))
        };
        format!("the transcoder worker ended {deaths} times soon after its start{consequence}")
    }
}

fn publish_segment(track: &Track, segment: Segment, stage: &Stage) {
    let Segment { parts, start_us, duration_us, is_independent, is_whole, first_pts: _, samples: _ } = segment;
    let bytes: usize = parts.iter().map(|part| part.data.len()).sum();
    let listed = |part: &packager::Part| Part { duration_us: part.duration_us, is_independent: part.is_independent };
    let facts = SegmentFacts {
        start_us,
        duration_us,
        bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
        is_independent,
        parts: parts.iter().map(listed).collect(),
        is_whole,
    };
    // The bytes must be there before a playlist names them: both happen under the presentation's lock.
    stage.with(|presentation| {
        if let Some(uri) = presentation.add_segment(track, facts) {
            let pieces = parts.into_iter().map(|part| part.data).collect();
            let new_parts = stage.store.put_segment(&uri, pieces, is_whole);
            counts::PARTS.add(u64::try_from(new_parts).unwrap_or(u64::MAX));
            counts::SEGMENTS.add(is_whole.into());
        }
    });
}

/// Bits per second a rung's pictures are declared to need; 0 for a pass-through rung, which is measured.
fn declared_bandwidth(rung: &Rung) -> u64 {
    match rung.encode {
        Encode::Passthrough => 0,
        Encode::Transcode { video_bitrate_kbps, .. } => u64::from(video_bitrate_kbps) * 1000,
    }
}
