//! Sound: rates and channels.

use nixcast_tests::beat::Beat;

use super::*;

#[test]
fn rates_and_channels_are_passed_on() {
    let cases = [(44_100, 1), (44_100, 2), (44_100, 6), (48_000, 1), (48_000, 2), (48_000, 6)];
    at_once(&cases, |&(sample_rate, channels)| {
        let story = send(&Beat { sample_rate, channels, ..Beat::USUAL }, Ladder::Source, 4);
        let sound = media::stream(&story.last_run_file(SOUND));
        assert_eq!(sound["sample_rate"], sample_rate.to_string(), "{sound}");
        assert_eq!(sound["channels"], channels, "{sound}");
        assert_together(&story, "source");
    });
}

#[test]
fn rates_and_channels_are_encoded() {
    let cases = [(44_100, 1), (44_100, 2), (48_000, 6)];
    at_once(&cases, |&(sample_rate, channels)| {
        let story = send(&Beat { sample_rate, channels, ..Beat::USUAL }, Ladder::Encoded, 4);
        let sound = media::stream(&story.last_run_file(SOUND));
        assert_eq!(sound["codec_name"], "aac");
        // Two channels are what every viewer's device plays; one needs no second.
        assert_eq!(sound["channels"], channels.min(2), "{sound}");
        assert_together(&story, "low");
    });
}
