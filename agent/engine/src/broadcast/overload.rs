//! What the judge of the load is told, and what it says to the operator.

use std::collections::BTreeMap;
use std::time::Duration;

use nixcast_core::control::{Condition, Encode, Rung};
use nixcast_core::ladder::{EncoderOrder, LatencyLevel};
use nixcast_core::overload::{Field, Load, RungLoad, RungWork, Verdict};
use nixcast_media::protocol::Progress;

/// The ladder as the machine feels it, for a source of this size and frame rate.
pub(super) fn field(
    rungs: &BTreeMap<String, Rung>,
    size: (u16, u16),
    frame_rate: Option<f64>,
    latency: LatencyLevel,
) -> Field {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    Field {
        rungs: rungs.values().filter_map(|rung| RungWork::of(rung, size, frame_rate)).collect(),
        has_passthrough: rungs.values().any(|rung| rung.encode == Encode::Passthrough),
        grid: Duration::from_millis(u64::from(latency.grid_ms())),
        cpus: f64::from(u32::try_from(cpus).unwrap_or(u32::MAX)),
    }
}

/// The worker's report by rung, with what could not be handed to it at all. Encoders that are on their way out are of
/// no interest.
pub(super) fn load(progress: &Progress, encoders: &[EncoderOrder], dropped: u64) -> Load {
    let milliseconds = |count: u32| Duration::from_millis(u64::from(count));
    let rung = |order: &EncoderOrder| {
        let counted = progress.encoders.iter().find(|counted| counted.id == order.id.0)?;
        Some(RungLoad {
            name: order.rung.clone(),
            encoded: counted.encoded,
            skipped: counted.skipped,
            busy: milliseconds(counted.busy_ms),
        })
    };
    Load {
        interval: milliseconds(progress.interval_ms),
        late: milliseconds(progress.late_ms),
        cpu: milliseconds(progress.cpu_ms),
        dropped,
        rungs: encoders.iter().filter_map(rung).collect(),
    }
}

pub(super) fn condition(verdict: &Verdict) -> Condition {
    let Verdict { speed, shed, is_losing } = verdict;
    let names = shed.join(", ");
    let message = match (shed.is_empty(), is_losing) {
        (true, _) => {
            format!("encoding runs at {speed:.2} of real time and no rung may be left out, so pictures are lost")
        }
        (false, true) => {
            format!("encoding runs at {speed:.2} of real time even without {names}, so pictures are lost")
        }
        (false, false) => {
            format!("encoding ran at {speed:.2} of real time; {names} left out until the machine has time for it")
        }
    };
    Condition { kind: "Overloaded".to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_told_the_speed_and_what_is_left_out() {
        let told = |shed: &[&str], is_losing| {
            let shed = shed.iter().map(|name| (*name).to_owned()).collect();
            condition(&Verdict { speed: 0.824, shed, is_losing }).message
        };
        assert_eq!(
            told(&["1080p", "720p"], false),
            "encoding ran at 0.82 of real time; 1080p, 720p left out until the machine has time for it"
        );
        assert!(told(&["1080p"], true).contains("even without 1080p"));
        assert!(told(&[], true).contains("pictures are lost"));
    }
}
