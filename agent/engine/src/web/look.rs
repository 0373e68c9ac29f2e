//! The declared page as it is served: made once for each change, and read by every request.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::Utf8Bytes;
use nixcast_core::control::Page;
use nixcast_core::networks::Networks;

use super::view::PageView;
use crate::declared::Declared;

/// One declared page.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) declared: Page,
    pub(crate) view: PageView,
    /// [`Self::view`] as a message of the event socket, written once for all open pages.
    pub(crate) message: Utf8Bytes,
}

impl Look {
    fn of(declared: &Page) -> Self {
        let view = PageView::from(declared);
        let message = serde_json::json!({ "kind": "page", "page": view }).to_string().into();
        Self { declared: declared.clone(), view, message }
    }
}

/// What is made of the newest settings.
#[derive(Debug, Default)]
pub(crate) struct Looks(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    declared: Arc<Declared>,
    look: Arc<Look>,
    trusted: Arc<Networks>,
}

impl Looks {
    /// The page of `declared`; before the agent has spoken, an empty one.
    pub(crate) fn look(&self, declared: &Arc<Declared>) -> Arc<Look> {
        self.latest(declared, |latest| Arc::clone(&latest.look))
    }

    /// The proxies that `declared` trusts.
    pub(crate) fn trusted(&self, declared: &Arc<Declared>) -> Arc<Networks> {
        self.latest(declared, |latest| Arc::clone(&latest.trusted))
    }

    /// Locked for the milliseconds that a new page takes to make, and otherwise for no longer than a comparison.
    fn latest<T>(&self, declared: &Arc<Declared>, read: impl FnOnce(&Latest) -> T) -> T {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&latest.declared, declared) {
            latest.follow(declared);
        }
        read(&latest)
    }
}

impl Latest {
    fn follow(&mut self, declared: &Arc<Declared>) {
        if let Some(page) = declared.page.as_ref().filter(|page| **page != self.look.declared) {
            self.look = Arc::new(Look::of(page));
        }
        self.trusted = Arc::new(declared.trusted_proxies.as_deref().map(Networks::new).unwrap_or_default());
        self.declared = Arc::clone(declared);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn declared(name: &str, port: u8) -> Arc<Declared> {
        let page = Page { name: name.to_owned(), page_content: "# x".to_owned(), ..Page::default() };
        Arc::new(Declared { page: Some(page), latency_level: Some(port), ..Declared::default() })
    }

    #[test]
    fn a_page_is_made_once_for_each_change_of_it() {
        let looks = Looks::default();
        let first = looks.look(&declared("a", 1));
        assert!(Arc::ptr_eq(&first, &looks.look(&declared("a", 2))), "other settings leave the page alone");
        let second = looks.look(&declared("b", 2));
        assert_eq!((second.view.name.as_str(), second.view.content_html.as_str()), ("b", "<h2>x</h2>"));
        let message: serde_json::Value = serde_json::from_str(&second.message).unwrap();
        assert_eq!(message, serde_json::json!({ "kind": "page", "page": second.view }));
    }
}
