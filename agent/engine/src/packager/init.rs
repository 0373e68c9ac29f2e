//! Init segments: `ftyp` and `moov` of a track without samples (ISO/IEC 14496-12, 23000-19).

use bytes::Bytes;
use mp4_atom::{
    Audio, Dinf, Dref, DrefEntry, Encode, FixedPoint, FourCC, Ftyp, Hdlr, Matrix, Mdhd, Mp4a, Mvex, Mvhd, Smhd, Stco,
    Stsc, Stsz, Stts, Tkhd, Trex, Url, Visual, Vmhd, esds,
};
use nixcast_core::media::{AudioConfig, VIDEO_TIMESCALE, VideoConfig};

use super::fragment::TRACK_ID;

/// MPEG-4 Audio, and an audio stream (ISO/IEC 14496-1 tables 5 and 6).
const OBJECT_TYPE_AAC: u8 = 0x40;
const STREAM_TYPE_AUDIO: u8 = 0x05;

/// For pictures. The decoder configuration record is written byte for byte as the encoder stated it.
pub(super) fn video(config: &VideoConfig) -> Bytes {
    let header = Tkhd { width: config.width.into(), height: config.height.into(), ..Tkhd::default() };
    movie(header, *b"vide", VIDEO_TIMESCALE, encoded(&Vmhd::default()), avc1(config))
}

/// For sound.
pub(super) fn audio(config: &AudioConfig) -> Bytes {
    let header = Tkhd { volume: FixedPoint::new(1, 0), alternate_group: 1, ..Tkhd::default() };
    movie(header, *b"soun", config.sample_rate, encoded(&Smhd::default()), encoded(&mp4a(config)))
}

/// An `avc1` sample entry. The typed one of the box library would parse the record and write it anew, losing what it
/// does not know.
fn avc1(config: &VideoConfig) -> Vec<u8> {
    let visual = Visual { data_reference_index: 1, width: config.width, height: config.height, ..Visual::default() };
    container(*b"avc1", &[encoded(&visual), container(*b"avcC", &[config.avcc.to_vec()])])
}

fn mp4a(config: &AudioConfig) -> Mp4a {
    let audio = Audio {
        data_reference_index: 1,
        channel_count: u16::from(config.channels),
        sample_size: 16,
        // A rate that does not fit is 0 by convention; the decoder reads it from the AudioSpecificConfig anyway.
        sample_rate: u16::try_from(config.sample_rate).unwrap_or(0).into(),
    };
    let specific = esds::DecoderSpecific { raw: config.asc.to_vec(), ..esds::DecoderSpecific::default() };
    let decoder = esds::DecoderConfig {
        object_type_indication: OBJECT_TYPE_AAC,
        stream_type: STREAM_TYPE_AUDIO,
        dec_specific: Some(specific),
        ..esds::DecoderConfig::default()
    };
    let descriptor = esds::EsDescriptor { dec_config: decoder, ..esds::EsDescriptor::default() };
    Mp4a { audio, esds: esds::Esds { es_desc: descriptor }, btrt: None, taic: None }
}

/// `ftyp` and `moov`. The containers are put together here, because the library's take no sample entry as bytes.
fn movie(header: Tkhd, handler: [u8; 4], timescale: u32, media_header: Vec<u8>, sample_entry: Vec<u8>) -> Bytes {
    let movie_header = Mvhd {
        creation_time: 0,
        modification_time: 0,
        timescale,
        duration: 0,
        rate: FixedPoint::new(1, 0),
        volume: FixedPoint::new(1, 0),
        matrix: Matrix::default(),
        next_track_id: TRACK_ID + 1,
    };
    let header = Tkhd { track_id: TRACK_ID, enabled: true, in_movie: true, ..header };
    let language = "und".to_owned();
    let handler = Hdlr { handler: handler.into(), name: "nixcast".to_owned() };
    let trex = Trex { track_id: TRACK_ID, default_sample_description_index: 1, ..Trex::default() };
    let in_this_file = Dinf { dref: Dref { entries: vec![DrefEntry::Url(Url::default())] } };

    let media_information = [media_header, encoded(&in_this_file), container(*b"stbl", &sample_table(sample_entry))];
    let media = [
        encoded(&Mdhd { timescale, language, ..Mdhd::default() }),
        encoded(&handler),
        container(*b"minf", &media_information),
    ];
    let track = [encoded(&header), container(*b"mdia", &media)];
    let extends = encoded(&Mvex { mehd: None, trex: vec![trex] });
    let moov = container(*b"moov", &[encoded(&movie_header), container(*b"trak", &track), extends]);
    [encoded(&brands()), moov].concat().into()
}

/// One sample entry and no samples: those come in fragments.
fn sample_table(sample_entry: Vec<u8>) -> [Vec<u8>; 5] {
    // Version and flags, then the number of entries (ISO/IEC 14496-12 section 8.5.2).
    let head = [0, 0, 0, 0, 0, 0, 0, 1].to_vec();
    [
        container(*b"stsd", &[head, sample_entry]),
        encoded(&Stts::default()),
        encoded(&Stsc::default()),
        encoded(&Stsz::default()),
        encoded(&Stco::default()),
    ]
}

fn container(kind: [u8; 4], children: &[Vec<u8>]) -> Vec<u8> {
    let children = children.concat();
    let size = u32::try_from(children.len() + 8).expect("a publisher's message is far below 4 GiB");
    [size.to_be_bytes().as_slice(), &kind, &children].concat()
}

fn encoded(atom: &impl Encode) -> Vec<u8> {
    let mut data = Vec::new();
    atom.encode(&mut data).expect("every field holds its value and a Vec takes every byte");
    data
}

/// iso6 brings signed composition offsets and `tfdt`; cmfc is CMAF.
fn brands() -> Ftyp {
    let brand = FourCC::new;
    Ftyp {
        major_brand: brand(b"iso6"),
        minor_version: 0,
        compatible_brands: vec![brand(b"iso6"), brand(b"mp41"), brand(b"cmfc")],
    }
}
