//! Which encoder serves which rung, and when a rung needs a new one.
//!
//! Turns the declared ladder into orders for the worker. An encoder keeps its id as long as the open encoder can
//! follow the change (its bitrate); anything else that shapes the picture takes a new id, and thereby a new encoder
//! at the next grid point.

use std::collections::BTreeMap;

use nixcast_schema::{Encoder, Preset};

use crate::control::{Encode, Rung};
use crate::ids::EncoderId;

/// How long segments and parts are and how the encoder is tuned, per latency level 0 to 4.
///
/// | level | segment | part | players stay behind |
/// |---|---|---|---|
/// | 0 | 1 s | 0.21 s | 0.65 s |
/// | 1 | 2 s | 0.35 s | 1.2 s |
/// | 2 | 3 s | 0.53 s | 2 s |
/// | 3 | 4 s | 1.03 s | 5 s |
/// | 4 | 5 s | 1.03 s | 10 s |
///
/// Segment durations are Owncast's (1 to 5 s), so that a level keeps its meaning for people who move over. Players that
/// read no parts stay three target durations behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyLevel(u8);

impl LatencyLevel {
    /// Levels beyond 4 mean 4.
    #[must_use]
    pub fn new(level: u8) -> Self {
        Self(level.min(4))
    }

    /// 0 to 4.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// Distance of two IDR pictures and duration of a segment, in milliseconds.
    #[must_use]
    pub fn grid_ms(self) -> u32 {
        (u32::from(self.0) + 1) * 1000
    }

    /// Longest a part may be, in milliseconds. A part holds whole pictures or sound frames and must fill at least 85 %
    /// of this (RFC 8216bis section 4.4.4.9): 0.21 and 0.35 s do with 23.976 to 60 pictures a second and with AAC at
    /// 44.1 and 48 kHz, which 0.2 s does not. From level 2 on it is 30 ms more than a whole part of a segment, so that
    /// times rounded to milliseconds leave no part of a single picture at the end: hls.js 1.7.4 asks for such a part
    /// again and again and stalls (seen with 1 s).
    #[must_use]
    pub fn part_ms(self) -> u32 {
        [210, 350, 530, 1030, 1030][usize::from(self.0)]
    }

    /// How far players that read parts should stay behind the newest one, in milliseconds: three parts at least, and
    /// more where a level promises smoothness.
    #[must_use]
    pub fn part_hold_back_ms(self) -> u32 {
        [650, 1200, 2000, 5000, 10_000][usize::from(self.0)]
    }

    /// Segments a playlist lists: Owncast's counts, at least 25 s of video.
    #[must_use]
    pub fn window_segments(self) -> usize {
        [25, 15, 10, 8, 5][usize::from(self.0)]
    }

    /// What the encoder may hold back for a better picture.
    ///
    /// Counted with x264 on two cores: none at level 0, 4 or 5 pictures at level 1 (0.17 s at 30 fps), and above that
    /// 10 with `superfast`, 17 with `veryfast` and 47 with `medium`.
    #[must_use]
    pub fn tuning(self) -> Tuning {
        match self.0 {
            0 => Tuning { look_ahead: Some(0), b_frames: Some(0), frame_threads: None },
            1 => Tuning { look_ahead: Some(2), b_frames: Some(0), frame_threads: Some(3) },
            _ => Tuning { look_ahead: None, b_frames: None, frame_threads: Some(8) },
        }
    }
}

/// How much delay an encoder may add for a better picture at the same bitrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Most pictures to look ahead at; none: as many as the preset does.
    pub look_ahead: Option<u8>,
    /// Most B-pictures in a row; none: as many as the preset does.
    pub b_frames: Option<u8>,
    /// Most pictures encoded at the same time, each beyond the first a picture of delay; none: threads share slices
    /// of one picture.
    pub frame_threads: Option<u8>,
}

