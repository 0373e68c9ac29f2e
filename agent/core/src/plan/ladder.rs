//! Latency and rungs: a new rung is built beside the others, a changed one is flipped, a removed one goes last.

use serde_json::{Value, json};

use super::change::{Change, Fields};
use super::{Desired, Plan};
use crate::control::{Action, Encode, ObjectId, Observed, Phase, Rung};

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let latency = |level: u8| vec![(ObjectId::Latency.to_string(), json!(level))];
    let level = desired.latency_level;
    if let Some(change) = Change::between(ObjectId::Latency, observed.latency_level.map(latency), Some(latency(level)))
    {
        plan.push(Phase::Switch, Action::SetLatency { level }, change);
    }
    for (name, want) in &desired.ladder {
        let have = observed.ladder.get(name);
        let phase = if have.is_none() { Phase::Prepare } else { Phase::Switch };
        if let Some(change) = Change::between(ObjectId::Rung(name.clone()), have.map(fields), Some(fields(want))) {
            plan.push(phase, Action::PutRung { rung: want.clone() }, change);
        }
    }
    for (name, have) in observed.ladder.iter().filter(|(name, _)| !desired.ladder.contains_key(*name)) {
        if let Some(change) = Change::between(ObjectId::Rung(name.clone()), Some(fields(have)), None) {
            plan.push(Phase::Retire, Action::RemoveRung { name: name.clone() }, change);
        }
    }
}

fn fields(rung: &Rung) -> Fields {
    let Rung { name, position, audio_bitrate_kbps, encode } = rung;
    let option = ObjectId::Rung(name.clone());
    let shape: [Value; 6] = match encode {
        Encode::Passthrough => [json!(true), Value::Null, Value::Null, Value::Null, Value::Null, Value::Null],
        Encode::Transcode { width, height, framerate, video_bitrate_kbps, preset } => [
            json!(false),
            json!(width),
            json!(height),
            json!(framerate),
            json!(video_bitrate_kbps),
            json!(preset.as_str()),
        ],
    };
    let leaves = ["passthrough", "width", "height", "framerate", "videoBitrateKbps", "preset"];
    let mut fields: Fields =
        leaves.into_iter().zip(shape).map(|(leaf, value)| (format!("{option}.{leaf}"), value)).collect();
    fields.push((format!("{option}.audioBitrateKbps"), json!(audio_bitrate_kbps)));
    // The engine knows places, not the numbers that led to them.
    fields.push((format!("{option}.order (place)"), json!(position)));
    fields
}
