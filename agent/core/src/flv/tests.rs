//! Tags as publishers send them, and as nobody should.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

use bytes::Bytes;
use proptest::prelude::*;

use super::sps::picture_size;
use super::{AudioTag, FlvError, VideoTag, VideoTrack, read_audio};

/// Parameter sets written by x264, with the size they show: progressive and interlaced, 4:2:0 to 4:4:4, 8 and 10 bits,
/// with and without scaling lists and cropping.
const PARAMETER_SETS: &[(&str, (u16, u16))] = &[
    ("6742c028da01e0089f970110000003001000000303c0f1832a", (1920, 1080)),
    ("6742c028da01e0089f970110000003001000000303c0f1832a", (1920, 1080)),
    ("6764000dacd941419f9f0110000003001000000303c0f1429960", (320, 180)),
    ("6742c00ad9047f9f0110000003001000000303c0f1226480", (64, 36)),
    ("674d4028f403c0227ef0110000030001000003003c1f162ea0", (1920, 1080)),
    ("67f4002091968056061e2fc044000003000400000300f03c60ca80", (1366, 768)),
    ("677a001fb6cb406c1ef3780880000003008000001e078c1950", (854, 480)),
    ("6764001facb405a0936022000003000200000300781e306540", (720, 576)),
    ("6742c033da00f0010fb0110000030001000003003c0f1832a0", (3840, 2160)),
];

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A configuration record around one SPS, with NAL lengths of `length_bytes`.
fn avcc(sps: &[u8], length_bytes: u8) -> Vec<u8> {
    let head = [1, 0, 0, 0, 0xfc | (length_bytes - 1), 0xe1, 0, sps.len() as u8];
    [&head[..], sps, &[1, 0, 4, 0x68, 0xeb, 0xe3, 0xcb]].concat()
}

fn tag(first: u8, packet_type: u8, composition: [u8; 3], body: &[u8]) -> Bytes {
    [&[first, packet_type], &composition[..], body].concat().into()
}

fn configured(length_bytes: u8) -> VideoTrack {
    let mut track = VideoTrack::new();
    let config = avcc(&unhex(PARAMETER_SETS[0].0), length_bytes);
    assert!(matches!(track.read(&tag(0x17, 0, [0; 3], &config)), Ok(VideoTag::Config(_))));
    track
}

#[test]
fn the_size_is_that_of_the_picture_shown() {
    for (sps, size) in PARAMETER_SETS {
        assert_eq!(picture_size(&unhex(sps)), Some(*size), "{sps}");
        for cut in 1..6 {
            assert_eq!(picture_size(&unhex(sps)[..cut]), None, "{sps} cut to {cut}");
        }
    }
}

#[test]
fn the_configuration_is_told_as_players_need_it() {
    let sps = unhex(PARAMETER_SETS[0].0);
    for length_bytes in [1, 2, 4] {
        let Ok(VideoTag::Config(config)) = VideoTrack::new().read(&tag(0x17, 0, [0; 3], &avcc(&sps, length_bytes)))
        else {
            panic!("{length_bytes}")
        };
        assert_eq!((config.width, config.height), PARAMETER_SETS[0].1);
        assert_eq!(config.avcc[4] & 3, 3, "4-byte lengths");
        assert_eq!(config.codec_string(), format!("avc1.{:02x}{:02x}{:02x}", sps[1], sps[2], sps[3]));
    }
}

#[test]
fn configurations_that_cannot_be_right_end_the_session() {
    let good = avcc(&unhex(PARAMETER_SETS[0].0), 4);
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    let cases = [
        vec![],
        good[..5].to_vec(),
        with(0, 0),
        with(4, 0xfe),
        with(5, 0xe0),
        with(7, 255),
        with(8, 0x68),
        good[..good.len() - 1].to_vec(),
        good[..good.len() - 7].to_vec(),
    ];
    for config in cases {
        let error = VideoTrack::new().read(&tag(0x17, 0, [0; 3], &config)).unwrap_err();
        assert!(matches!(error, FlvError::BadConfig { .. }) && error.ends_session(), "{config:?}");
    }
}

