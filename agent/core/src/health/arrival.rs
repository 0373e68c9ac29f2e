//! Whether what is sent arrives: the connection, its pace, picture and sound.

use std::time::Duration;

use super::sender::Sender;
use super::{Finding, Kind, Level, Situation, short, thousands};
use crate::facts::SourceFacts;

/// Nothing for this long is more than an uneven line; a page's player has about as much in store.
const SILENT_MS: u64 = 2_000;

/// Pictures or sound that stay away while the other goes on.
const MISSING_MS: u64 = 3_000;

/// How long after its start a publisher may still have one of the two to send.
const START: Duration = Duration::from_secs(5);

/// OBS begins to drop pictures when it has 0.7 to 0.9 s of them waiting (its `drop_threshold_ms` and
/// `pframe_drop_threshold_ms`); more than that is a line that does not carry the bitrate.
const BEHIND_MS: u64 = 1_500;
/// More than the shortest window of a playlist forgives a viewer (three segments of a second, and the rest of one).
const FAR_BEHIND_MS: u64 = 5_000;

/// Pictures left out of a minute: one in a hundred is seen as stutter, one in twenty by everybody.
const MISSING_SHARE: f64 = 0.01;
const MANY_MISSING_SHARE: f64 = 0.05;

/// Beyond this a loss costs the sender a third of a second and more until it is sent again; from the other side of the
/// world it is some 300 ms.
const LONG_ROUND_TRIP_MS: f64 = 350.0;

/// ITU-R BT.1359 finds 125 ms of early and 45 ms of late sound noticeable. What is compared here is how far each has
/// arrived, and encoders send either up to a second before the other.
const APART_MS: i64 = 1_500;

/// One of the two that a publisher sends, in words.
struct Track {
    kind: Kind,
    one: &'static str,
    many: &'static str,
    settings: &'static str,
    other: &'static str,
}

const PICTURE: Track =
    Track { kind: Kind::NoPicture, one: "picture", many: "pictures", settings: "video", other: "its sound goes on" };
const SOUND: Track =
    Track { kind: Kind::NoSound, one: "sound", many: "sound", settings: "audio", other: "its pictures go on" };

