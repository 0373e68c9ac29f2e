//! What encoding a rung takes, and what it took.

use std::cmp::Ordering;
use std::time::Duration;

use nixcast_schema::Preset;

use crate::control::{Encode, Rung};

/// Frames a second assumed of a publisher that states none.
const ASSUMED_RATE: f64 = 30.0;

/// A rung that is to be encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct RungWork {
    pub name: String,
    /// Pixels a second.
    pub size: f64,
    pub kbps: u32,
    /// Relative to a pixel with the preset `veryfast`.
    pub work: f64,
}

impl RungWork {
    /// What `rung` takes of a source of `width` and `height`; none for a pass-through rung.
    #[must_use]
    pub fn of(rung: &Rung, (width, height): (u16, u16), source_rate: Option<f64>) -> Option<Self> {
        let Encode::Transcode { width: to_width, height: to_height, framerate, video_bitrate_kbps, preset } =
            &rung.encode
        else {
            return None;
        };
        let source = (f64::from(width.max(2)), f64::from(height.max(2)));
        let pixels = match (to_width.map(f64::from), to_height.map(f64::from)) {
            (Some(width), Some(height)) => width * height,
            (Some(width), None) => width.min(source.0).powi(2) * source.1 / source.0,
            (None, Some(height)) => height.min(source.1).powi(2) * source.0 / source.1,
            (None, None) => source.0 * source.1,
        };
        let rate = source_rate.unwrap_or(ASSUMED_RATE);
        let size = pixels * framerate.map_or(rate, |most| rate.min(f64::from(most)));
        Some(Self { name: rung.name.clone(), size, kbps: *video_bitrate_kbps, work: size * cost(*preset) })
    }

    /// Which rung is the higher one: more pixels a second, then more bits, then the name, so that there is always one.
    pub(super) fn cmp_size(&self, other: &Self) -> Ordering {
        self.size.total_cmp(&other.size).then(self.kbps.cmp(&other.kbps)).then(self.name.cmp(&other.name))
    }
}

/// CPU time of a preset relative to `veryfast`: the first three measured with noisy 1080p, the others estimated. Only
/// proportions between rungs depend on them.
const fn cost(preset: Preset) -> f64 {
    match preset {
        Preset::Ultrafast => 0.4,
        Preset::Superfast => 0.65,
        Preset::Veryfast => 1.0,
        Preset::Faster => 1.4,
        Preset::Fast => 1.8,
        Preset::Medium => 2.2,
        Preset::Slow => 3.5,
    }
}

/// About a second of encoding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    pub interval: Duration,
    /// Most that a picture was late against the clock.
    pub late: Duration,
    /// CPU time of the worker; zero: not known.
    pub cpu: Duration,
    /// Units that could not be handed to the worker at all.
    pub dropped: u64,
    pub rungs: Vec<RungLoad>,
}

/// One rung's part of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RungLoad {
    pub name: String,
    pub encoded: u32,
    /// Pictures lost because the rung was too slow.
    pub skipped: u32,
    /// Time spent scaling and encoding.
    pub busy: Duration,
}

impl Load {
    pub(super) fn rung(&self, name: &str) -> Option<&RungLoad> {
        self.rungs.iter().find(|rung| rung.name == name)
    }

    pub(super) fn lost(&self) -> u64 {
        self.dropped + self.rungs.iter().map(|rung| u64::from(rung.skipped)).sum::<u64>()
    }
}

/// Seconds of video that a rung could encode in a second; none when nothing of it is known.
///
/// A rung that lost pictures goes on at the next grid point and does nothing until then, so the share of pictures that
/// it managed is held against the share of the time that it took for them.
pub(super) fn speed<'a>(loads: impl Iterator<Item = &'a Load>, name: &str, covered: Duration) -> Option<f64> {
    let (mut encoded, mut wanted, mut busy) = (0.0, 0.0, 0.0);
    for rung in loads.filter_map(|load| load.rung(name)) {
        encoded += f64::from(rung.encoded);
        wanted += f64::from(rung.encoded) + f64::from(rung.skipped);
        busy += rung.busy.as_secs_f64();
    }
    let share = (busy / covered.as_secs_f64()).min(1.0);
    (wanted > 0.0 && share > 0.0).then(|| encoded / wanted / share)
}
