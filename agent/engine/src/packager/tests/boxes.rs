//! What a segment says, read back by the box library.

use mp4_atom::{Any, Decode, DecodeMaybe, Moof};

use super::*;

/// One sample as the fragment states it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) decode: i64,
    pub(super) pts: i64,
    pub(super) duration: i64,
    pub(super) is_sync: bool,
}

pub(super) fn kinds(mut data: &[u8]) -> Vec<String> {
    let mut kinds = Vec::new();
    while let Some(atom) = Any::decode_maybe(&mut data).unwrap() {
        kinds.push(atom.kind().to_string());
    }
    kinds
}

fn moof(mut data: &[u8]) -> Moof {
    loop {
        if let Any::Moof(moof) = Any::decode(&mut data).unwrap() {
            return moof;
        }
    }
}

/// The samples of a segment, of all its parts.
pub(super) fn samples(segment: &Segment) -> Vec<Stated> {
    segment.parts.iter().flat_map(|part| part_samples(&part.data)).collect()
}

/// The samples of a part.
pub(super) fn part_samples(data: &[u8]) -> Vec<Stated> {
    let moof = moof(data);
    let traf = &moof.traf[0];
    assert!(traf.tfhd.default_base_is_moof);
    let mut decode = traf.tfdt.as_ref().unwrap().base_media_decode_time as i64;
    let stated = traf.trun[0].samples.iter().map(|entry| {
        let duration = i64::from(entry.duration.unwrap());
        let flags = entry.flags.or(traf.tfhd.default_sample_flags).unwrap();
        let sample =
            Stated { decode, pts: decode + entry.cts.unwrap_or(0), duration, is_sync: flags & 0x0001_0000 == 0 };
        decode += duration;
        sample
    });
    stated.collect()
}

#[test]
fn a_segment_is_styp_moof_mdat_with_its_bytes_where_it_says() {
    let mut packager = TrackPackager::encoded_video(video_config(), level(2));
    let units = (0..3)
        .map(|n| AccessUnit { data: Bytes::from(vec![n as u8; 100 + n as usize]), ..unit(n * 3000, n * 3000, n == 0) });
    let segment = package(&mut packager, units).remove(0);
    let data = data(&segment);
    assert_eq!(kinds(&data), ["styp", "moof", "mdat"]);
    let styp = u32::from_be_bytes(data[..4].try_into().unwrap()) as usize;
    let offset = moof(&data).traf[0].trun[0].data_offset.unwrap() as usize;
    // The parameter sets of the decoder configuration, each after its length, come with the keyframe.
    let sets = [0, 0, 0, 1, 103, 0, 0, 0, 1, 104];
    let samples = &data[styp + offset..];
    assert_eq!(samples[..10], sets);
    assert_eq!(samples[10..110], [0; 100]);
    assert_eq!(samples[110..211], [1; 101]);
    assert_eq!(samples.len(), 313);
}

#[test]
fn the_init_segment_carries_the_decoder_configuration_byte_for_byte() {
    let config = video_config();
    let init = TrackPackager::video(config.clone(), level(2)).init_segment();
    assert_eq!(kinds(&init), ["ftyp", "moov"]);
    let mut record = b"avcC".to_vec();
    record.extend_from_slice(&config.avcc);
    assert!(init.windows(record.len()).any(|window| window == record));
    let sound = TrackPackager::audio(audio_config(96_000), level(2)).init_segment();
    assert!(sound.windows(4).any(|window| window == [0x05, 2, 0x12, 0x10]), "AudioSpecificConfig in its descriptor");
}
