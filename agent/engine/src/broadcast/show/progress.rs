//! How the encoding gets on, rung by rung, from the worker's newest report.

use std::time::{Duration, Instant};

use nixcast_core::facts::{WorkerFacts, rounded};
use nixcast_core::ladder::EncoderOrder;
use nixcast_media::protocol::EncoderProgress;

use super::Show;

/// A report older than this says nothing of now: the publisher is silent, or the worker is stuck.
const FRESH: Duration = Duration::from_secs(5);

/// The newest second or so of encoding.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EncodingFacts {
    pub(super) worker: WorkerFacts,
    /// In the order of the ladder.
    pub(super) rungs: Vec<RungFacts>,
}

/// One encoded rung.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RungFacts {
    pub(super) name: String,
    /// Share of the time spent scaling and encoding, 0 to 1; near 1 means that it cannot keep up.
    pub(super) busy: f64,
    /// What the encoder could do, in seconds of video for each second on the clock; none while nothing was encoded.
    /// With frame threads it is what the busy time shows, which is more than the machine could keep up in the long run.
    pub(super) speed: Option<f64>,
    /// Pictures waiting.
    pub(super) queued: u32,
}

impl Show {
    /// How the encoding gets on; none without a worker, or when it has said nothing lately.
    pub(super) fn encoding_facts(&self) -> Option<EncodingFacts> {
        let (at, progress) = self.progress.as_ref()?;
        let now = Instant::now();
        if self.worker.is_none() || now.duration_since(*at) > FRESH || progress.interval_ms == 0 {
            return None;
        }
        let interval = f64::from(progress.interval_ms);
        let rung = |order: &EncoderOrder| {
            let counted = progress.encoders.iter().find(|counted| counted.id == order.id.0)?;
            Some(rung_facts(&order.rung, *counted, interval))
        };
        Some(EncodingFacts {
            worker: WorkerFacts {
                speed: rounded(f64::from(progress.media_ms) / interval),
                late_ms: u64::from(progress.late_ms),
                cpu: rounded(f64::from(progress.cpu_ms) / interval),
                decoding: rounded((f64::from(progress.decode_ms) / interval).min(1.0)),
            },
            rungs: self.orders.encoders.iter().filter_map(rung).collect(),
        })
    }
}

fn rung_facts(name: &str, counted: EncoderProgress, interval_ms: f64) -> RungFacts {
    let EncoderProgress { id: _, encoded, skipped, busy_ms, queued } = counted;
    let wanted = f64::from(encoded) + f64::from(skipped);
    let busy = (f64::from(busy_ms) / interval_ms).min(1.0);
    let speed = (wanted > 0.0 && busy > 0.0).then(|| f64::from(encoded) / wanted / busy);
    RungFacts { name: name.to_owned(), busy, speed, queued }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_what_the_busy_time_would_have_sufficed_for() {
        let facts = |encoded, skipped, busy_ms| {
            rung_facts("hd", EncoderProgress { id: 1, encoded, skipped, busy_ms, queued: 0 }, 1000.0)
        };
        assert_eq!(facts(30, 0, 250).speed, Some(4.0), "a quarter of the time for all of it");
        assert_eq!(facts(24, 6, 1000).speed, Some(0.8), "four pictures of five in all of the time");
        assert_eq!(facts(15, 15, 500).speed, Some(1.0), "it skipped to the next grid point although it had time again");
        assert_eq!(facts(0, 0, 0).speed, None);
        assert_eq!(facts(u32::MAX, u32::MAX, 1000).speed, Some(0.5), "whatever a worker says");
    }
}
