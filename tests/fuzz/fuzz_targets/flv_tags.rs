//! Two video tags and an audio tag: a configuration and what is read with it.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use nixcast_core::flv::{VideoTag, VideoTrack, read_audio};

fuzz_target!(|input: (Vec<u8>, Vec<u8>, Vec<u8>)| {
    let (config, picture, sound) = input;
    let mut track = VideoTrack::new();
    let config = [&[0x17, 0, 0, 0, 0][..], &config].concat();
    if let Ok(VideoTag::Config(config)) = track.read(&Bytes::from(config)) {
        assert!(config.width > 0 && config.height > 0);
    }
    drop(track.read(&Bytes::from(picture)));
    drop(read_audio(&Bytes::from(sound)));
});
