//! The size a rung is encoded in. Pure.

/// Width and height in pixels, both even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A picture as the publisher sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SourceSize {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Width of one pixel divided by its height, as a fraction; (1, 1) when square or unknown.
    pub(super) pixel_aspect: (u32, u32),
}

impl SourceSize {
    /// Pixels of a square-pixel picture of the same shape. Only the width changes, so no line is lost.
    const fn square(self) -> (u64, u64) {
        let (num, den) = self.pixel_aspect;
        if num == 0 || den == 0 {
            return (self.width as u64, self.height as u64);
        }
        (self.width as u64 * num as u64 / den as u64, self.height as u64)
    }
}

/// The size for a rung that declares `width` and `height`.
///
/// Both: as declared, even if that enlarges or changes the shape. One: the other follows the shape, and the picture is
/// never enlarged. None: as the source. Pixels come out square; every side is even and at least 2.
pub(super) fn rung_size(width: Option<u16>, height: Option<u16>, source: SourceSize) -> Size {
    let (source_width, source_height) = source.square();
    let (width, height) = match (width.map(u64::from), height.map(u64::from)) {
        (Some(width), Some(height)) => (width, height),
        (Some(width), None) => {
            let width = width.min(source_width);
            (width, rounded(width * source_height, source_width))
        }
        (None, Some(height)) => {
            let height = height.min(source_height);
            (rounded(height * source_width, source_height), height)
        }
        (None, None) => (source_width, source_height),
    };
    Size { width: even(width), height: even(height) }
}

const fn rounded(num: u64, den: u64) -> u64 {
    match (num + den / 2).checked_div(den) {
        Some(quotient) => quotient,
        None => 0,
    }
}

/// The nearest even number that a `u16` holds, at least 2; odd ones go down, so that nothing is invented.
fn even(value: u64) -> u32 {
    u32::try_from(value & !1).unwrap_or(u32::MAX).clamp(2, 65_534)
}

#[cfg(test)]
mod tests {
    use super::{Size, SourceSize, rung_size};

    #[test]
    fn sizes_follow_the_declaration_and_the_source() {
        let hd = SourceSize { width: 1920, height: 1080, pixel_aspect: (1, 1) };
        let pal = SourceSize { width: 720, height: 576, pixel_aspect: (16, 11) };
        let odd = SourceSize { width: 1279, height: 719, pixel_aspect: (0, 1) };
        let portrait = SourceSize { width: 1080, height: 1920, pixel_aspect: (1, 1) };
        for (source, width, height, want) in [
            (hd, None, None, (1920, 1080)),
            (hd, None, Some(720), (1280, 720)),
            (hd, Some(854), None, (854, 480)),
            (hd, None, Some(480), (852, 480)),
            (hd, None, Some(2160), (1920, 1080)),
            (hd, Some(3840), None, (1920, 1080)),
            (hd, Some(3840), Some(2160), (3840, 2160)),
            (hd, Some(640), Some(640), (640, 640)),
            (portrait, None, Some(720), (404, 720)),
            (pal, None, None, (1046, 576)),
            (pal, None, Some(288), (524, 288)),
            (odd, None, None, (1278, 718)),
        ] {
            let got = rung_size(width, height, source);
            assert_eq!(got, Size { width: want.0, height: want.1 }, "{source:?} {width:?} {height:?}");
        }
    }
}
