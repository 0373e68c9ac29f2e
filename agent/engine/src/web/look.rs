//! The declared page as it is served: made once for each change, and read by every request.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use nixcast_core::chat::rules::ChatRules;
use nixcast_core::control::Page;
use tokio::sync::watch;

use super::shell::Sheet;
use super::view::{ChatView, PageView};
use crate::declared::{Declared, Watch};
use crate::tasks::{self, chain};

/// One declared page.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) declared: Page,
    pub(crate) view: PageView,
    pub(crate) sheet: Sheet,
    /// [`Self::view`] as a message of the event socket, written once for all open pages.
    pub(crate) message: Utf8Bytes,
}

impl Look {
    fn of(declared: Page, chat: Option<ChatView>) -> Self {
        let view = PageView::of(&declared, chat);
        let message = serde_json::json!({ "kind": "page", "page": view }).to_string().into();
        Self { declared, sheet: Sheet::of(&view), view, message }
    }

    /// Whether this is the page of these settings.
    pub(crate) fn shows(&self, settings: &Declared, rules: &ChatRules) -> bool {
        let is_of = |page: &Page| *page == self.declared && self.view.chat == ChatView::of(rules);
        settings.page.as_ref().is_none_or(is_of)
    }
}

/// The page of the newest settings; before the agent has spoken, an empty one.
///
/// Made aside: a long text takes its milliseconds, an absurd one its seconds, and until then the page stays as it was.
pub(crate) fn follow(mut declared: Watch, mut rules: watch::Receiver<Arc<ChatRules>>) -> watch::Receiver<Arc<Look>> {
    let (look, looks) = watch::channel(Arc::new(Look::default()));
    tasks::spawn("page", async move {
        loop {
            let page = declared.borrow_and_update().page.clone();
            let chat = ChatView::of(&rules.borrow_and_update());
            let is_news = |page: &Page| {
                let shown = look.borrow();
                *page != shown.declared || chat != shown.view.chat
            };
            if let Some(page) = page.filter(is_news) {
                match tokio::task::spawn_blocking(|| Look::of(page, chat)).await {
                    Ok(made) => drop(look.send_replace(Arc::new(made))),
                    Err(error) => tracing::error!(error = chain(&error), "the page stays as it was"),
                }
            }
            // Both only wait; what changed is read above.
            let changed = tokio::select! {
                changed = declared.changed() => changed,
                changed = rules.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    });
    looks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn declared(name: &str, latency_level: u8) -> Arc<Declared> {
        let page = Page { name: name.to_owned(), page_content: "# x".to_owned(), ..Page::default() };
        Arc::new(Declared { page: Some(page), latency_level: Some(latency_level), ..Declared::default() })
    }

    #[tokio::test]
    async fn a_page_is_made_once_for_each_change_of_it() {
        let (settings, watched) = watch::channel(declared("a", 1));
        let (rules, ruled) = watch::channel(Arc::new(ChatRules::default()));
        let mut looks = follow(watched, ruled);
        looks.changed().await.unwrap();
        assert_eq!(looks.borrow_and_update().view.name, "a");
        settings.send_replace(declared("a", 2));
        tokio::task::yield_now().await;
        settings.send_replace(declared("b", 2));
        looks.changed().await.unwrap();
        let look = Arc::clone(&looks.borrow_and_update());
        let (on, off) = (ChatRules::default(), ChatRules { enable: false, ..ChatRules::default() });
        assert!(look.shows(&declared("b", 1), &on) && !look.shows(&declared("a", 2), &on));
        assert!(!look.shows(&declared("b", 1), &off), "it has a chat");
        assert_eq!((look.view.name.as_str(), look.view.content_html.as_str()), ("b", "<h2>x</h2>"));
        let message: serde_json::Value = serde_json::from_str(&look.message).unwrap();
        assert_eq!(message, serde_json::json!({ "kind": "page", "page": look.view }));
        rules.send_replace(Arc::new(off));
        looks.changed().await.unwrap();
        let quiet = Arc::clone(&looks.borrow_and_update());
        assert_eq!((quiet.view.name.as_str(), &quiet.view.chat), ("b", &None));
        drop(settings);
        assert!(looks.changed().await.is_err(), "nothing was made of settings that leave the page alone");
    }
}
