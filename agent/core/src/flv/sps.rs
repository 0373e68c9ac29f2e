//! Size and sample format of pictures, out of an H.264 sequence parameter set (ISO/IEC 14496-10, section 7.3.2.1.1).

use super::bits::BitReader;

/// Largest side taken, pixels. Level 6.2 allows 16 880, browsers and encoders far less.
const MAX_SIDE: u32 = 16_384;
/// Profiles whose parameter sets state chroma format, bit depth and scaling lists.
const HIGH_PROFILES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// Width and height as shown, after cropping. `nal` starts with the NAL header byte. None: cannot be right.
pub(super) fn picture_size(nal: &[u8]) -> Option<(u16, u16)> {
    let payload = without_emulation_prevention(nal.get(1..)?);
    let mut bits = BitReader::new(&payload);
    let profile = bits.bits(8)?;
    bits.bits(16)?; // Constraint flags and level.
    at_most(bits.unsigned()?, 31)?; // seq_parameter_set_id
    let chroma = if HIGH_PROFILES.contains(&profile) {
        read_chroma(&mut bits)?
    } else {
        Chroma { format: 1, is_split: false, luma_bits: 8 }
    };
    skip_frame_numbering(&mut bits)?;
    let width = in_macroblocks(bits.unsigned()?)?;
    let height_units = in_macroblocks(bits.unsigned()?)?;
    let is_frames_only = bits.flag()?;
    if !is_frames_only {
        bits.flag()?; // mb_adaptive_frame_field_flag
    }
    bits.flag()?; // direct_8x8_inference_flag
    let fields = if is_frames_only { 1 } else { 2 };
    let height = height_units * fields;
    let (across, down) = if bits.flag()? { read_crop(&mut bits, &chroma, fields)? } else { (0, 0) };
    Some((side(width, across)?, side(height, down)?))
}

/// Chroma format (table 6-1) and bits of a luma sample. `nal` as for [`picture_size`].
pub(crate) fn picture_samples(nal: &[u8]) -> Option<(u8, u8)> {
    let payload = without_emulation_prevention(nal.get(1..)?);
    let mut bits = BitReader::new(&payload);
    let profile = bits.bits(8)?;
    if !HIGH_PROFILES.contains(&profile) {
        return Some((1, 8));
    }
    bits.bits(16)?; // Constraint flags and level.
    at_most(bits.unsigned()?, 31)?; // seq_parameter_set_id
    let Chroma { format, luma_bits, .. } = read_chroma(&mut bits)?;
    Some((u8::try_from(format).ok()?, u8::try_from(luma_bits).ok()?))
}

struct Chroma {
    format: u32,
    is_split: bool,
    luma_bits: u32,
}

fn read_chroma(bits: &mut BitReader<'_>) -> Option<Chroma> {
    let format = at_most(bits.unsigned()?, 3)?;
    let is_split = format == 3 && bits.flag()?;
    let luma_bits = 8 + at_most(bits.unsigned()?, 6)?;
    at_most(bits.unsigned()?, 6)?; // bit_depth_chroma_minus8
    bits.flag()?; // qpprime_y_zero_transform_bypass_flag
    if bits.flag()? {
        let lists = if format == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.flag()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(Chroma { format, is_split, luma_bits })
}

fn skip_scaling_list(bits: &mut BitReader<'_>, size: usize) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.signed()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// log2_max_frame_num to gaps_in_frame_num_value_allowed_flag.
fn skip_frame_numbering(bits: &mut BitReader<'_>) -> Option<()> {
    at_most(bits.unsigned()?, 12)?;
    match bits.unsigned()? {
        0 => {
            at_most(bits.unsigned()?, 12)?;
        }
        1 => {
            bits.flag()?;
            bits.signed()?;
            bits.signed()?;
            for _ in 0..at_most(bits.unsigned()?, 255)? {
                bits.signed()?;
            }
        }
        2 => (),
        _ => return None,
    }
    at_most(bits.unsigned()?, 16)?; // max_num_ref_frames
    bits.flag().map(|_| ())
}

/// Luma pixels cut off in all, across and down.
fn read_crop(bits: &mut BitReader<'_>, chroma: &Chroma, fields: u32) -> Option<(u32, u32)> {
    let (unit_across, unit_down) = match (chroma.is_split, chroma.format) {
        (false, 1) => (2, 2),
        (false, 2) => (2, 1),
        _ => (1, 1),
    };
    let [left, right, top, bottom] = [bits.unsigned()?, bits.unsigned()?, bits.unsigned()?, bits.unsigned()?];
    let across = left.checked_add(right)?.checked_mul(unit_across)?;
    let down = top.checked_add(bottom)?.checked_mul(unit_down * fields)?;
    Some((across, down))
}

fn in_macroblocks(minus_one: u32) -> Option<u32> {
    at_most(minus_one, MAX_SIDE / 16 - 1).map(|count| (count + 1) * 16)
}

fn side(coded: u32, cut: u32) -> Option<u16> {
    let shown = coded.checked_sub(cut).filter(|shown| (1..=MAX_SIDE).contains(shown))?;
    u16::try_from(shown).ok()
}

fn at_most(value: u32, most: u32) -> Option<u32> {
    (value <= most).then_some(value)
}

/// Drops the 3 of each 0, 0, 3 (section 7.4.1.1).
fn without_emulation_prevention(nal: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    payload
}