pub(super) fn judge(situation: &Situation<'_>) -> Vec<Finding> {
    let Situation { source, is_connected, since, .. } = *situation;
    let sender = Sender::of(source.encoder.as_deref());
    let who = sender.name();
    if !is_connected {
        let seconds = since.as_secs();
        let sentence = format!("the connection of {who} broke {seconds} s ago: viewers wait until it is back");
        return vec![Finding::new(Kind::ConnectionLost, Level::Bad, sentence)];
    }
    let silent_ms = source.silent_ms.unwrap_or_else(|| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    if silent_ms > SILENT_MS {
        let seconds = silent_ms / 1000;
        let sentence = format!(
            "nothing has come from {who} for {seconds} s although its connection stands: it hangs, or its line is down"
        );
        return vec![Finding::new(Kind::PublisherSilent, Level::Bad, sentence)];
    }
    let checks = [
        absent(&PICTURE, source.video.as_ref().map(|video| video.silent_ms), situation, sender),
        absent(&SOUND, source.audio.as_ref().map(|audio| audio.silent_ms), situation, sender),
        apart(source, sender),
        pace(source, sender),
        missing(source, sender),
        round_trip(source, sender),
        jumps(source, sender),
        damage(source, sender),
    ];
    checks.into_iter().flatten().collect()
}

/// `silent` is none where nothing was announced, and holds none where nothing came of that.
fn absent(what: &Track, silent: Option<Option<u64>>, situation: &Situation<'_>, sender: Sender) -> Option<Finding> {
    let Track { kind, one, many, settings, other } = what;
    let who = sender.name();
    let is_late = situation.since > START;
    let (level, sentence) = match silent {
        None if is_late => {
            (Level::Fair, format!("{who} sends no {one}; if that is not meant, look at its {settings} settings"))
        }
        Some(None) if is_late => (Level::Bad, format!("{who} has announced {many} and sends none")),
        Some(Some(silent_ms)) if silent_ms > MISSING_MS => {
            (Level::Bad, format!("no {one} has come from {who} for {} s; {other}", silent_ms / 1000))
        }
        _ => return None,
    };
    Some(Finding::new(*kind, level, sentence))
}

fn apart(source: &SourceFacts, sender: Sender) -> Option<Finding> {
    let ahead_ms = source.sound_ahead_ms.filter(|ahead_ms| ahead_ms.abs() > APART_MS)?;
    let stopped = |silent_ms: Option<u64>| silent_ms.is_some_and(|silent_ms| silent_ms > MISSING_MS);
    let video = source.video.as_ref().and_then(|video| video.silent_ms);
    let audio = source.audio.as_ref().and_then(|audio| audio.silent_ms);
    if stopped(video) || stopped(audio) {
        return None;
    }
    let (first, second) = if ahead_ms > 0 { ("sound", "picture") } else { ("picture", "sound") };
    let seconds = short(ahead_ms.abs() as f64 / 1000.0);
    let sentence = format!(
        "{} sends its {first} {seconds} s before the {second} that belongs to it: players have to wait for the later one",
        sender.name()
    );
    Some(Finding::new(Kind::SoundApart, Level::Fair, sentence))
}

fn pace(source: &SourceFacts, sender: Sender) -> Option<Finding> {
    if source.behind_ms <= BEHIND_MS {
        return None;
    }
    let level = if source.behind_ms > FAR_BEHIND_MS { Level::Bad } else { Level::Fair };
    let seconds = short(source.behind_ms as f64 / 1000.0);
    let sentence = format!(
        "what {} sends arrives {seconds} s late, at {} kbit/s: its line or its computer is too slow; lower {}",
        sender.name(),
        thousands(source.received_kbps),
        sender.bitrate_setting()
    );
    Some(Finding::new(Kind::FallingBehind, level, sentence))
}

fn missing(source: &SourceFacts, sender: Sender) -> Option<Finding> {
    let video = source.video.as_ref()?;
    let expected = video.frame_rate? * 60.0;
    let missing = video.missing_lately;
    let level = match missing as f64 / expected {
        share if share > MANY_MISSING_SHARE => Level::Bad,
        share if share > MISSING_SHARE => Level::Fair,
        _ => return None,
    };
    let sentence = format!(
        "{} left out {missing} pictures in the last minute: its line does not carry what it sends, or it cannot encode \
         it in time; lower {}",
        sender.name(),
        sender.bitrate_setting()
    );
    Some(Finding::new(Kind::PicturesMissing, level, sentence))
}

fn round_trip(source: &SourceFacts, sender: Sender) -> Option<Finding> {
    let network = source.network.filter(|network| network.round_trip_ms > LONG_ROUND_TRIP_MS)?;
    let sentence = format!(
        "the way to {} and back takes {:.0} ms: the line is busy or long, and each loss on it shows as a pause",
        sender.name(),
        network.round_trip_ms
    );
    Some(Finding::new(Kind::LongRoundTrip, Level::Fair, sentence))
}

fn jumps(source: &SourceFacts, sender: Sender) -> Option<Finding> {
    let times = source.timestamp_jumps;
    (times > 0).then(|| {
        let sentence =
            format!("the clock of {} has jumped {times} times; what follows was moved into place", sender.name());
        Finding::new(Kind::ClockJumps, Level::Good, sentence)
    })
}

fn damage(source: &SourceFacts, sender: Sender) -> Option<Finding> {
    let tags = source.damaged_tags;
    (tags > 0).then(|| {
        let sentence = format!("{tags} tags of {} could not be read and were left out", sender.name());
        Finding::new(Kind::DamagedMedia, Level::Fair, sentence)
    })
}