/// On what terms a ladder is encoded.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    pub latency: LatencyLevel,
    /// What really encodes, declared or in its place.
    pub encoder: Encoder,
    /// Rungs that are left out for now, because the machine cannot encode them all.
    pub shed: &'a [String],
}

/// One encoder the worker should run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderOrder {
    pub id: EncoderId,
    pub rung: String,
    pub width: Option<u16>,
    pub height: Option<u16>,
    pub framerate: Option<u8>,
    pub video_bitrate_kbps: u32,
    pub encoder: Encoder,
    pub preset: Preset,
    pub tuning: Tuning,
}

impl EncoderOrder {
    /// Whether an open encoder working to `self` can be brought to `want` without being replaced.
    fn can_become(&self, want: &Self) -> bool {
        let Self { id: _, rung, width, height, framerate, video_bitrate_kbps, encoder, preset, tuning } = self;
        let is_bitrate_alike = takes_another_bitrate(*encoder) || *video_bitrate_kbps == want.video_bitrate_kbps;
        (rung, width, height, framerate, encoder, preset, tuning)
            == (&want.rung, &want.width, &want.height, &want.framerate, &want.encoder, &want.preset, &want.tuning)
            && is_bitrate_alike
    }
}

/// Whether FFmpeg changes the bitrate of an open encoder of this kind.
const fn takes_another_bitrate(encoder: Encoder) -> bool {
    matches!(encoder, Encoder::X264 | Encoder::Nvenc)
}

/// The sound all rungs share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioOrder {
    /// The publisher's own.
    Passthrough,
    Encode {
        id: EncoderId,
        bitrate_kbps: u32,
    },
}

/// What the worker and the packagers should do from the next grid point on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orders {
    pub latency: LatencyLevel,
    pub encoders: Vec<EncoderOrder>,
    pub passthrough: Vec<String>,
    pub audio: AudioOrder,
}

impl Orders {
    /// Whether anything must be encoded. A ladder of pass-through rungs needs no worker.
    #[must_use]
    pub fn need_worker(&self) -> bool {
        !self.encoders.is_empty()
    }
}

/// Remembers which encoder serves which rung during one broadcast.
#[derive(Debug)]
pub struct Ladder {
    next_id: u32,
    encoders: BTreeMap<String, EncoderOrder>,
    audio: Option<(EncoderId, u32)>,
}

impl Default for Ladder {
    fn default() -> Self {
        // 0 is never an encoder: pass-through tracks use ids of their own, taken from the same counter.
        Self { next_id: 1, encoders: BTreeMap::new(), audio: None }
    }
}

impl Ladder {
    /// For a broadcast that goes on: ids below `next_id` were given out already.
    #[must_use]
    pub fn going_on(next_id: u32) -> Self {
        Self { next_id: next_id.max(1), ..Self::default() }
    }

    /// The least id not given out yet.
    #[must_use]
    pub fn next_id(&self) -> u32 {
        self.next_id
    }

    /// An id nobody else has during this broadcast.
    pub fn fresh_id(&mut self) -> EncoderId {
        let id = EncoderId(self.next_id);
        self.next_id += 1;
        id
    }

    /// Forgets all running encoders, so that the next orders start every rung anew (the worker was lost).
    pub fn forget_encoders(&mut self) {
        self.encoders.clear();
        self.audio = None;
    }