#[test]
fn a_keyframe_is_what_holds_an_idr_slice() {
    let nal = |kind: u8| [0, 0, 0, 2, kind, 9];
    let cases: [(u8, Vec<u8>, Option<bool>); 6] = [
        (0x17, nal(5).to_vec(), Some(true)),
        (0x27, [nal(7), nal(8), nal(5)].concat(), Some(true)),
        (0x17, nal(1).to_vec(), Some(false)),
        (0x27, [nal(6), nal(1)].concat(), Some(false)),
        (0x17, [nal(7), nal(8)].concat(), None),
        (0x17, vec![], None),
    ];
    for (first, body, expected) in cases {
        let read = configured(4).read(&tag(first, 1, [0; 3], &body)).unwrap();
        let is_sync = if let VideoTag::Picture(picture) = &read { Some(picture.is_sync) } else { None };
        assert_eq!(is_sync, expected, "{body:?}");
    }
}

#[test]
fn lengths_become_four_bytes_and_empty_units_go() {
    let cases: [(u8, &[u8]); 4] = [
        (1, &[2, 0x65, 1, 1, 0x06]),
        (2, &[0, 2, 0x65, 1, 0, 1, 0x06]),
        (4, &[0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x06]),
        (4, &[0, 0, 0, 0, 0, 0, 0, 2, 0x65, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x06]),
    ];
    for (length_bytes, body) in cases {
        let Ok(VideoTag::Picture(picture)) = configured(length_bytes).read(&tag(0x17, 1, [0xff, 0xff, 0xfe], body))
        else {
            panic!("{body:?}")
        };
        assert_eq!(picture.data[..], [0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x06]);
        assert_eq!(picture.composition_ms, -2);
    }
}

#[test]
fn a_broken_picture_spoils_itself_alone() {
    let mut track = configured(4);
    for body in [
        &[0, 0, 0, 3, 0x65, 1][..],
        &[0xff, 0xff, 0xff, 0xff, 0x65],
        &[0, 0, 1],
        &[0, 0, 0, 1, 0x65, 0],
        &[0, 0, 0, 1, 0xe5],
    ] {
        let error = track.read(&tag(0x17, 1, [0; 3], body)).unwrap_err();
        assert!(!error.ends_session(), "{error}");
    }
    assert!(track.read(&tag(0x17, 3, [0; 3], &[])).is_err_and(|error| !error.ends_session()));
    assert!(track.read(&Bytes::from_static(&[0x17, 1])).is_err_and(|error| !error.ends_session()));
    assert_eq!(VideoTrack::new().read(&tag(0x17, 1, [0; 3], &[0, 0, 0, 1, 0x65])), Err(FlvError::PictureBeforeConfig));
    assert_eq!(track.read(&tag(0x17, 2, [0; 3], &[])), Ok(VideoTag::EndOfSequence));
    assert_eq!(track.read(&tag(0x57, 1, [0; 3], &[])), Ok(VideoTag::Nothing));
    assert_eq!(track.read(&Bytes::new()), Ok(VideoTag::Nothing));
    assert!(matches!(track.read(&tag(0x17, 1, [0; 3], &[0, 0, 0, 1, 0x65])), Ok(VideoTag::Picture(_))));
}

#[test]
fn other_codecs_are_named_with_what_to_do() {
    let videos: [(&[u8], &str); 6] = [
        (&[0x12, 0], "Sorenson H.263"),
        (&[0x1c, 0], "HEVC"),
        (b"\x90hvc1", "HEVC"),
        (b"\x91av01", "AV1"),
        (b"\x91vp09", "VP9"),
        (b"\x96\x00hvc1", "multitrack"),
    ];
    for (payload, codec) in videos {
        let error = VideoTrack::new().read(&Bytes::from_static(payload)).unwrap_err();
        assert_eq!(error.to_string(), format!("the publisher sends {codec} video; set the video encoder to H.264"));
        assert!(error.ends_session());
    }
    let sounds: [(&[u8], &str); 6] = [
        (&[0x2f, 0], "MP3"),
        (&[0xb2, 0], "Speex"),
        (&[0x3e, 0], "PCM"),
        (b"\x90Opus", "Opus"),
        (&[0xaf, 0, 0x0a, 0x10], "AAC Main"),
        (&[0xaf, 0, 0x11, 0x80], "freely arranged multichannel AAC"),
    ];
    for (payload, codec) in sounds {
        let error = read_audio(&Bytes::from_static(payload)).unwrap_err();
        assert_eq!(error.to_string(), format!("the publisher sends {codec} sound; set the audio encoder to AAC"));
        assert!(error.ends_session());
    }
}

