//! The multivariant playlist's text.

use std::fmt::Write as _;

use super::presentation::InitFacts;
use super::rung::{Line, Rung};

/// What the playlist says of one track.
struct Rates {
    peak_bps: u64,
    average_bps: u64,
}

/// Writes the playlist for `rungs` in this order and the sound they share. Without rungs the sound is the only
/// variant.
pub(super) fn render(rungs: &[&Rung], audio: Option<&Line>) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:7\n");
    write(&mut text, rungs, audio).expect("writing to a String cannot fail");
    text
}

fn write(text: &mut String, rungs: &[&Rung], audio: Option<&Line>) -> std::fmt::Result {
    let mut lines = rungs.iter().map(|rung| &rung.line).chain(audio);
    if lines.all(|line| line.window.is_independent()) {
        writeln!(text, "#EXT-X-INDEPENDENT-SEGMENTS")?;
    }
    let audio = audio.and_then(|line| line.playable().map(|facts| (line, facts)));
    if let Some((line, facts)) = audio {
        let rates = rates(line, 0);
        if rungs.is_empty() {
            write!(text, "#EXT-X-STREAM-INF:BANDWIDTH={},", rates.peak_bps)?;
            writeln!(text, "AVERAGE-BANDWIDTH={},CODECS=\"{}\"", rates.average_bps, facts.codecs)?;
            return writeln!(text, "{}", line.track.playlist());
        }
        write!(text, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Main\",DEFAULT=YES,AUTOSELECT=YES,")?;
        writeln!(text, "URI=\"{}\"", line.track.playlist())?;
    }
    for rung in rungs {
        if let Some(facts) = rung.line.playable() {
            write_variant(text, rung, facts, audio)?;
        }
    }
    Ok(())
}

fn write_variant(
    text: &mut String,
    rung: &Rung,
    facts: &InitFacts,
    audio: Option<(&Line, &InitFacts)>,
) -> std::fmt::Result {
    let own = rates(&rung.line, rung.last_declared_bps);
    let sound = audio.map_or(Rates { peak_bps: 0, average_bps: 0 }, |(line, _)| rates(line, 0));
    write!(text, "#EXT-X-STREAM-INF:BANDWIDTH={}", own.peak_bps + sound.peak_bps)?;
    write!(text, ",AVERAGE-BANDWIDTH={}", own.average_bps + sound.average_bps)?;
    write!(text, ",CODECS=\"{}", facts.codecs)?;
    if let Some((_, sound)) = audio {
        write!(text, ",{}", sound.codecs)?;
    }
    write!(text, "\",RESOLUTION={}x{}", facts.width, facts.height)?;
    if let Some(frame_rate) = facts.frame_rate {
        write!(text, ",FRAME-RATE={frame_rate:.3}")?;
    }
    if audio.is_some() {
        write!(text, ",AUDIO=\"audio\"")?;
    }
    writeln!(text, "\n{}", rung.line.track.playlist())
}

/// Measured bitrates; the peak is never below the declared one, which the encoder may use at any time, nor 0, which
/// the grammar allows and players divide by.
fn rates(line: &Line, declared_bps: u64) -> Rates {
    let average_bps = line.meter.average_bps().max(1);
    let peak_bps = line.meter.peak_bps(line.window.target_s()).max(declared_bps).max(average_bps);
    Rates { peak_bps, average_bps }
}