    /// Orders for the declared `rungs` (any order; positions decide). A rung that is left out keeps its say in the sound,
    /// so that leaving it out does not interrupt that.
    pub fn orders(&mut self, rungs: &BTreeMap<String, Rung>, terms: Terms<'_>) -> Orders {
        let Terms { latency, encoder, shed } = terms;
        let mut ordered: Vec<&Rung> = rungs.values().collect();
        ordered.sort_by_key(|rung| (rung.position, &rung.name));
        let mut encoders = Vec::new();
        let mut passthrough = Vec::new();
        for rung in &ordered {
            match &rung.encode {
                Encode::Passthrough => passthrough.push(rung.name.clone()),
                Encode::Transcode { .. } if shed.contains(&rung.name) => {}
                Encode::Transcode { width, height, framerate, video_bitrate_kbps, preset } => {
                    let want = EncoderOrder {
                        id: EncoderId(0),
                        rung: rung.name.clone(),
                        width: *width,
                        height: *height,
                        framerate: *framerate,
                        video_bitrate_kbps: *video_bitrate_kbps,
                        encoder,
                        preset: *preset,
                        tuning: latency.tuning(),
                    };
                    encoders.push(self.assign(want));
                }
            }
        }
        self.encoders = encoders.iter().map(|order| (order.rung.clone(), order.clone())).collect();
        let audio = self.audio_order(&ordered, !passthrough.is_empty());
        Orders { latency, encoders, passthrough, audio }
    }

    fn assign(&mut self, mut want: EncoderOrder) -> EncoderOrder {
        want.id = match self.encoders.get(&want.rung) {
            Some(running) if running.can_become(&want) => running.id,
            _ => self.fresh_id(),
        };
        want
    }

