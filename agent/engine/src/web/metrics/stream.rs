//! Figures of the running stream. What is not known, and all of it while nobody publishes, is left out: a 0 would be an
//! alarm.

use nixcast_core::control::BroadcastFacts;
use nixcast_core::facts::{RungFacts, RungState};
use nixcast_core::health::Level;

use super::exact;
use super::exposition::{Exposition, Kind};

pub(super) fn write(facts: Option<&BroadcastFacts>, text: &mut Exposition) {
    let Some(facts) = facts else { return };
    source(facts, text);
    rungs(&facts.rungs, text);
    worker(facts, text);
    let level = match facts.health.level {
        Level::Bad => 0_u8,
        Level::Fair => 1,
        Level::Good => 2,
    };
    text.gauge("nixcast_stream_health", "How the stream fares: 2 good, 1 fair, 0 bad; status says why.", level);
    text.gauge(
        "nixcast_stream_findings",
        "Things that status says of the stream's health.",
        facts.health.findings.len(),
    );
}

fn source(facts: &BroadcastFacts, text: &mut Exposition) {
    let source = &facts.source;
    let mut put = |name, kind, help, value: Option<f64>| text.family(name, kind, help, value.map(|v| (&[][..], v)));
    let seconds = |ms: Option<u64>| ms.map(|ms| exact(ms) / 1000.0);
    let video = source.video.as_ref();
    put("nixcast_source_width_pixels", Kind::Gauge, "Width of the publisher's picture.", video.map(|v| v.width.into()));
    put(
        "nixcast_source_height_pixels",
        Kind::Gauge,
        "Height of the publisher's picture.",
        video.map(|v| v.height.into()),
    );
    let help = "Pictures that the publisher sends a second, measured.";
    put("nixcast_source_frame_rate", Kind::Gauge, help, video.and_then(|video| video.frame_rate));
    let help = "The longest distance of two keyframes in the last minute.";
    put("nixcast_source_keyframe_interval_seconds", Kind::Gauge, help, video.and_then(|v| v.longest_keyframe_seconds));
    let help = "How far what arrives is behind the clock, against the best of the last half minute.";
    put("nixcast_source_delay_seconds", Kind::Gauge, help, seconds(Some(source.behind_ms)));
    let help = "How unevenly pictures arrive (RFC 3550, section 6.4.1).";
    put("nixcast_source_jitter_seconds", Kind::Gauge, help, Some(source.jitter_ms / 1000.0));
    let help = "Pictures that the publisher left out, since it connected.";
    put("nixcast_source_missing_frames_total", Kind::Counter, help, video.map(|video| exact(video.missing)));
    let help = "Jumps of the publisher's clock, since it connected.";
    put("nixcast_source_clock_jumps_total", Kind::Counter, help, Some(exact(source.timestamp_jumps)));
    let help = "Tags that could not be read, since the publisher connected.";
    put("nixcast_source_damaged_tags_total", Kind::Counter, help, Some(exact(source.damaged_tags)));
    let network = source.network;
    let help = "Smoothed round-trip time to the publisher, as TCP measures it.";
    put("nixcast_source_round_trip_seconds", Kind::Gauge, help, network.map(|network| network.round_trip_ms / 1000.0));
    let help = "Bytes of the publisher that have arrived and are not read yet.";
    put("nixcast_source_unread_bytes", Kind::Gauge, help, network.map(|network| exact(network.waiting_bytes)));

    let audio = source.audio.as_ref();
    let (video_label, audio_label) = ([("media", "video")], [("media", "audio")]);
    let of_both = |video: Option<f64>, audio: Option<f64>| {
        let samples = [(&video_label[..], video), (&audio_label[..], audio)];
        samples.into_iter().filter_map(|(labels, value)| Some((labels, value?)))
    };
    let bits = of_both(video.map(|v| bits(v.kbps)), audio.map(|a| bits(a.kbps)));
    let help = "Bits that the publisher sends a second, over ten seconds.";
    text.family("nixcast_source_bits_per_second", Kind::Gauge, help, bits);
    let silent = of_both(video.and_then(|v| seconds(v.silent_ms)), audio.and_then(|a| seconds(a.silent_ms)));
    let help = "Since the last picture, and the last frame of sound.";
    text.family("nixcast_source_silence_seconds", Kind::Gauge, help, silent);
}

