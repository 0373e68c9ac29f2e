//! Measures what one connection of a publisher sends.

use std::collections::VecDeque;
use std::time::Duration;

use super::flow::{Flow, is_usual};
use super::picture::{PictureFormat, profile_in_words};
use super::{AudioFacts, NetworkFacts, SourceFacts, VideoFacts, rounded};
use crate::media::{AccessUnit, AudioConfig, VIDEO_TIMESCALE, VideoConfig};
use crate::rtmp::Metadata;

/// How long keyframe intervals and gaps are remembered.
const MINUTE: Duration = Duration::from_secs(60);

/// How much of the past the best punctuality is taken from. A stream that stays this late is simply sent later.
const PUNCTUAL_SECONDS: usize = 30;

/// A gap longer than this is a pause of the publisher, and no pictures were left out in it.
const LONGEST_GAP_US: i64 = 10_000_000;

/// Measures one connection. A unit costs a few additions; [`Meter::facts`] does the arithmetic.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    claims: Metadata,
    video: Option<Video>,
    audio: Option<Audio>,
    punctuality: Punctuality,
    network: Option<NetworkFacts>,
    timestamp_jumps: u64,
    damaged_tags: u64,
}

#[derive(Clone, Debug)]
struct Video {
    config: VideoConfig,
    flow: Flow,
    keyframes: Keyframes,
    gaps: Gaps,
    latest_us: Option<i64>,
    latest_pts: Option<i64>,
    /// Decode time of the last picture that was shown before one sent earlier.
    reordered_us: Option<i64>,
}

#[derive(Clone, Debug)]
struct Audio {
    config: AudioConfig,
    flow: Flow,
    latest_us: Option<i64>,
}

impl Meter {
    /// What the publisher says of itself.
    pub fn claim(&mut self, claims: Metadata) {
        self.claims = claims;
    }

    /// What is known of the connection; counts are those since it began.
    pub fn connection(&mut self, network: Option<NetworkFacts>, timestamp_jumps: u64, damaged_tags: u64) {
        self.network = network.or(self.network);
        self.timestamp_jumps = timestamp_jumps;
        self.damaged_tags = damaged_tags;
    }

    /// New codec parameters; what was measured goes on.
    pub fn video_config(&mut self, config: VideoConfig) {
        match &mut self.video {
            Some(video) => video.config = config,
            None => self.video = Some(Video::new(config)),
        }
    }

    /// As [`Self::video_config`].
    pub fn audio_config(&mut self, config: AudioConfig) {
        match &mut self.audio {
            Some(audio) => audio.config = config,
            None => self.audio = Some(Audio { config, flow: Flow::default(), latest_us: None }),
        }
    }

    /// One picture; those before a configuration are none.
    pub fn video(&mut self, now: Duration, unit: &AccessUnit) {
        let Some(video) = &mut self.video else { return };
        let time_us = micros(unit.dts, VIDEO_TIMESCALE);
        self.punctuality.note(now, time_us);
        video.push(now, time_us, unit);
    }

    /// One frame of sound, as [`Self::video`].
    pub fn audio(&mut self, now: Duration, unit: &AccessUnit) {
        let Some(audio) = &mut self.audio else { return };
        let time_us = micros(unit.dts, audio.config.sample_rate);
        if self.video.is_none() {
            self.punctuality.note(now, time_us);
        }
        audio.latest_us = Some(time_us);
        audio.flow.push(now, time_us, unit.data.len());
    }

    /// Everything measured up to `now`.
    #[must_use]
    pub fn facts(&self, now: Duration) -> SourceFacts {
        let stated_kbps = self.claims.video_kbps;
        let video = self.video.as_ref().map(|video| VideoFacts { stated_kbps, ..video.facts(now) });
        let audio = self.audio.as_ref().map(|audio| audio.facts(now));
        let silent_ms = |silent: Option<u64>, other: Option<u64>| [silent, other].into_iter().flatten().min();
        let picture_us = self.video.as_ref().and_then(|video| video.latest_us);
        let sound_us = self.audio.as_ref().and_then(|audio| audio.latest_us);
        SourceFacts {
            encoder: self.claims.encoder.clone(),
            received_kbps: video.as_ref().map_or(0, |video| video.kbps) + audio.as_ref().map_or(0, |audio| audio.kbps),
            silent_ms: silent_ms(
                video.as_ref().and_then(|video| video.silent_ms),
                audio.as_ref().and_then(|audio| audio.silent_ms),
            ),
            video,
            audio,
            behind_ms: milliseconds(self.punctuality.behind()),
            jitter_ms: rounded(self.punctuality.jitter_us / 1000.0),
            sound_ahead_ms: sound_us.zip(picture_us).map(|(sound, picture)| (sound - picture) / 1000),
            timestamp_jumps: self.timestamp_jumps,
            damaged_tags: self.damaged_tags,
            network: self.network,
        }
    }
}

impl Video {
    fn new(config: VideoConfig) -> Self {
        Self {
            config,
            flow: Flow::default(),
            keyframes: Keyframes::default(),
            gaps: Gaps::default(),
            latest_us: None,
            latest_pts: None,
            reordered_us: None,
        }
    }

    fn push(&mut self, now: Duration, time_us: i64, unit: &AccessUnit) {
        if let Some(before) = self.latest_us {
            self.gaps.note(now, time_us - before);
        }
        if unit.is_sync {
            self.keyframes.note(now, time_us);
        }
        if self.latest_pts.is_some_and(|latest| unit.pts < latest) {
            self.reordered_us = Some(time_us);
        }
        self.latest_pts = self.latest_pts.max(Some(unit.pts));
        self.latest_us = Some(time_us);
        self.flow.push(now, time_us, unit.data.len());
    }

