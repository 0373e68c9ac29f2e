//! The bytes of one part: one `moof` and one `mdat`, and `styp` where a segment begins.

use bytes::Bytes;
use mp4_atom::{Encode, FourCC, Mfhd, Moof, Styp, Tfdt, Tfhd, Traf, Trun, TrunEntry};

/// Each track is a file of its own, so each is number 1 of its file.
pub(super) const TRACK_ID: u32 = 1;

/// Sample flags (ISO/IEC 14496-12 section 8.8.3.1): depends on no other sample.
const SYNC: u32 = 0x0200_0000;
/// Depends on others and is no sync sample.
const NOT_SYNC: u32 = 0x0101_0000;
const BOX_HEADER_BYTES: usize = 8;
/// Why encoding into memory cannot go wrong.
const FITS: &str = "offsets were brought into range and a Vec takes every byte";

/// An access unit with the decode time it gets.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) decode: i64,
    /// Decode time as the encoder states it, never before that of an earlier sample.
    pub(super) time: i64,
    pub(super) pts: i64,
    pub(super) is_sync: bool,
    pub(super) data: Bytes,
}

/// What goes into one part.
pub(super) struct Fragment<'a> {
    /// From 1.
    pub(super) number: u32,
    pub(super) is_video: bool,
    /// Whether it is the first part of a segment.
    pub(super) begins_segment: bool,
    pub(super) samples: &'a [Sample],
    /// Decode time of the sample after the last one.
    pub(super) end_decode: i64,
}

impl Fragment<'_> {
    pub(super) fn encode(&self) -> Bytes {
        let media_bytes: usize = self.samples.iter().map(|sample| sample.data.len()).sum();
        let moof_bytes = encoded(&self.moof(0)).len();
        let data_offset = i32::try_from(moof_bytes + BOX_HEADER_BYTES).expect("a moof holds bounded samples");
        let mut data = if self.begins_segment { encoded(&brands()) } else { Vec::new() };
        data.reserve_exact(moof_bytes + BOX_HEADER_BYTES + media_bytes);
        self.moof(data_offset).encode(&mut data).expect(FITS);
        let mdat_bytes = u32::try_from(media_bytes + BOX_HEADER_BYTES).expect("segments are cut far below 4 GiB");
        data.extend_from_slice(&mdat_bytes.to_be_bytes());
        data.extend_from_slice(b"mdat");
        for sample in self.samples {
            data.extend_from_slice(&sample.data);
        }
        data.into()
    }

    /// `data_offset` is the distance of the first sample's bytes from the start of the moof.
    fn moof(&self, data_offset: i32) -> Moof {
        let tfhd = Tfhd {
            track_id: TRACK_ID,
            default_sample_flags: Some(if self.is_video { NOT_SYNC } else { SYNC }),
            default_base_is_moof: true,
            ..Tfhd::default()
        };
        let base = self.samples.first().map_or(0, |first| first.decode);
        let tfdt = Tfdt { base_media_decode_time: u64::try_from(base).unwrap_or(0) };
        let trun = Trun { data_offset: Some(data_offset), samples: self.entries().collect::<Vec<_>>().into() };
        let traf = Traf { tfhd, tfdt: Some(tfdt), trun: vec![trun], ..Traf::default() };
        Moof { mfhd: Mfhd { sequence_number: self.number }, traf: vec![traf] }
    }

    fn entries(&self) -> impl Iterator<Item = TrunEntry> {
        let ends = self.samples.iter().skip(1).map(|next| next.decode).chain([self.end_decode]);
        self.samples.iter().zip(ends).map(|(sample, end)| {
            let offset = sample.pts.saturating_sub(sample.decode);
            TrunEntry {
                duration: Some(u32::try_from(end - sample.decode).unwrap_or(u32::MAX)),
                size: Some(u32::try_from(sample.data.len()).expect("a unit is far below 4 GiB")),
                flags: self.is_video.then_some(if sample.is_sync { SYNC } else { NOT_SYNC }),
                cts: self.is_video.then_some(offset.clamp(i32::MIN.into(), i32::MAX.into())),
            }
        })
    }
}

/// A CMAF segment; msdh is the brand older players look for.
fn brands() -> Styp {
    let brand = FourCC::new;
    Styp { major_brand: brand(b"msdh"), minor_version: 0, compatible_brands: vec![brand(b"msdh"), brand(b"cmfs")] }
}

fn encoded(atom: &impl Encode) -> Vec<u8> {
    let mut data = Vec::new();
    atom.encode(&mut data).expect(FITS);
    data
}
