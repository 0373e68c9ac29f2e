//! Which times a worker's units can have: it was given none that lie elsewhere.

use crate::media::VIDEO_TIMESCALE;

/// How far an encoded unit may lie from the newest that the publisher sent: more than every queue on the way holds.
const FARTHEST_S: i64 = 120;

/// Most that a picture is shown after it is decoded: x264 reorders 16 pictures at most, and one may last a second.
const LONGEST_REORDER_S: i64 = 20;

/// The highest sampling rate of AAC, hertz (ISO/IEC 14496-3, table 1.18).
const HIGHEST_RATE: i64 = 96_000;

/// The newest time on the publisher's time line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Newest {
    dts: i64,
}

impl Newest {
    /// A picture of the publisher's, 90 kHz.
    pub fn note(&mut self, dts: i64) {
        self.dts = dts;
    }

    /// Whether a picture of these times, 90 kHz, could be made from what the publisher sent.
    #[must_use]
    pub fn could_be_picture(self, dts: i64, pts: i64) -> bool {
        let second = i64::from(VIDEO_TIMESCALE);
        let is_near = dts.saturating_sub(self.dts).unsigned_abs() <= (FARTHEST_S * second).unsigned_abs();
        is_near && (0..=LONGEST_REORDER_S * second).contains(&pts.saturating_sub(dts))
    }

    /// Whether sound of this time, in samples of whatever rate, could be of this broadcast.
    #[must_use]
    pub fn could_be_sound(self, dts: i64) -> bool {
        let most = (self.dts.max(0) / i64::from(VIDEO_TIMESCALE)).saturating_add(FARTHEST_S);
        dts.unsigned_abs() <= most.saturating_mul(HIGHEST_RATE).unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_no_encoder_could_have_been_given_are_refused() {
        let mut newest = Newest::default();
        newest.note(3600 * 90_000);
        let now = 3600 * 90_000;
        assert!(newest.could_be_picture(now - 90_000, now));
        assert!(newest.could_be_picture(now - 60 * 90_000, now - 60 * 90_000));
        for (dts, pts) in [(0, 0), (now, now - 1), (now, i64::MAX), (i64::MIN, i64::MAX), (i64::MAX, i64::MAX)] {
            assert!(!newest.could_be_picture(dts, pts), "{dts} {pts}");
        }
        assert!(newest.could_be_sound(3600 * 48_000) && newest.could_be_sound(-1024));
        assert!(!newest.could_be_sound(i64::MAX) && !newest.could_be_sound(i64::MIN));
    }
}
