//! Parameter sets inside keyframes, beside those of the init section.
//!
//! Players built on libavformat (ffplay, mpv) and VLC read a playlist's first init section and pass over the next one
//! (measured with FFmpeg 5.1 and VLC 3.0: a rung whose size changed came out as garbage). Their decoders take
//! parameter sets from the stream, so every keyframe carries its own.

use bytes::{BufMut, Bytes, BytesMut};
use nixcast_core::media::VideoConfig;

/// NAL unit types (ISO/IEC 14496-10, table 7-1).
const NAL_SPS: u8 = 7;
const NAL_ACCESS_UNIT_DELIMITER: u8 = 9;

/// Bytes before the first entry of an avcC record, and of the length before each (ISO/IEC 14496-15 section 5.3.3.1).
const HEAD_BYTES: usize = 5;
const LENGTH_BYTES: usize = 2;

/// The parameter sets of one encoder, as NAL units after 4-byte lengths.
#[derive(Clone, Debug, Default)]
pub(super) struct ParameterSets(Bytes);

impl ParameterSets {
    /// Those an avcC record states; none of a record that cannot be read.
    pub(super) fn of(config: &VideoConfig) -> Self {
        read(&config.avcc).map(Self).unwrap_or_default()
    }

    /// The keyframe with the sets in it: behind an access unit delimiter, which has to be first, and not at all where
    /// the encoder has put some there itself.
    pub(super) fn with_keyframe(&self, data: Bytes) -> Bytes {
        if self.0.is_empty() {
            return data;
        }
        let delimiter = match first_nal(&data) {
            Some((NAL_ACCESS_UNIT_DELIMITER, bytes)) => bytes,
            _ => 0,
        };
        let rest = data.slice(delimiter..);
        if first_nal(&rest).is_none_or(|(kind, _)| kind == NAL_SPS) {
            return data;
        }
        let mut whole = BytesMut::with_capacity(data.len() + self.0.len());
        whole.put(&data[..delimiter]);
        whole.put(&self.0[..]);
        whole.put(&rest[..]);
        whole.freeze()
    }
}

fn read(avcc: &[u8]) -> Option<Bytes> {
    let mut rest = avcc.get(HEAD_BYTES..)?;
    let mut sets = BytesMut::new();
    // The count of sequence parameter sets shares its byte with three reserved bits.
    for mask in [0x1f, 0xff] {
        let (count, entries) = rest.split_first()?;
        rest = entries;
        for _ in 0..count & mask {
            let (length, entry) = rest.split_first_chunk::<LENGTH_BYTES>()?;
            let (set, after) = entry.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            sets.put_u32(u32::try_from(set.len()).ok()?);
            sets.put(set);
            rest = after;
        }
    }
    Some(sets.freeze())
}

/// Type of the first NAL unit, and the bytes it takes with its length.
fn first_nal(data: &[u8]) -> Option<(u8, usize)> {
    let (length, nal) = data.split_first_chunk::<4>()?;
    let bytes = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    (bytes <= nal.len()).then_some((nal.first()? & 0x1f, bytes + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AVCC: [u8; 17] = [1, 77, 0, 31, 0xff, 0xe1, 0, 4, 0x67, 77, 0, 31, 1, 0, 2, 0x68, 0xee];
    const SETS: [u8; 14] = [0, 0, 0, 4, 0x67, 77, 0, 31, 0, 0, 0, 2, 0x68, 0xee];
    const IDR: [u8; 6] = [0, 0, 0, 2, 0x65, 1];
    const DELIMITER: [u8; 6] = [0, 0, 0, 2, 9, 0xf0];

    fn keyframe(avcc: &[u8], units: &[&[u8]]) -> Vec<u8> {
        let config = VideoConfig { avcc: Bytes::copy_from_slice(avcc), width: 0, height: 0 };
        ParameterSets::of(&config).with_keyframe(units.concat().into()).to_vec()
    }

    #[test]
    fn a_keyframe_gets_the_sets_once_and_in_the_right_place() {
        assert_eq!(keyframe(&AVCC, &[&IDR]), [&SETS[..], &IDR].concat());
        assert_eq!(keyframe(&AVCC, &[&DELIMITER, &IDR]), [&DELIMITER[..], &SETS, &IDR].concat());
        let own = [&SETS[..], &IDR].concat();
        assert_eq!(keyframe(&AVCC, &[&own]), own);
    }

    #[test]
    fn what_cannot_be_read_is_left_as_it_is() {
        for length in 0..AVCC.len() - 2 {
            assert_eq!(keyframe(&AVCC[..length], &[&IDR]), IDR, "{length} bytes of the record");
        }
        for length in 0..IDR.len() {
            assert_eq!(keyframe(&AVCC, &[&IDR[..length]]), IDR[..length], "{length} bytes of the picture");
        }
    }
}
