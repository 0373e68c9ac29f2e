//! From a publisher's 32-bit milliseconds to the broadcast's time line.
//!
//! RTMP time wraps after 49.7 days, jumps when an encoder's clock does, and is rounded to whole milliseconds. What
//! comes out starts at a given offset, never goes back, and keeps sound and picture together: video in 90 kHz ticks,
//! audio in samples of its own rate.

use crate::media::VIDEO_TIMESCALE;

/// A step further ahead than this is no pause of the publisher but another clock, milliseconds.
const JUMP_AHEAD_MS: i64 = 10_000;
/// A step further back than this is no disorder but another clock, milliseconds.
const JUMP_BACK_MS: i64 = 1_000;
/// Audio runs on sample by sample until the publisher's time is this far off, milliseconds. Millisecond rounding
/// makes 1, encoders that stamp in batches up to 43 (two frames).
const AUDIO_DRIFT_MS: i64 = 60;
/// How far sound may stay behind the picture before it counts as missing, milliseconds: more than encoders interleave.
const SILENT_AFTER_MS: i64 = 3_000;
/// Sound that comes this much too late for what was made up is not missing but slow, milliseconds.
const SLOW_MS: i64 = 1_000;
/// Samples in one AAC frame (ISO/IEC 14496-3, frameLengthFlag 0).
pub const SAMPLES_PER_FRAME: i64 = 1024;
/// Frame duration while only one picture has been seen, and the longest believed, milliseconds.
const FRAME_MS: i64 = 33;
const LONGEST_FRAME_MS: i64 = 1_000;
/// Longest delay from decoding to presentation believed, milliseconds: 16 reordered pictures at 2 per second.
const LONGEST_COMPOSITION_MS: i64 = 8_000;
const TICKS_PER_MS: i64 = VIDEO_TIMESCALE as i64 / 1000;
/// Assumed until [`Timeline::set_audio_rate`], hertz.
const DEFAULT_AUDIO_RATE: u32 = 48_000;

/// Places the units of one session on the time line of the broadcast it belongs to.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Where the session begins, 90 kHz.
    start: i64,
    clock: Clock,
    video: Track,
    audio: Track,
    frame_ms: i64,
    last_dts: Option<i64>,
    audio_rate: i64,
    /// Where the next audio frame goes if the publisher's time agrees, samples.
    next_sample: Option<i64>,
    is_catching_up: bool,
    filling: Filling,
}

/// Whether frames of silence stand in for sound that does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filling {
    Idle,
    Running,
    /// The publisher's sound comes, only later than its pictures: nothing is made up for any more.
    Never,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::new()
    }
}

impl Timeline {
    /// A time line whose first unit is at 0.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(0)
    }

    /// For a session that continues a broadcast: its first unit is at `offset_90k` (90 kHz, from 0), which lies behind
    /// the end of the session before.
    #[must_use]
    pub fn starting_at(offset_90k: i64) -> Self {
        Self {
            start: offset_90k.max(0),
            clock: Clock::default(),
            video: Track::default(),
            audio: Track::default(),
            frame_ms: FRAME_MS,
            last_dts: None,
            audio_rate: i64::from(DEFAULT_AUDIO_RATE),
            next_sample: None,
            is_catching_up: false,
            filling: Filling::Idle,
        }
    }

    /// States the rate that audio is counted in, hertz; 0 is ignored. To be told before the first frame and whenever
    /// the publisher's configuration changes.
    pub fn set_audio_rate(&mut self, hertz: u32) {
        let rate = i64::from(hertz);
        if rate > 0 && rate != self.audio_rate {
            self.next_sample = self.next_sample.map(|sample| rescale_up(sample, rate, self.audio_rate));
            self.audio_rate = rate;
        }
    }

    /// Decoding and presentation time of a picture, 90 kHz. Decoding time strictly increases; presentation is never
    /// before it.
    pub fn video(&mut self, timestamp_ms: u32, composition_ms: i32) -> (i64, i64) {
        let before = self.video.line;
        let line = self.video.place(&mut self.clock, timestamp_ms, self.frame_ms);
        if let Some(step) = before.map(|before| line - before).filter(|step| (1..=LONGEST_FRAME_MS).contains(step)) {
            self.frame_ms = step;
        }
        let wanted = self.start + line * TICKS_PER_MS;
        let earliest = self.last_dts.map_or(self.start, |last| last + 1);
        let dts = wanted.max(earliest);
        self.last_dts = Some(dts);
        let composition = i64::from(composition_ms).min(LONGEST_COMPOSITION_MS);
        (dts, (wanted + composition * TICKS_PER_MS).max(dts))
    }

    /// Decoding time of an audio frame of [`SAMPLES_PER_FRAME`] samples, in samples. Frames follow each other exactly;
    /// a gap is left where the publisher left one of more than 60 ms.
    ///
    /// None: the frame lies before what has been placed already (sound that began before the first picture, or more
    /// sound than time has passed), so it has to be dropped to stay together with the picture.
    pub fn audio(&mut self, timestamp_ms: u32) -> Option<i64> {
        let frame_ms = SAMPLES_PER_FRAME * 1000 / self.audio_rate;
        let line = self.audio.place(&mut self.clock, timestamp_ms, frame_ms);
        let earliest = rescale_up(self.start, self.audio_rate, i64::from(VIDEO_TIMESCALE));
        let wanted = earliest + line * self.audio_rate / 1000;
        let next = self.next_sample.unwrap_or(earliest);
        let tolerated = AUDIO_DRIFT_MS * self.audio_rate / 1000;
        if self.filling == Filling::Running {
            let is_slow = wanted < next - SLOW_MS * self.audio_rate / 1000;
            self.filling = if is_slow { Filling::Never } else { Filling::Idle };
        }
        let is_early = wanted < next - if self.is_catching_up { SAMPLES_PER_FRAME / 2 } else { tolerated };
        let is_before_start = self.next_sample.is_none() && wanted < earliest;
        if is_early || is_before_start {
            self.is_catching_up = true;
            return None;
        }
        let is_off = self.next_sample.is_none() || wanted > next + tolerated;
        self.is_catching_up = false;
        let dts = if is_off { wanted } else { next };
        self.next_sample = Some(dts + SAMPLES_PER_FRAME);
        Some(dts)
    }

    /// How often the publisher's clock has jumped.
    #[must_use]
    pub fn jumps(&self) -> u64 {
        self.clock.jumps
    }

    /// Decoding time of a frame of silence, in samples, where the sound has stayed three seconds behind the picture:
    /// players would wait for it, and the picture with them. To be asked after each picture until it gives none.
    pub fn missing_audio(&mut self) -> Option<i64> {
        let picture = rescale_up(self.last_dts?, self.audio_rate, i64::from(VIDEO_TIMESCALE));
        let start = rescale_up(self.start, self.audio_rate, i64::from(VIDEO_TIMESCALE));
        let next = self.next_sample.unwrap_or(start);
        let allowed_ms = match self.filling {
            Filling::Idle => SILENT_AFTER_MS,
            // Up to the picture: sound that comes back meets it there, and has lost what it is behind.
            Filling::Running => 0,
            Filling::Never => return None,
        };
        if picture - next < allowed_ms * self.audio_rate / 1000 {
            return None;
        }
        self.filling = Filling::Running;
        self.next_sample = Some(next + SAMPLES_PER_FRAME);
        Some(next)
    }
}

