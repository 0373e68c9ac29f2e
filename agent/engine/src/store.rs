//! Bytes of init sections and segments, by address. Memory only; what leaves the window leaves the store.
//!
//! A segment is kept as the list of its parts, and served from it in either form: no byte is there twice.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use nixcast_core::hls::{Uri, parent_of};

/// Shared between the broadcast, which writes, and the web server, which reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store(Arc<RwLock<HashMap<String, Kept>>>);

#[derive(Debug)]
struct Kept {
    pieces: Vec<Bytes>,
    /// Whether nothing will be added. Before that only parts are given out: caches take an answer for the whole.
    is_whole: bool,
}

/// What was asked of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// These bytes, one piece after the other.
    Pieces(Vec<Bytes>),
    /// Nothing yet: a part of a segment that still grows, or of one that has not begun.
    NotYet,
    /// Nothing, and it will stay so as long as the segment is kept.
    Nothing,
}

impl Store {
    /// Keeps `data` under `uri`.
    pub(crate) fn put(&self, uri: &Uri, data: Bytes) {
        self.put_segment(uri, vec![data], true);
    }

    /// Keeps the parts of a segment, all there are so far. Gives the number of those that were not there before.
    pub(crate) fn put_segment(&self, uri: &Uri, parts: Vec<Bytes>, is_whole: bool) -> usize {
        let count = parts.len();
        let kept = Kept { pieces: parts, is_whole };
        let before = self.0.write().unwrap_or_else(PoisonError::into_inner).insert(uri.as_str().to_owned(), kept);
        count.saturating_sub(before.map_or(0, |before| before.pieces.len()))
    }

    /// What is kept under `path`, a path below `/hls/`: a whole segment or init section, or a part.
    pub(crate) fn get(&self, path: &str) -> Found {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(whole) = kept.get(path) {
            return if whole.is_whole { Found::Pieces(whole.pieces.clone()) } else { Found::Nothing };
        }
        let Some((segment, index)) = parent_of(path) else { return Found::Nothing };
        match kept.get(&segment) {
            Some(Kept { pieces, is_whole }) => match pieces.get(index) {
                Some(part) => Found::Pieces(vec![part.clone()]),
                None if *is_whole => Found::Nothing,
                None => Found::NotYet,
            },
            None => Found::NotYet,
        }
    }

    /// How many are kept, and their bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (kept.len(), kept.values().flat_map(|kept| &kept.pieces).map(Bytes::len).sum())
    }

    pub(crate) fn free(&self, uris: &[Uri]) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for uri in uris {
            kept.remove(uri.as_str());
        }
    }

    /// Frees everything: a new broadcast begins.
    pub(crate) fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use nixcast_core::hls::{InitFacts, Presentation, Track};
    use nixcast_core::ids::EncoderId;
    use nixcast_core::ladder::LatencyLevel;

    use super::*;

    #[test]
    fn a_segment_is_its_parts_and_is_given_out_when_it_is_whole() {
        let mut presentation = Presentation::new("0badcafe".to_owned(), 0, LatencyLevel::new(0));
        let facts = InitFacts { codecs: String::new(), width: 0, height: 0, frame_rate: None };
        // Any address will do; those of segments end the same way.
        let uri = presentation.add_init(&Track::Audio, EncoderId(1), facts);
        let store = Store::default();
        let [one, two] = [Bytes::from_static(b"one"), Bytes::from_static(b"two")];
        assert_eq!(store.get(uri.as_str()), Found::Nothing);
        store.put(&uri, one.clone());
        assert_eq!(store.get("audio/0badcafe-i1.mp4"), Found::Pieces(vec![one.clone()]));

        let facts = nixcast_core::hls::SegmentFacts {
            start_us: 0,
            duration_us: 200_000,
            bytes: 3,
            is_independent: true,
            parts: vec![nixcast_core::hls::Part { duration_us: 200_000, is_independent: true }],
            is_whole: false,
        };
        let Some(uri) = presentation.add_segment(&Track::Audio, facts) else { panic!("it is the first segment") };
        let part = |index: usize| store.get(&format!("audio/0badcafe-1.{index}.m4s"));
        assert_eq!(part(0), Found::NotYet);
        assert_eq!(store.put_segment(&uri, vec![one.clone()], false), 1);
        assert_eq!(store.get(uri.as_str()), Found::Nothing, "it is not whole");
        assert_eq!((part(0), part(1)), (Found::Pieces(vec![one.clone()]), Found::NotYet));
        assert_eq!(store.put_segment(&uri, vec![one.clone(), two.clone()], true), 1);
        assert_eq!((part(1), part(2)), (Found::Pieces(vec![two.clone()]), Found::Nothing));
        assert_eq!(store.get(uri.as_str()), Found::Pieces(vec![one, two]));
        assert_eq!(store.size(), (2, 9));
        store.free(&[uri]);
        assert_eq!(store.size(), (1, 3));
    }
}
