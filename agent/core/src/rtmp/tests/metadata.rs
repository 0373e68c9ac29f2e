//! What publishers say of their streams.

use crate::rtmp::Metadata;
use crate::rtmp::amf::Writer;

#[test]
fn claims_are_taken_as_far_as_they_are_possible() {
    let frame = || Writer::default().string("@setDataFrame").string("onMetaData").object();
    let full = frame().number_field("width", 1920.0).number_field("height", 1080.0).number_field("framerate", 29.97);
    let full =
        full.number_field("videodatarate", 4500.4).number_field("audiodatarate", 160.0).field("encoder", " x\u{7}y ");
    let expected = Metadata {
        width: Some(1920),
        height: Some(1080),
        framerate: Some(29.97),
        encoder: Some("xy".to_owned()),
        video_kbps: Some(4500),
        audio_kbps: Some(160),
    };
    assert_eq!(Metadata::read(&full.end().finish()), Some(expected));
    for number in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300] {
        let odd = frame().number_field("width", number).number_field("framerate", number).field("encoder", "\n").end();
        assert_eq!(Metadata::read(&odd.finish()), Some(Metadata::default()), "{number}");
    }
    let bare = Writer::default().string("onMetaData").object().number_field("width", 64.0).end().finish();
    assert_eq!(Metadata::read(&bare).unwrap().width, Some(64));
}

#[test]
fn other_data_is_passed_over() {
    for message in [&b""[..], b"\x02\x00\x01x", b"\x02\x00\x0aonMetaData", b"\x02\x00\x0aonMetaData\x11", b"\xff"] {
        assert_eq!(Metadata::read(message), None);
    }
    let text = Writer::default().string("onTextData").object().field("text", "hi").end().finish();
    assert_eq!(Metadata::read(&text), None);
    let long = Writer::default().string("onMetaData").object().field("encoder", &"e".repeat(999)).end().finish();
    assert_eq!(Metadata::read(&long).unwrap().encoder.unwrap().len(), 128);
}