/// What both tracks measure from.
#[derive(Clone, Debug, Default)]
struct Clock {
    /// The last timestamp seen on either track, without wrapping; None before the first.
    latest: Option<i64>,
    /// Added to an unwrapped timestamp to get the line. A track that jumps leaves its new offset here, so that the
    /// other one, jumping after it, lands beside it.
    offset: i64,
    /// The furthest either track has come, milliseconds.
    line: i64,
    jumps: u64,
}

/// One track's place. All in milliseconds from the start of the session.
#[derive(Clone, Debug, Default)]
struct Track {
    /// As in [`Clock`], for this track alone.
    latest: Option<i64>,
    offset: i64,
    /// The furthest this track has come. Steps are held against it and not against the last unit, so that many small
    /// steps back are found out like a large one.
    line: Option<i64>,
}

impl Track {
    /// Where a unit goes; `frame_ms` is the step to take where the publisher's clock gives none.
    fn place(&mut self, clock: &mut Clock, timestamp_ms: u32, frame_ms: i64) -> i64 {
        let Some(known) = self.latest.or(clock.latest) else {
            let time = i64::from(timestamp_ms);
            *clock = Clock { latest: Some(time), offset: -time, line: 0, jumps: 0 };
            *self = Self { latest: Some(time), offset: -time, line: Some(0) };
            return 0;
        };
        let time = unwrap_near(timestamp_ms, known);
        if self.latest.is_none() {
            self.offset = clock.offset;
        }
        // A track's first unit is held against the other track, which it begins beside and not one frame after.
        let (last, step) = self.line.map_or((clock.line, 0), |line| (line, frame_ms));
        let is_near = |line: i64| (-JUMP_BACK_MS..=JUMP_AHEAD_MS).contains(&(line - last));
        if !is_near(time + self.offset) {
            if !is_near(time + clock.offset) {
                clock.offset = last + step - time;
                clock.jumps += 1;
            }
            self.offset = clock.offset;
        }
        let line = time + self.offset;
        *self = Self { latest: Some(time), offset: self.offset, line: self.line.max(Some(line)) };
        (clock.latest, clock.line) = (Some(time), clock.line.max(line));
        line
    }
}

/// The time that shows as `timestamp_ms` in 32 bits and is nearest to `known`.
fn unwrap_near(timestamp_ms: u32, known: i64) -> i64 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the lower 32 bits are what is on the wire"
    )]
    let shown = known as u32;
    known + i64::from(timestamp_ms.wrapping_sub(shown).cast_signed())
}

/// `value` in units of 1/`to` from units of 1/`from`, rounded up. Both are positive; the product of a century in
/// 90 kHz and a sample rate needs more than 64 bits.
fn rescale_up(value: i64, to: i64, from: i64) -> i64 {
    let (value, to, from) = (i128::from(value), i128::from(to), i128::from(from));
    i64::try_from((value * to + from - 1).div_euclid(from)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
