//! The running stream's figures, and how it fares, as people read them.

use nixcast_core::control::BroadcastFacts;
use nixcast_core::facts::{AudioFacts, RungFacts, RungState, SourceFacts, VideoFacts};
use nixcast_core::health::Level;
use nixcast_core::plan::Colour;

/// One line for the stream, one for each rung, and what there is to say of its health.
pub(super) fn lines(facts: &BroadcastFacts, colour: Colour) -> Vec<String> {
    let mut lines = vec![format!("  stream     {}", source(&facts.source))];
    lines.extend(facts.rungs.iter().map(|facts| format!("  rung       {}", rung(facts))));
    if let Some(worker) = &facts.worker {
        let mut text = format!("{:.2} CPUs, {:.2} of real time", worker.cpu, worker.speed);
        if worker.late_ms > 0 {
            text.push_str(&format!(", {} ms late", worker.late_ms));
        }
        let queues = facts.queues;
        lines.push(format!("  worker     {text}, {} of {} units waiting", queues.worker, queues.worker_most));
    }
    let style = match facts.health.level {
        Level::Good => "32",
        Level::Fair => "33",
        Level::Bad => "31",
    };
    lines.push(format!("  health     {}", colour.paint(style, facts.health.in_a_word())));
    lines.extend(facts.health.findings.iter().map(|finding| format!("    {}", finding.sentence)));
    lines
}

fn source(facts: &SourceFacts) -> String {
    let mut parts = vec![
        facts.video.as_ref().map_or_else(|| "no picture".to_owned(), video),
        facts.audio.as_ref().map_or_else(|| "no sound".to_owned(), audio),
    ];
    parts.extend(facts.network.map(|network| format!("round trip {:.0} ms", network.round_trip_ms)));
    parts.extend(
        facts.silent_ms.filter(|silent| *silent >= 1000).map(|silent| format!("silent for {} s", silent / 1000)),
    );
    parts.extend(facts.encoder.as_ref().map(|encoder| format!("from {encoder}")));
    parts.join("; ")
}

fn video(facts: &VideoFacts) -> String {
    let VideoFacts { width, height, profile, kbps, .. } = facts;
    let rate = rate(facts.frame_rate, facts.has_variable_rate);
    let keyframes = facts.longest_keyframe_seconds.map(|seconds| format!(", a keyframe every {seconds:.1} s"));
    let missing = (facts.missing > 0).then(|| format!(", {} pictures left out", facts.missing));
    let rest: String = keyframes.into_iter().chain(missing).collect();
    format!("{width}x{height}{rate}, H.264 {profile}, {kbps} kbit/s{rest}")
}

fn audio(facts: &AudioFacts) -> String {
    let channels = match facts.channels {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        more => format!("{more} channels"),
    };
    format!("AAC {} Hz {channels}, {} kbit/s", facts.sample_rate, facts.kbps)
}

fn rung(facts: &RungFacts) -> String {
    let RungFacts { name, width, height, kbps, .. } = facts;
    let state = match facts.state {
        RungState::ComingUp => return format!("{name}: coming up"),
        RungState::Shed => return format!("{name}: left out for lack of time"),
        RungState::Failed => return format!("{name}: cannot be encoded"),
        RungState::Published if facts.is_passthrough => "passed through",
        RungState::Published => "encoded",
    };
    let speed = facts.speed.map(|speed| format!(", {speed:.1} times real time"));
    let skipped = (facts.skipped > 0).then(|| format!(", {} pictures skipped", facts.skipped));
    let rest: String = speed.into_iter().chain(skipped).collect();
    format!("{name}: {state}, {width}x{height}{}, {kbps} kbit/s{rest}", rate(facts.frame_rate, false))
}

fn rate(frame_rate: Option<f64>, is_variable: bool) -> String {
    let about = if is_variable { "about " } else { "" };
    frame_rate.map_or_else(String::new, |rate| format!(" at {about}{} fps", (rate * 100.0).round() / 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_is_told_in_one_line() {
        let facts = RungFacts {
            name: "480p".to_owned(),
            state: RungState::Published,
            width: 854,
            height: 480,
            frame_rate: Some(29.969),
            kbps: 1190,
            speed: Some(2.5),
            skipped: 12,
            ..RungFacts::default()
        };
        assert_eq!(
            rung(&facts),
            "480p: encoded, 854x480 at 29.97 fps, 1190 kbit/s, 2.5 times real time, 12 pictures skipped"
        );
        let own = RungFacts { is_passthrough: true, speed: None, skipped: 0, frame_rate: None, ..facts.clone() };
        assert_eq!(rung(&own), "480p: passed through, 854x480, 1190 kbit/s");
        assert_eq!(rung(&RungFacts { state: RungState::Shed, ..facts }), "480p: left out for lack of time");
    }

    #[test]
    fn a_publisher_of_which_nothing_is_known_yet_is_told_so() {
        assert_eq!(source(&SourceFacts::default()), "no picture; no sound");
    }
}
