//! The one fact the worker needs from an AudioSpecificConfig: the rate its units are stamped in. Pure.

/// ISO/IEC 14496-3 table 1.18.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// The sampling frequency stated first; an extension (SBR) may play at twice that. None when the record is cut short.
pub(super) fn base_rate(asc: &[u8]) -> Option<u32> {
    let mut bits = asc.iter().flat_map(|byte| (0..8).rev().map(move |bit| u32::from(byte >> bit & 1)));
    let mut take = |count: u32| (0..count).try_fold(0, |value, _| Some(value << 1 | bits.next()?));
    const ESCAPED_TYPE: u32 = 31;
    if take(5)? == ESCAPED_TYPE {
        take(6)?;
    }
    const ESCAPED_RATE: u32 = 15;
    let rate = match take(4)? {
        ESCAPED_RATE => take(24)?,
        index => *RATES.get(usize::try_from(index).ok()?)?,
    };
    (rate > 0).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::base_rate;

    #[test]
    fn rates_are_read_and_cut_records_refused() {
        for (asc, want) in [
            (&[0x11, 0x90][..], Some(48_000)),
            (&[0x12, 0x10], Some(44_100)),
            (&[0x2b, 0x11, 0x88, 0x00], Some(24_000)),
            (&[0x17, 0x80, 0x5d, 0xc0, 0x10], Some(48_000)),
            (&[0xf8, 0xaa, 0x40], Some(32_000)),
            (&[0x17, 0x80], None),
            (&[0x16, 0x90], None),
            (&[], None),
        ] {
            assert_eq!(base_rate(asc), want, "{asc:02x?}");
        }
    }
}
