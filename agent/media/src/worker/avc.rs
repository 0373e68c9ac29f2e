//! H.264 as x264 writes it (Annex B) to H.264 as fMP4 wants it (avcC record, length-prefixed samples). Pure.
//!
//! ISO/IEC 14496-15 section 5; the NAL unit types are those of ITU-T H.264 table 7-1.

use bytes::{BufMut, Bytes, BytesMut};

const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;
const NAL_DELIMITER: u8 = 9;
const NAL_FILLER: u8 = 12;
/// Profiles whose record carries chroma format and bit depths.
const HIGH_PROFILES: [u8; 4] = [100, 110, 122, 144];

/// The avcC record for the parameter sets in `annex_b`; none without both an SPS and a PPS.
///
/// Chroma format and depth are written as 4:2:0 and 8 bit, the only ones this worker encodes.
pub(super) fn record(annex_b: &[u8]) -> Option<Vec<u8>> {
    let sets = |kind| nal_units(annex_b).filter(move |nal| nal_type(nal) == kind);
    let sps = sets(NAL_SPS).next()?;
    let (profile, compatibility, level) = (*sps.get(1)?, *sps.get(2)?, *sps.get(3)?);
    let mut record = vec![1, profile, compatibility, level, 0xfc | 3];
    put_sets(&mut record, 0xe0, sets(NAL_SPS))?;
    put_sets(&mut record, 0, sets(NAL_PPS))?;
    if HIGH_PROFILES.contains(&profile) {
        record.extend([0xfc | 1, 0xf8, 0xf8, 0]);
    }
    Some(record)
}

fn put_sets<'a>(record: &mut Vec<u8>, reserved: u8, sets: impl Iterator<Item = &'a [u8]> + Clone) -> Option<()> {
    let count = u8::try_from(sets.clone().count()).ok().filter(|count| (1..32).contains(count))?;
    record.push(reserved | count);
    for set in sets {
        record.extend(u16::try_from(set.len()).ok()?.to_be_bytes());
        record.extend(set);
    }
    Some(())
}

/// One access unit as a sample: each NAL unit behind its length in 4 bytes.
///
/// Parameter sets live in the record, delimiters and filler have no place in a sample; all three are left out. SEI
/// stays: the one x264 puts before its very first picture names the settings that really encode this rung, which is
/// what people ask `mediainfo` for, and is sent once.
pub(super) fn sample(annex_b: &[u8]) -> Bytes {
    let mut sample = BytesMut::with_capacity(annex_b.len() + 16);
    let wanted = |nal: &&[u8]| !matches!(nal_type(nal), NAL_SPS | NAL_PPS | NAL_DELIMITER | NAL_FILLER);
    for nal in nal_units(annex_b).filter(wanted) {
        sample.put_u32(u32::try_from(nal.len()).expect("a packet of libavcodec is shorter than 2 GiB"));
        sample.put_slice(nal);
    }
    sample.freeze()
}

fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |head| head & 0x1f)
}

/// The NAL units between start codes, without empty ones and without trailing zero bytes.
fn nal_units(annex_b: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let mut rest = after_start_code(annex_b);
    std::iter::from_fn(move || {
        loop {
            let bytes = rest?;
            let end = find_start_code(bytes).unwrap_or(bytes.len());
            rest = after_start_code(&bytes[end..]);
            let nal = &bytes[..end];
            let zeros = nal.iter().rev().take_while(|byte| **byte == 0).count();
            if zeros < nal.len() {
                return Some(&nal[..nal.len() - zeros]);
            }
        }
    })
}

fn find_start_code(bytes: &[u8]) -> Option<usize> {
    // The third byte decides most positions at once: above 1 no start code can cover it.
    let mut at = 0;
    while let Some(window) = bytes.get(at..at + 3) {
        match window {
            [0, 0, 1] => return Some(at),
            [_, _, third] if *third > 1 => at += 3,
            _ => at += 1,
        }
    }
    None
}

fn after_start_code(bytes: &[u8]) -> Option<&[u8]> {
    find_start_code(bytes).map(|at| &bytes[at + 3..])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::{record, sample};

    #[test]
    fn parameter_sets_become_a_record() {
        let annex_b = [0, 0, 0, 1, 0x67, 100, 0, 31, 9, 0, 0, 1, 0x68, 0xee];
        let want = [1, 100, 0, 31, 0xff, 0xe1, 0, 5, 0x67, 100, 0, 31, 9, 1, 0, 2, 0x68, 0xee, 0xfd, 0xf8, 0xf8, 0];
        assert_eq!(record(&annex_b).unwrap(), want);
        assert_eq!(record(&annex_b[..9]), None);
        assert_eq!(record(&[]), None);
    }

    #[test]
    fn a_sample_has_lengths_and_no_parameter_sets() {
        let annex_b =
            [0, 0, 0, 1, 9, 16, 0, 0, 0, 1, 0x67, 100, 0, 0, 1, 0x68, 1, 0, 0, 1, 6, 5, 0, 0, 1, 0x65, 7, 0, 0];
        assert_eq!(sample(&annex_b).as_ref(), [0, 0, 0, 2, 6, 5, 0, 0, 0, 2, 0x65, 7]);
    }

    proptest! {
        #[test]
        fn any_units_come_back(units in proptest::collection::vec(proptest::collection::vec(2_u8..255, 1..40), 0..6)) {
            let (mut annex_b, mut want) = (Vec::new(), Vec::new());
            for mut unit in units {
                unit[0] = 0x41;
                annex_b.extend([0, 0, 1]);
                annex_b.extend(&unit);
                want.extend(u32::try_from(unit.len()).unwrap().to_be_bytes());
                want.extend(unit);
            }
            prop_assert_eq!(sample(&annex_b), want);
        }
    }
}