    fn audio_order(&mut self, ordered: &[&Rung], has_passthrough: bool) -> AudioOrder {
        let bitrate_kbps = ordered.iter().map(|rung| rung.audio_bitrate_kbps).max().unwrap_or(0);
        if has_passthrough || ordered.is_empty() {
            self.audio = None;
            return AudioOrder::Passthrough;
        }
        let id = match self.audio {
            Some((id, running)) if running == bitrate_kbps => id,
            _ => self.fresh_id(),
        };
        self.audio = Some((id, bitrate_kbps));
        AudioOrder::Encode { id, bitrate_kbps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(name: &str, position: u16, kbps: u32) -> (String, Rung) {
        let encode = Encode::Transcode {
            width: None,
            height: Some(720),
            framerate: None,
            video_bitrate_kbps: kbps,
            preset: Preset::Veryfast,
        };
        (name.to_owned(), Rung { name: name.to_owned(), position, audio_bitrate_kbps: 128, encode })
    }

    fn level(level: u8) -> Terms<'static> {
        Terms { latency: LatencyLevel::new(level), encoder: Encoder::X264, shed: &[] }
    }

    fn source(position: u16) -> (String, Rung) {
        let rung = Rung { name: "source".to_owned(), position, audio_bitrate_kbps: 160, encode: Encode::Passthrough };
        (rung.name.clone(), rung)
    }

    #[test]
    fn a_bitrate_change_keeps_the_encoder_and_leaves_the_others_alone() {
        let mut ladder = Ladder::default();
        let level = level(2);
        let before = ladder.orders(&BTreeMap::from([rung("hd", 0, 2000), rung("sd", 1, 800)]), level);
        let after = ladder.orders(&BTreeMap::from([rung("hd", 0, 1500), rung("sd", 1, 800)]), level);
        assert_eq!(before.encoders[0].id, after.encoders[0].id);
        assert_eq!(after.encoders[0].video_bitrate_kbps, 1500);
        assert_eq!(before.encoders[1], after.encoders[1]);
        assert_eq!(before.audio, after.audio);
    }

    #[test]
    fn what_shapes_the_picture_takes_a_new_encoder() {
        let mut ladder = Ladder::default();
        let rungs = BTreeMap::from([rung("hd", 0, 2000)]);
        let before = ladder.orders(&rungs, level(2));
        let same_tuning = ladder.orders(&rungs, level(3));
        assert_eq!(before.encoders, same_tuning.encoders);
        let mut last = before.encoders[0].id;
        for number in [1, 0] {
            let other_tuning = ladder.orders(&rungs, level(number));
            assert_ne!(last, other_tuning.encoders[0].id);
            last = other_tuning.encoders[0].id;
        }
    }

    #[test]
    fn a_rung_that_is_left_out_keeps_its_sound_and_comes_back_with_a_new_encoder() {
        let mut ladder = Ladder::default();
        let mut rungs = BTreeMap::from([rung("hd", 0, 2000), rung("sd", 1, 800)]);
        if let Some(hd) = rungs.get_mut("hd") {
            hd.audio_bitrate_kbps = 192;
        }
        let before = ladder.orders(&rungs, level(2));
        let shed = ["hd".to_owned()];
        let without = ladder.orders(&rungs, Terms { shed: &shed, ..level(2) });
        assert_eq!(without.encoders, before.encoders[1..]);
        assert_eq!(without.audio, before.audio);
        let after = ladder.orders(&rungs, level(2));
        assert_eq!(after.encoders[1], before.encoders[1]);
        assert!(after.encoders[0].id != before.encoders[0].id && after.encoders[0].rung == "hd");
    }

    #[test]
    fn another_kind_of_encoder_is_a_new_one_and_most_hardware_needs_a_new_one_for_a_bitrate() {
        let mut ladder = Ladder::default();
        let rungs = |kbps| BTreeMap::from([rung("hd", 0, kbps)]);
        let mut last = ladder.orders(&rungs(2000), level(2)).encoders[0].id;
        for (encoder, is_kept) in [(Encoder::Vaapi, false), (Encoder::Nvenc, true), (Encoder::Qsv, false)] {
            let first = ladder.orders(&rungs(2000), Terms { encoder, ..level(2) }).encoders[0].id;
            assert_ne!(first, last, "{encoder:?}");
            last = ladder.orders(&rungs(1000), Terms { encoder, ..level(2) }).encoders[0].id;
            assert_eq!(first == last, is_kept, "{encoder:?}");
        }
    }

    #[test]
    fn a_lost_worker_starts_every_rung_anew() {
        let mut ladder = Ladder::default();
        let rungs = BTreeMap::from([rung("hd", 0, 2000), rung("sd", 1, 800)]);
        let before = ladder.orders(&rungs, level(2));
        ladder.forget_encoders();
        let after = ladder.orders(&rungs, level(2));
        assert!(after.encoders.iter().all(|order| before.encoders.iter().all(|old| old.id != order.id)));
    }

    #[test]
    fn whole_frames_fill_parts_and_players_stay_three_parts_behind() {
        // Duration of one frame in units of 1/90000 s or 1/44100 s, and those units.
        let pictures = [(3754, 90_000), (3750, 90_000), (3600, 90_000), (3003, 90_000), (3000, 90_000)];
        let faster = [(1800, 90_000), (1501, 90_000), (1500, 90_000), (1024, 44_100), (1024, 48_000)];
        for level in (0..5).map(LatencyLevel::new) {
            let part_ms = u64::from(level.part_ms());
            for (frame, rate) in pictures.into_iter().chain(faster) {
                let frames = part_ms * rate / 1000 / frame;
                assert!(frames * frame * 1000 * 100 >= part_ms * rate * 85, "{level:?}: {frame}/{rate}");
            }
            assert!(level.part_hold_back_ms() >= 3 * level.part_ms());
            assert!(level.part_ms() * 3 <= level.grid_ms());
        }
    }

    #[test]
    fn one_passthrough_rung_makes_the_sound_pass_through() {
        let mut ladder = Ladder::default();
        let level = level(2);
        let mixed = ladder.orders(&BTreeMap::from([source(0), rung("sd", 1, 800)]), level);
        assert_eq!(mixed.audio, AudioOrder::Passthrough);
        assert!(mixed.need_worker());
        let encoded = ladder.orders(&BTreeMap::from([rung("sd", 1, 800)]), level);
        assert!(matches!(encoded.audio, AudioOrder::Encode { bitrate_kbps: 128, .. }));
        let pure = ladder.orders(&BTreeMap::from([source(0)]), level);
        assert!(!pure.need_worker());
    }
}
