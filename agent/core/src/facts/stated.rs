//! What an encoder says of itself inside the picture.

/// First byte of a NAL unit with supplemental enhancement information, less its reference bits (ISO/IEC 14496-10,
/// table 7-1).
const SEI: u8 = 6;

/// What x264 puts before its name and options in an unregistered user data message (`x264_sei_version_write`).
const X264: [u8; 16] = [0xdc, 0x45, 0xe9, 0xbd, 0xe6, 0xd9, 0x48, 0xb7, 0x96, 0x2c, 0xd8, 0x20, 0xd9, 0x23, 0xee, 0xef];

/// Most pictures from one keyframe to the next, as x264 states it in the first picture that it sends; `data` is that
/// picture, each NAL unit after its length of four bytes. None for another encoder, and for one that need not send any.
///
/// OBS and ffmpeg both pass this on. Keyframes may come sooner, wherever the picture changes altogether.
#[must_use]
pub fn stated_keyframe_pictures(data: &[u8]) -> Option<u32> {
    let mut rest = data;
    while let Some((length, after)) = rest.split_first_chunk() {
        let (unit, next) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        if unit.first().is_some_and(|header| header & 0x1f == SEI)
            && let Some(at) = unit.windows(X264.len()).position(|bytes| bytes == X264)
        {
            let options = String::from_utf8_lossy(&unit[at + X264.len()..]);
            return options.split_whitespace().find_map(|option| option.strip_prefix("keyint="))?.parse().ok();
        }
        rest = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nal(header: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 1).unwrap_or(0);
        [&length.to_be_bytes()[..], &[header], payload].concat()
    }

    /// An access unit delimiter, x264's message as it is sent, and a picture.
    fn picture(options: &str) -> Vec<u8> {
        let text = format!("x264 - core 164 r3095 - options: cabac=1 {options} keyint_min=25 scenecut=40\0");
        let message = [&[5, 255, 60][..], &X264, text.as_bytes()].concat();
        [nal(9, &[0xf0]), nal(SEI, &message), nal(0x65, &[0x88, 0x84])].concat()
    }

    #[test]
    fn x264_says_how_far_keyframes_may_be_apart() {
        assert_eq!(stated_keyframe_pictures(&picture("keyint=250")), Some(250));
        assert_eq!(stated_keyframe_pictures(&picture("keyint=60")), Some(60));
        assert_eq!(stated_keyframe_pictures(&picture("keyint=infinite")), None);
        assert_eq!(stated_keyframe_pictures(&picture("")), None, "the least distance is another option");
    }

    #[test]
    fn others_say_nothing_and_what_is_cut_off_is_not_believed() {
        let other = [nal(SEI, &[5, 16, 1, 2, 3]), nal(0x65, b"keyint=250")].concat();
        assert_eq!(stated_keyframe_pictures(&other), None);
        let whole = picture("keyint=250");
        for length in 0..whole.len() {
            let told = stated_keyframe_pictures(&whole[..length]);
            assert!(told.is_none() || length > 100, "{length}: {told:?}");
        }
        assert_eq!(stated_keyframe_pictures(&[255; 64]), None);
    }
}