    fn facts(&self, now: Duration) -> VideoFacts {
        let rate = self.flow.rate();
        let age_us = |then: Option<i64>| Some(self.latest_us? - then?);
        let seconds = |us: i64| rounded(us as f64 / 1e6);
        VideoFacts {
            codec: self.config.codec_string(),
            profile: profile_in_words(&self.config),
            format: PictureFormat::of(&self.config),
            width: self.config.width,
            height: self.config.height,
            frame_rate: rate.map(|(rate, _)| rounded(rate)),
            has_variable_rate: rate.is_some_and(|(_, is_variable)| is_variable),
            has_b_frames: age_us(self.reordered_us).is_some_and(|age| age < 10_000_000),
            keyframe_seconds: self.keyframes.last_us.map(seconds),
            longest_keyframe_seconds: self.keyframes.longest(now).map(seconds),
            since_keyframe_seconds: age_us(self.keyframes.latest_us).map(seconds),
            kbps: self.flow.kbps(now),
            stated_kbps: None,
            kbps_range: self.flow.kbps_range(now),
            missing_lately: self.gaps.lately(now),
            missing: self.gaps.total,
            silent_ms: self.flow.silence(now).map(milliseconds),
        }
    }
}

impl Audio {
    fn facts(&self, now: Duration) -> AudioFacts {
        AudioFacts {
            codec: self.config.codec_string(),
            sample_rate: self.config.sample_rate,
            channels: self.config.channels,
            kbps: self.flow.kbps(now),
            silent_ms: self.flow.silence(now).map(milliseconds),
        }
    }
}

/// How far keyframes are apart.
#[derive(Clone, Debug, Default)]
struct Keyframes {
    latest_us: Option<i64>,
    last_us: Option<i64>,
    /// When each interval of the last minute ended, and its length. At most one for each picture of a minute.
    intervals: VecDeque<(Duration, i64)>,
}

impl Keyframes {
    fn note(&mut self, now: Duration, time_us: i64) {
        if let Some(before) = self.latest_us.replace(time_us) {
            self.last_us = Some(time_us - before);
            self.intervals.push_back((now, time_us - before));
        }
        while self.intervals.front().is_some_and(|(at, _)| now.saturating_sub(*at) > MINUTE) {
            self.intervals.pop_front();
        }
    }

    /// Of the last minute; the last one, if that is longer ago.
    fn longest(&self, now: Duration) -> Option<i64> {
        let recent = self.intervals.iter().filter(|(at, _)| now.saturating_sub(*at) <= MINUTE);
        recent.map(|(_, us)| *us).max().or(self.last_us)
    }
}

/// Pictures that were left out, counted from the gaps between the others. With a variable frame rate nobody can tell.
#[derive(Clone, Debug, Default)]
struct Gaps {
    /// A step that has been seen several times in a row, and how often.
    usual: i64,
    seen: u32,
    total: u64,
    recent: VecDeque<(Duration, u64)>,
}

impl Gaps {
    /// Steps alike before a longer one counts as a gap: a variable frame rate seldom gets so far.
    const LEAST_SEEN: u32 = 20;

    fn note(&mut self, now: Duration, step: i64) {
        while self.recent.front().is_some_and(|(at, _)| now.saturating_sub(*at) > MINUTE) {
            self.recent.pop_front();
        }
        if is_usual(step, self.usual) {
            self.seen = self.seen.saturating_add(1);
            return;
        }
        let left_out = if self.usual > 0 { (step + self.usual / 2) / self.usual - 1 } else { 0 };
        if self.seen >= Self::LEAST_SEEN && left_out > 0 && step <= LONGEST_GAP_US {
            let left_out = u64::try_from(left_out).unwrap_or(0);
            self.total += left_out;
            self.recent.push_back((now, left_out));
            return;
        }
        (self.usual, self.seen) = (step, 1);
    }

    fn lately(&self, now: Duration) -> u64 {
        let recent = self.recent.iter().filter(|(at, _)| now.saturating_sub(*at) <= MINUTE);
        recent.map(|(_, count)| count).sum()
    }
}

/// How late units come, against the best lately seen.
#[derive(Clone, Debug, Default)]
struct Punctuality {
    /// The least lateness of each second of arrival, microseconds, newest last.
    best: VecDeque<(u64, i64)>,
    latest: Option<i64>,
    jitter_us: f64,
}

impl Punctuality {
    fn note(&mut self, now: Duration, time_us: i64) {
        let late = i64::try_from(now.as_micros()).unwrap_or(i64::MAX).saturating_sub(time_us);
        if let Some(before) = self.latest.replace(late) {
            // RFC 3550, section 6.4.1: a sixteenth of each deviation.
            self.jitter_us += ((late - before).abs() as f64 - self.jitter_us) / 16.0;
        }
        match self.best.back_mut() {
            Some((second, best)) if *second == now.as_secs() => *best = late.min(*best),
            _ => self.best.push_back((now.as_secs(), late)),
        }
        if self.best.len() > PUNCTUAL_SECONDS {
            self.best.pop_front();
        }
    }

    fn behind(&self) -> Duration {
        let best = self.best.iter().map(|(_, best)| *best).min();
        let behind = self.latest.zip(best).map_or(0, |(latest, best)| latest - best);
        Duration::from_micros(u64::try_from(behind).unwrap_or(0))
    }
}

fn micros(ticks: i64, timescale: u32) -> i64 {
    let micros = i128::from(ticks) * 1_000_000 / i128::from(timescale.max(1));
    i64::try_from(micros).unwrap_or(i64::MAX)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