#[test]
fn sound_is_read() {
    let cases: [(&[u8], u32, u8, &str); 5] = [
        (&[0x11, 0x90, 0x56, 0xe5, 0], 48_000, 2, "mp4a.40.2"),
        (&[0x12, 0x08, 0x56, 0xe5, 0], 44_100, 1, "mp4a.40.2"),
        (&[0x11, 0xb8], 48_000, 8, "mp4a.40.2"),
        // HE-AAC: SBR to 48 kHz over a 24 kHz core.
        (&[0x2b, 0x11, 0x88, 0x00], 24_000, 2, "mp4a.40.5"),
        // The rate written out: 48 000.
        (&[0x17, 0x80, 0x5d, 0xc0, 0x10], 48_000, 2, "mp4a.40.2"),
    ];
    for (asc, sample_rate, channels, codec) in cases {
        let Ok(AudioTag::Config(config)) = read_audio(&[&[0xaf, 0], asc].concat().into()) else { panic!("{asc:?}") };
        assert_eq!(
            (config.sample_rate, config.channels, config.codec_string().as_str()),
            (sample_rate, channels, codec)
        );
        assert_eq!(config.asc[..], *asc);
    }
    assert_eq!(read_audio(&Bytes::from_static(&[0xaf, 1, 5, 6])), Ok(AudioTag::Frame(Bytes::from_static(&[5, 6]))));
    for empty in [&[][..], &[0xaf], &[0xaf, 1]] {
        assert_eq!(read_audio(&Bytes::from_static(empty)), Ok(AudioTag::Nothing));
    }
    for bad in [&[0xaf, 0][..], &[0xaf, 0, 0x11], &[0xaf, 0, 0x16, 0xf8], &[0xaf, 0, 0x11, 0xf8]] {
        assert!(read_audio(&Bytes::from_static(bad)).is_err_and(|error| error.ends_session()), "{bad:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), first in prop_oneof![Just(0x17u8), Just(0x27), any::<u8>()], packet_type in 0u8..4) {
        let payload = tag(first, packet_type, [0; 3], &bytes);
        let _ = read_audio(&Bytes::from([&[0xaf, packet_type], &bytes[..]].concat()));
        let _ = VideoTrack::new().read(&payload);
        let _ = configured(2).read(&payload);
        let _ = picture_size(&bytes);
    }

    #[test]
    fn a_configuration_with_faults(at in 0usize..40, value: u8, which in 0..PARAMETER_SETS.len()) {
        let mut config = avcc(&unhex(PARAMETER_SETS[which].0), 4);
        let at = at % config.len();
        config[at] = value;
        if let Ok(VideoTag::Config(config)) = VideoTrack::new().read(&tag(0x17, 0, [0; 3], &config)) {
            prop_assert!(config.width > 0 && config.height > 0);
        }
    }

    /// Pictures that are passed on are exactly their NAL units.
    #[test]
    fn units_come_out_as_they_went_in(units in prop::collection::vec(prop::collection::vec(1u8..0x80, 0..80), 1..6), short: bool) {
        let body: Vec<u8> = units.iter().flat_map(|unit| {
            let length = (unit.len() as u32).to_be_bytes();
            [if short { &length[2..] } else { &length[..] }, unit].concat()
        }).collect();
        let expected: Vec<u8> = units.iter().filter(|unit| !unit.is_empty())
            .flat_map(|unit| [&(unit.len() as u32).to_be_bytes()[..], unit].concat()).collect();
        if let VideoTag::Picture(picture) = configured(if short { 2 } else { 4 }).read(&tag(0x27, 1, [0; 3], &body)).unwrap() {
            prop_assert_eq!(&picture.data[..], &expected[..]);
        }
    }
}
