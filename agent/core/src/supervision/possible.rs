//! What a worker can have made of what it was given. Whatever else it sends is nonsense.

use crate::media::VIDEO_TIMESCALE;

/// How far an encoded unit may lie from the end of what the publisher sent: more than every queue on the way holds.
const FARTHEST_S: i64 = 120;

/// Most that a picture is shown after it is decoded: x264 reorders 16 pictures at most, and one may last a second.
const LONGEST_REORDER_S: i64 = 20;

/// The sampling rates of AAC, hertz (ISO/IEC 14496-3, table 1.18).
const LOWEST_RATE: u32 = 7_350;
const HIGHEST_RATE: u32 = 96_000;

/// Whether a picture of these times could be made from what the publisher has sent up to `sent`, all in 90 kHz.
#[must_use]
pub fn could_be_picture(dts: i64, pts: i64, sent: i64) -> bool {
    let second = i64::from(VIDEO_TIMESCALE);
    let is_near = dts.saturating_sub(sent).unsigned_abs() <= (FARTHEST_S * second).unsigned_abs();
    is_near && (0..=LONGEST_REORDER_S * second).contains(&pts.saturating_sub(dts))
}

/// Whether sound of this time, in samples of whatever rate, could be made from what the publisher has sent up to `sent`
/// (90 kHz).
#[must_use]
pub fn could_be_sound(dts: i64, sent: i64) -> bool {
    let most = (sent.max(0) / i64::from(VIDEO_TIMESCALE)).saturating_add(FARTHEST_S);
    dts.unsigned_abs() <= most.saturating_mul(HIGHEST_RATE.into()).unsigned_abs()
}

/// Whether sound can have so many samples a second.
#[must_use]
pub fn could_be_rate(hertz: u32) -> bool {
    (LOWEST_RATE..=HIGHEST_RATE).contains(&hertz)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_encoder_could_have_been_given_is_refused() {
        let now = 3600 * 90_000;
        assert!(could_be_picture(now - 90_000, now, now));
        assert!(could_be_picture(now - 60 * 90_000, now - 60 * 90_000, now));
        for (dts, pts) in [(0, 0), (now, now - 1), (now, i64::MAX), (i64::MIN, i64::MAX), (i64::MAX, i64::MAX)] {
            assert!(!could_be_picture(dts, pts, now), "{dts} {pts}");
        }
        assert!(could_be_sound(3600 * 48_000, now) && could_be_sound(-1024, now));
        assert!(!could_be_sound(i64::MAX, now) && !could_be_sound(i64::MIN, now));
        assert!(could_be_rate(48_000) && !could_be_rate(0) && !could_be_rate(u32::MAX));
    }
}
