#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
//! Golden playlists, tables and random broadcasts.

mod golden;
mod ladder;
mod listing;
mod parts;
mod random;
mod recall;

use super::{Answer, InitFacts, Moment, Part, Presentation, Reload, SegmentFacts, Track, Uri};
use crate::ids::EncoderId;
use crate::ladder::LatencyLevel;

/// 2026-11-22T12:00:00Z.
const NOON_MS: i64 = 1_795_348_800_000;

fn video(name: &str) -> Track {
    Track::Video(name.to_owned())
}

fn presentation(level: u8, ladder: &[(&str, u64)]) -> Presentation {
    let mut presentation = Presentation::new("0badcafe".to_owned(), NOON_MS, LatencyLevel::new(level));
    declare(&mut presentation, ladder);
    presentation
}

fn declare(presentation: &mut Presentation, ladder: &[(&str, u64)]) {
    let ladder: Vec<_> = ladder.iter().map(|(name, bps)| ((*name).to_owned(), *bps)).collect();
    presentation.set_ladder(&ladder);
}

/// A 16:9 picture of this height.
fn picture(height: u16) -> InitFacts {
    InitFacts { codecs: "avc1.64001f".to_owned(), width: height / 9 * 16, height, frame_rate: Some(30.0) }
}

fn start(presentation: &mut Presentation, name: &str, id: u32, height: u16) {
    presentation.add_init(&video(name), EncoderId(id), picture(height));
}

fn start_sound(presentation: &mut Presentation, id: u32) {
    let facts = InitFacts { codecs: "mp4a.40.2".to_owned(), width: 0, height: 0, frame_rate: None };
    presentation.add_init(&Track::Audio, EncoderId(id), facts);
}

/// A segment from `from_ms` to `to_ms` of 1 Mbit/s.
fn segment(from_ms: i64, to_ms: i64) -> SegmentFacts {
    let bytes = u64::try_from((to_ms - from_ms) * 125).unwrap();
    let (start_us, duration_us) = (from_ms * 1000, (to_ms - from_ms) * 1000);
    SegmentFacts { start_us, duration_us, bytes, is_independent: true, parts: Vec::new(), is_whole: true }
}

/// The same in parts of `part_ms`, the first of them independent; whole or not.
fn in_parts(from_ms: i64, to_ms: i64, part_ms: i64, is_whole: bool) -> SegmentFacts {
    let starts = (from_ms..to_ms).step_by(part_ms as usize);
    let parts = starts.map(|start_ms| Part {
        duration_us: (to_ms - start_ms).min(part_ms) * 1000,
        is_independent: start_ms == from_ms,
    });
    SegmentFacts { parts: parts.collect(), is_whole, ..segment(from_ms, to_ms) }
}

fn add(presentation: &mut Presentation, name: &str, from_ms: i64, to_ms: i64) -> Option<Uri> {
    presentation.add_segment(&video(name), segment(from_ms, to_ms))
}

fn text(presentation: &mut Presentation, name: &str) -> String {
    let text = presentation.media_playlist(&video(name), NOON_MS).unwrap();
    String::from_utf8(text.to_vec()).unwrap()
}

fn parsed(text: impl AsRef<[u8]>) -> m3u8_rs::MediaPlaylist {
    m3u8_rs::parse_media_playlist_res(text.as_ref()).unwrap()
}

/// Numbers and addresses listed.
fn listed(presentation: &mut Presentation, name: &str) -> (u64, Vec<String>) {
    let playlist = parsed(text(presentation, name));
    (playlist.media_sequence, playlist.segments.into_iter().map(|segment| segment.uri).collect())
}
