//! Whether what is sent is good to watch: keyframes, frame rate, format, bitrate.

use super::sender::Sender;
use super::{Finding, Kind, Level, Situation, short, thousands};
use crate::facts::VideoFacts;
use crate::ladder::LatencyLevel;

/// Streaming services ask for a keyframe every 2 s, at most every 4 (YouTube Help, "Choose live encoder settings").
const KEYFRAME_SECONDS: f64 = 4.0;
/// OBS's own default is 250 pictures, 8.3 s at 30 a second; beyond that nobody meant it.
const FAR_KEYFRAME_SECONDS: f64 = 10.0;
/// A segment is cut without a keyframe after this long, and cannot be decoded on its own then (the packager's bound).
const NO_KEYFRAME_SECONDS: f64 = 20.0;

/// Bits for each pixel shown. Services recommend 0.05 to 0.1 for H.264 (YouTube: 4 Mbit/s for 1080p30 is 0.064);
/// a quarter of that is blocks.
const LEAST_BITS_PER_PIXEL: f64 = 0.015;

/// How many times its least bitrate a steady stream may reach: with a keyframe every 8.3 s, five seconds hold none or
/// one of them.
const STEADY: u32 = 4;
/// Below this nobody's line cares.
const UNSTEADY_KBPS: u32 = 1_500;

/// Level 4.2 is 1080p60; decoders of phones are asked for no more (Android CDD 13, section 5.3.4).
const OLD_PHONES_LEVEL: u8 = 42;

pub(super) fn judge(situation: &Situation<'_>) -> Vec<Finding> {
    let Some(video) = &situation.source.video else { return Vec::new() };
    let sender = Sender::of(situation.source.encoder.as_deref());
    // Encoded rungs have keyframes, order and format of our own.
    let is_passed_on = situation.rungs.iter().any(|rung| rung.is_passthrough);
    let of_passthrough = [
        keyframes(video, sender),
        b_frames(video, sender, situation.latency),
        format(video, sender),
        level(video),
        steadiness(video, sender),
    ];
    let of_all = [no_keyframe(video, sender), frame_rate(video, sender), bitrate(video, sender)];
    of_passthrough.into_iter().filter(|_| is_passed_on).chain(of_all).flatten().collect()
}

fn keyframes(video: &VideoFacts, sender: Sender) -> Option<Finding> {
    let seconds = video.longest_keyframe_seconds?;
    let level = match seconds {
        seconds if seconds > FAR_KEYFRAME_SECONDS => Level::Bad,
        seconds if seconds > KEYFRAME_SECONDS => Level::Fair,
        _ => return None,
    };
    let sentence = format!(
        "{} sends a keyframe every {} s; {}: viewers wait that long for a picture, and are that much later",
        sender.name(),
        short(seconds),
        sender.keyframe_setting(video.frame_rate)
    );
    Some(Finding::new(Kind::KeyframesFarApart, level, sentence))
}

fn no_keyframe(video: &VideoFacts, sender: Sender) -> Option<Finding> {
    let seconds = video.since_keyframe_seconds.filter(|seconds| *seconds > NO_KEYFRAME_SECONDS)?;
    let sentence = format!(
        "{} has sent no keyframe for {seconds:.0} s, so nobody can begin to watch; {}",
        sender.name(),
        sender.keyframe_setting(video.frame_rate)
    );
    Some(Finding::new(Kind::NoKeyframe, Level::Bad, sentence))
}

fn b_frames(video: &VideoFacts, sender: Sender, latency: LatencyLevel) -> Option<Finding> {
    (video.has_b_frames && latency == LatencyLevel::new(0)).then(|| {
        let sentence = format!(
            "{} sends B-frames, which hold back pictures, and the latency level is the lowest; {}",
            sender.name(),
            sender.b_frame_setting()
        );
        Finding::new(Kind::BFrames, Level::Fair, sentence)
    })
}

fn format(video: &VideoFacts, sender: Sender) -> Option<Finding> {
    let format = video.format.filter(|format| !format.plays_in_browsers())?;
    let sentence = format!(
        "{} sends {}, which browsers do not play; {}",
        sender.name(),
        format.in_words(),
        sender.format_setting()
    );
    Some(Finding::new(Kind::NotForBrowsers, Level::Bad, sentence))
}

fn level(video: &VideoFacts) -> Option<Finding> {
    // The last two digits of "avc1.640033".
    let hex = video.codec.get(video.codec.len().checked_sub(2)?..)?;
    let level = u8::from_str_radix(hex, 16).ok().filter(|level| *level > OLD_PHONES_LEVEL)?;
    let sentence = format!(
        "level {}.{} of H.264 is more than older phones decode; an encoded rung of at most 1080p reaches them too",
        level / 10,
        level % 10
    );
    Some(Finding::new(Kind::NotForOldPhones, Level::Good, sentence))
}

fn frame_rate(video: &VideoFacts, sender: Sender) -> Option<Finding> {
    let rate = video.frame_rate.filter(|_| video.has_variable_rate)?;
    let sentence = format!(
        "the frame rate of {} varies, {} a second on average; {}",
        sender.name(),
        short(rate),
        sender.frame_rate_setting()
    );
    Some(Finding::new(Kind::VariableFrameRate, Level::Fair, sentence))
}

/// A picture in which nothing moves needs next to nothing, so what the publisher says that it sends counts as well.
fn bitrate(video: &VideoFacts, sender: Sender) -> Option<Finding> {
    let rate = video.frame_rate?;
    let kbps = video.kbps.max(video.stated_kbps?);
    let pixels = f64::from(video.width) * f64::from(video.height) * rate;
    let is_low = pixels > 0.0 && f64::from(kbps) * 1000.0 / pixels < LEAST_BITS_PER_PIXEL;
    is_low.then(|| {
        let sentence = format!(
            "{} sends {} kbit/s, which is little for {}x{} at {} a second; raise {} or send smaller pictures",
            sender.name(),
            thousands(kbps),
            video.width,
            video.height,
            short(rate),
            sender.bitrate_setting()
        );
        Finding::new(Kind::LowBitrate, Level::Fair, sentence)
    })
}

fn steadiness(video: &VideoFacts, sender: Sender) -> Option<Finding> {
    let (least, most) = video.kbps_range?;
    (most > UNSTEADY_KBPS && most > least.saturating_mul(STEADY)).then(|| {
        let sentence = format!(
            "the bitrate of {} swings between {} and {} kbit/s, which viewers' lines cannot follow; {}",
            sender.name(),
            thousands(least),
            thousands(most),
            sender.steady_setting()
        );
        Finding::new(Kind::UnsteadyBitrate, Level::Fair, sentence)
    })
}
