//! The newest thumbnail and preview of the running broadcast.

use bytes::Bytes;
use nixcast_media::protocol::{Still, StillKind};
use tokio::sync::watch;

/// Each none until the worker has made one, and again once the broadcast is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stills {
    /// JPEG.
    pub(crate) thumbnail: Option<Bytes>,
    /// GIF.
    pub(crate) preview: Option<Bytes>,
}

impl Stills {
    /// Puts `still` in place of the last one of its kind.
    pub(super) fn put(stills: &watch::Sender<Self>, still: Still) {
        stills.send_modify(|stills| match still.kind {
            StillKind::Thumbnail => stills.thumbnail = Some(still.data),
            StillKind::Preview => stills.preview = Some(still.data),
        });
    }
}
