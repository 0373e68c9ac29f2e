//! Init segments: `ftyp` and `moov` of a track without samples (ISO/IEC 14496-12, 23000-19).

use bytes::Bytes;
use mp4_atom::{
    Audio, Codec, Dinf, Dref, DrefEntry, Encode, FixedPoint, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Minf, Moov, Mp4a, Mvex,
    Mvhd, Smhd, Stbl, Stco, Stsd, Tkhd, Trak, Trex, Url, Visual, Vmhd, esds,
};
use nixcast_core::media::{AudioConfig, VIDEO_TIMESCALE, VideoConfig};

use super::fragment::TRACK_ID;

/// MPEG-4 Audio, and an audio stream (ISO/IEC 14496-1 tables 5 and 6).
const OBJECT_TYPE_AAC: u8 = 0x40;
const STREAM_TYPE_AUDIO: u8 = 0x05;
/// Why encoding into memory cannot go wrong.
const FITS: &str = "every field holds its value and a Vec takes every byte";

/// For pictures. The decoder configuration record is written byte for byte as the encoder stated it.
pub(super) fn video(config: &VideoConfig) -> Bytes {
    let header = Tkhd { width: config.width.into(), height: config.height.into(), ..Tkhd::default() };
    let media = Minf { vmhd: Some(Vmhd::default()), ..Minf::default() };
    movie(header, *b"vide", VIDEO_TIMESCALE, media, avc1(config))
}

/// For sound.
pub(super) fn audio(config: &AudioConfig) -> Bytes {
    let header = Tkhd { volume: FixedPoint::new(1, 0), alternate_group: 1, ..Tkhd::default() };
    let media = Minf { smhd: Some(Smhd::default()), ..Minf::default() };
    movie(header, *b"soun", config.sample_rate, media, mp4a(config))
}

/// An `avc1` sample entry. The typed one of the box library would parse the record and write it anew, losing what it
/// does not know.
fn avc1(config: &VideoConfig) -> Codec {
    let visual = Visual { data_reference_index: 1, width: config.width, height: config.height, ..Visual::default() };
    let mut body = Vec::new();
    visual.encode(&mut body).expect(FITS);
    let record_size = u32::try_from(config.avcc.len() + 8).expect("a publisher's message is far below 4 GiB");
    body.extend_from_slice(&record_size.to_be_bytes());
    body.extend_from_slice(b"avcC");
    body.extend_from_slice(&config.avcc);
    Codec::Unknown(FourCC::new(b"avc1"), body)
}

fn mp4a(config: &AudioConfig) -> Codec {
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
    Codec::Mp4a(Mp4a { audio, esds: esds::Esds { es_desc: descriptor }, btrt: None, taic: None })
}

fn movie(header: Tkhd, handler: [u8; 4], timescale: u32, media: Minf, codec: Codec) -> Bytes {
    let sample_table = Stbl { stsd: Stsd { codecs: vec![codec] }, stco: Some(Stco::default()), ..Stbl::default() };
    let in_this_file = DrefEntry::Url(Url::default());
    let minf = Minf { dinf: Dinf { dref: Dref { entries: vec![in_this_file] } }, stbl: sample_table, ..media };
    let mdhd = Mdhd { timescale, language: "und".to_owned(), ..Mdhd::default() };
    let hdlr = Hdlr { handler: handler.into(), name: "nixcast".to_owned() };
    let tkhd = Tkhd { track_id: TRACK_ID, enabled: true, in_movie: true, ..header };
    let trex = Trex { track_id: TRACK_ID, default_sample_description_index: 1, ..Trex::default() };
    let moov = Moov {
        mvhd: Mvhd {
            creation_time: 0,
            modification_time: 0,
            timescale,
            duration: 0,
            rate: FixedPoint::new(1, 0),
            volume: FixedPoint::new(1, 0),
            matrix: mp4_atom::Matrix::default(),
            next_track_id: TRACK_ID + 1,
        },
        mvex: Some(Mvex { mehd: None, trex: vec![trex] }),
        trak: vec![Trak { tkhd, mdia: Mdia { mdhd, hdlr, minf }, ..Trak::default() }],
        ..Moov::default()
    };
    let mut data = Vec::new();
    brands().encode(&mut data).expect(FITS);
    moov.encode(&mut data).expect(FITS);
    data.into()
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