fn rungs(rungs: &[RungFacts], text: &mut Exposition) {
    let is_state = |state: RungState| move |rung: &RungFacts| Some(f64::from(u8::from(rung.state == state)));
    let is_published = |rung: &RungFacts| rung.state == RungState::Published;
    let encoded = |rung: &RungFacts| !rung.is_passthrough;
    let mut put = |name, kind, help, value: &dyn Fn(&RungFacts) -> Option<f64>| {
        let samples: Vec<_> =
            rungs.iter().filter_map(|rung| Some(([("rung", rung.name.as_str())], value(rung)?))).collect();
        text.family(name, kind, help, samples.iter().map(|(labels, value)| (&labels[..], *value)));
    };
    put(
        "nixcast_rung_published",
        Kind::Gauge,
        "1 while the rung can be played, else 0.",
        &is_state(RungState::Published),
    );
    let help = "1 while the rung is left out because the machine is too slow, else 0.";
    put("nixcast_rung_shed", Kind::Gauge, help, &is_state(RungState::Shed));
    let help = "Bits of the rung's pictures a second, over ten seconds.";
    put("nixcast_rung_bits_per_second", Kind::Gauge, help, &|rung| is_published(rung).then(|| bits(rung.kbps)));
    put("nixcast_rung_frame_rate", Kind::Gauge, "Pictures of the rung a second, measured.", &|rung| {
        rung.frame_rate.filter(|_| is_published(rung))
    });
    let help = "What the rung's encoder could do, in seconds of video for each second.";
    put("nixcast_rung_encoding_speed", Kind::Gauge, help, &|rung| rung.speed);
    let help = "Share of the time that the rung's scaler and encoder work, 0 to 1.";
    put("nixcast_rung_busy_ratio", Kind::Gauge, help, &|rung| rung.busy);
    let help = "Pictures of the rung that were encoded, since the broadcast began.";
    put("nixcast_rung_encoded_frames_total", Kind::Counter, help, &|rung| encoded(rung).then(|| exact(rung.encoded)));
    let help = "Pictures of the rung that were lost because it was too slow, since the broadcast began.";
    put("nixcast_rung_skipped_frames_total", Kind::Counter, help, &|rung| encoded(rung).then(|| exact(rung.skipped)));
    let help = "Pictures that wait for the rung's encoder.";
    put("nixcast_rung_queued_frames", Kind::Gauge, help, &|rung| encoded(rung).then(|| f64::from(rung.queued)));
}

fn worker(facts: &BroadcastFacts, text: &mut Exposition) {
    let worker = facts.worker;
    let mut put = |name, help, value: Option<f64>| text.family(name, Kind::Gauge, help, value.map(|v| (&[][..], v)));
    let help = "How far the worker goes on the time line, in seconds for each second.";
    put("nixcast_worker_speed", help, worker.map(|worker| worker.speed));
    let help = "Most that a picture was late when it was handed to the encoders.";
    put("nixcast_worker_lateness_seconds", help, worker.map(|worker| exact(worker.late_ms) / 1000.0));
    put("nixcast_worker_cpus", "CPU seconds of the worker for each second.", worker.map(|worker| worker.cpu));
    let help = "Share of the time that the worker waits for its decoder, 0 to 1.";
    put("nixcast_worker_decoding_ratio", help, worker.map(|worker| worker.decoding));
    let queues = facts.queues;
    let (inbox, to_worker) = ([("queue", "broadcast")], [("queue", "worker")]);
    let waiting = [(&inbox[..], f64::from(queues.inbox)), (&to_worker[..], f64::from(queues.worker))];
    let help = "Units that wait for the broadcast, and for the worker.";
    text.family("nixcast_queue_units", Kind::Gauge, help, waiting);
    let most = [(&inbox[..], f64::from(queues.inbox_most)), (&to_worker[..], f64::from(queues.worker_most))];
    text.family("nixcast_queue_units_max", Kind::Gauge, "Most units that may wait.", most);
}

fn bits(kbps: u32) -> f64 {
    f64::from(kbps) * 1000.0
}
