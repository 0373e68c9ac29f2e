//! The shared sound: as long as the source's, and in time with it.

use nixcast_media::protocol::{AudioSpec, MediaUnit, ToWorker, WorkerReport};

use super::engine::{Answer, END, decode, exact, ladder, play};
use super::source::Source;

const AAC_FRAME: i64 = 1024;

fn sound(id: u32) -> Option<AudioSpec> {
    Some(AudioSpec { id, bitrate_kbps: 128 })
}

fn announced(answer: &Answer, track: u32) -> (u32, u8) {
    let started = |report: &WorkerReport| match report {
        WorkerReport::AudioStarted { id, sample_rate, channels, .. } if *id == track => Some((*sample_rate, *channels)),
        _ => None,
    };
    answer.reports.iter().find_map(started).unwrap()
}

/// Decodes units to mono samples, with `ffmpeg` and without regard to any edit list, as a player of segments does.
fn samples(units: &[&MediaUnit], rate: u32, channels: u8) -> Vec<f32> {
    let index =
        [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050].iter().position(|r| *r == rate).unwrap();
    let mut adts = Vec::new();
    for unit in units {
        let bytes = unit.data.len() + 7;
        let channel_bits = channels << 6 | (bytes >> 11) as u8;
        adts.extend([0xff, 0xf1, 1 << 6 | (index as u8) << 2 | channels >> 2, channel_bits]);
        adts.extend([(bytes >> 3) as u8, (bytes << 5) as u8 | 0x1f, 0xfc]);
        adts.extend(&unit.data);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sound.aac");
    std::fs::write(&file, adts).unwrap();
    let raw = decode(&file, "aac", &["-ac", "1", "-f", "f32le"]);
    raw.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Seconds on the time line at which the sound first becomes loud.
fn onset(units: &[&MediaUnit], rate: u32, channels: u8) -> f64 {
    let loud = samples(units, rate, channels).iter().position(|sample| sample.abs() > 0.1).unwrap();
    (units[0].dts + loud as i64) as f64 / f64::from(rate)
}

fn check_continuous(units: &[MediaUnit]) {
    assert!(units.windows(2).all(|pair| pair[1].dts == pair[0].dts + AAC_FRAME));
}

#[test]
fn sound_keeps_its_length_and_its_place() {
    for (rate, channels, want) in
        [(48_000, 2, (48_000, 2)), (44_100, 2, (44_100, 2)), (22_050, 1, (48_000, 1)), (48_000, 6, (48_000, 2))]
    {
        // A second and a quarter of silence, then a tone: the edge shows where the sound is.
        let source = Source::make(&format!(
            "-f lavfi -i aevalsrc=exprs=gt(t\\,1.25)*0.8*sin(2*PI*1000*t):s={rate}:d=4 -ac {channels} -c:a aac -b:a 192k"
        ))
        .later(700);
        let mut messages = vec![ladder(2000, &[], sound(9))];
        messages.extend(source.messages.clone());
        messages.push(END);
        let answer = play(exact(), &messages);
        let units = &answer.audio[&9];
        assert_eq!(announced(&answer, 9), want);
        check_continuous(units);

        let source_units = source.audio();
        assert_eq!(source.audio_rate, rate);
        let seconds = source_units.len() as f64 * 1024.0 / f64::from(rate);
        let frames = seconds * f64::from(want.0) / 1024.0;
        assert!((units.len() as f64 - frames).abs() <= 1.5, "{rate}: {} of {frames}", units.len());
        let starts = source_units[0].dts as f64 / f64::from(rate);
        assert!((units[0].dts as f64 / f64::from(want.0) - starts).abs() < 0.001);

        let ours = onset(&units.iter().collect::<Vec<_>>(), want.0, want.1);
        let theirs = onset(&source_units, rate, source.asc()[1] >> 3 & 0xf);
        assert!((ours - theirs).abs() < 0.004, "{rate} Hz, {channels} channels: {ours} for {theirs}");
    }
}

/// A tone of five seconds whose units from `from_ms` on come `later_ms` later (or earlier).
fn with_jump(from_ms: i64, later_ms: i64) -> Vec<ToWorker> {
    let source = Source::make("-f lavfi -i sine=frequency=440:sample_rate=48000:duration=5 -c:a aac");
    let mut messages = vec![ladder(2000, &[], sound(1))];
    for mut message in source.messages {
        if let ToWorker::Audio(unit) = &mut message
            && unit.dts >= from_ms * 48
        {
            unit.dts += later_ms * 48;
            unit.pts = unit.dts;
        }
        messages.push(message);
    }
    messages.push(END);
    messages
}

#[test]
fn sound_follows_the_source_where_it_jumps() {
    let end = |units: &[MediaUnit]| units.last().unwrap().dts / 48;
    let jitter = play(exact(), &with_jump(2000, 60)).audio.remove(&1).unwrap();
    check_continuous(&jitter);
    assert!((4980..=5040).contains(&end(&jitter)), "a small offset is not followed: {}", end(&jitter));

    let short = play(exact(), &with_jump(2000, 700)).audio.remove(&1).unwrap();
    check_continuous(&short);
    assert!((5680..=5740).contains(&end(&short)), "a short gap is filled: {}", end(&short));

    let long = play(exact(), &with_jump(2000, 9000)).audio.remove(&1).unwrap();
    assert_eq!(long.windows(2).filter(|pair| pair[1].dts != pair[0].dts + AAC_FRAME).count(), 1);
    assert!((13_980..=14_040).contains(&end(&long)), "a long gap stays one: {}", end(&long));

    let back = play(exact(), &with_jump(2000, -500)).audio.remove(&1).unwrap();
    check_continuous(&back);
    assert!((4480..=4540).contains(&end(&back)), "what is repeated is left out: {}", end(&back));
}

#[test]
fn a_new_sound_goes_on_where_the_old_one_stopped() {
    let source = Source::test_picture("128x72", 30, 8);
    let mut messages = vec![ladder(2000, &[], sound(1))];
    for message in source.messages.clone() {
        if let ToWorker::Video(unit) = &message {
            if unit.dts == 2500 * 90 {
                messages.push(ladder(2000, &[], sound(2)));
            } else if unit.dts == 4500 * 90 {
                messages.push(ladder(2000, &[], None));
            }
        }
        messages.push(message);
    }
    messages.push(END);
    let answer = play(exact(), &messages);
    assert!(answer.has_ended(1) && answer.has_ended(2));
    let (old, new) = (&answer.audio[&1], &answer.audio[&2]);
    check_continuous(old);
    check_continuous(new);
    assert_eq!(new[0].dts, old.last().unwrap().dts + AAC_FRAME);
    assert!((3700..4300).contains(&(new[0].dts / 48)), "at the grid point: {}", new[0].dts / 48);
    assert!((5700..6300).contains(&(new.last().unwrap().dts / 48)), "no sound is declared after it");
}
