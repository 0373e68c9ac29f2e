//! Bytes of init sections and segments, by address. Memory only; what leaves the window leaves the store.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use nixcast_core::hls::Uri;

/// Shared between the broadcast, which writes, and the web server, which reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store(Arc<RwLock<HashMap<String, Bytes>>>);

impl Store {
    /// Keeps `data` under `uri`.
    pub(crate) fn put(&self, uri: &Uri, data: Bytes) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(uri.as_str().to_owned(), data);
    }

    /// What is kept under `uri`, a path below `/hls/`.
    pub(crate) fn get(&self, uri: &str) -> Option<Bytes> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(uri).cloned()
    }

    /// How many are kept, and their bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (kept.len(), kept.values().map(Bytes::len).sum())
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
