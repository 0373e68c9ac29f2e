//! The stream's title: what the streamer or a program says the stream is about, until they say something else.
//!
//! Run-time state, kept beside the chat's memory, so that it outlives the engine. Whoever shows it follows it; a title
//! that is set is also said in the chat.

use std::time::Duration;

use nixcast_core::chat::command::Command;
use nixcast_core::chat::events::paragraph;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::chat::Chat;
use crate::chat::store::{StoreError, Write};
use crate::tasks::{self, chain};

/// Longest title, in characters. Owncast's own form takes 100.
pub(crate) const MOST_CHARS: usize = 200;

/// How long a new title waits for the old one to be read: the store checks its file when the engine starts.
const READ_DEADLINE: Duration = Duration::from_secs(10);

/// Why a title is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TitleError {
    #[error("A title has at most {MOST_CHARS} characters.")]
    TooLong,
    #[error("The server has just started. Please try again in a moment.")]
    Unread,
}

/// The title at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// None until it was read.
    title: Option<String>,
    /// How often it was set since the engine started.
    pub(crate) changes: u64,
}

impl State {
    /// Empty: there is none.
    pub(crate) fn title(&self) -> &str {
        self.title.as_deref().unwrap_or_default()
    }
}

/// The title. Clones are the same title.
#[derive(Clone, Debug)]
pub(crate) struct Title {
    state: watch::Sender<State>,
    chat: Chat,
}

impl Title {
    /// Reads the title that an engine before this one was told.
    pub(crate) fn start(chat: Chat) -> Self {
        let title = Self { state: watch::Sender::default(), chat };
        let own = title.clone();
        tasks::spawn("title", async move {
            let read = own.read().await;
            own.state.send_modify(|state| state.title = Some(read));
        });
        title
    }

    /// Waits for as long as the store takes.
    async fn read(&self) -> String {
        loop {
            match self.chat.store().title().await {
                Ok(title) => return title.unwrap_or_default(),
                Err(StoreError::Late) => {}
                Err(error) => {
                    tracing::error!(error = chain(&error), "the stream's title is forgotten");
                    return String::new();
                }
            }
        }
    }

    /// Empty: there is none.
    pub(crate) fn get(&self) -> String {
        self.state.borrow().title.clone().unwrap_or_default()
    }

    pub(crate) fn follow(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Shows another title; an empty one: none. The chat is told of one that is not empty, as in Owncast.
    pub(crate) async fn set(&self, title: &str) -> Result<(), TitleError> {
        let title = clean(title)?;
        let mut read = self.state.subscribe();
        // What is waited for is dropped at once: it holds the title, which is about to change.
        let is_read =
            timeout(READ_DEADLINE, read.wait_for(|state| state.title.is_some())).await.map(|read| read.is_ok());
        if is_read != Ok(true) {
            return Err(TitleError::Unread);
        }
        self.chat.store().write(Write::Title(title.clone()));
        self.state.send_modify(|state| {
            state.title = Some(title.clone());
            state.changes += 1;
        });
        tracing::info!(characters = title.chars().count(), "the stream has another title");
        if !title.is_empty() && self.chat.rules().enable {
            let body = paragraph(&format!("The stream is now called \u{201c}{title}\u{201d}."));
            if let Err(error) = self.chat.apply(Command::Action { body }).await {
                tracing::warn!(error = chain(&error), "the chat is not told of the new title");
            }
        }
        Ok(())
    }
}

/// One line without what cannot be seen.
fn clean(title: &str) -> Result<String, TitleError> {
    let visible: String = title.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > MOST_CHARS { Err(TitleError::TooLong) } else { Ok(line) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use nixcast_core::chat::rules::ChatRules;
    use nixcast_core::chat::users::DeclaredModerators;

    use super::*;

    fn started(folder: &std::path::Path) -> (Title, Chat) {
        let (_view, live) = watch::channel(None);
        let chat = Chat::start(Some(folder.to_owned()), live);
        (Title::start(chat.clone()), chat)
    }

    #[tokio::test]
    async fn a_title_outlives_the_engine_and_is_said_once() {
        let folder = tempfile::tempdir().unwrap();
        let (title, chat) = started(folder.path());
        // There is no chat before one is declared.
        chat.declare(ChatRules::default(), DeclaredModerators::new()).await.unwrap();
        assert_eq!(title.get().as_str(), "");
        let mut followed = title.follow();
        title.set("  Ebb\n& flow ").await.unwrap();
        assert_eq!((title.get().as_str(), followed.borrow_and_update().changes), ("Ebb & flow", 1));
        let history = chat.look(|room, _now_ms| room.full_history()).await.unwrap();
        let said = serde_json::to_string(&history).unwrap();
        assert!(said.contains("Ebb &amp; flow") && history.len() == 1, "{said}");
        chat.part().await;
        drop((title, chat));

        let (title, _chat) = started(folder.path());
        let mut followed = title.follow();
        let kept = followed.wait_for(|state| state.title.is_some()).await.unwrap().clone();
        assert_eq!((kept.title(), kept.changes), ("Ebb & flow", 0), "nothing changed");
    }

    #[tokio::test]
    async fn a_title_is_one_line_of_bearable_length() {
        let folder = tempfile::tempdir().unwrap();
        let (title, _chat) = started(folder.path());
        title.set(&"å".repeat(MOST_CHARS)).await.unwrap();
        assert!(matches!(title.set(&"å".repeat(MOST_CHARS + 1)).await, Err(TitleError::TooLong)));
        title.set("\u{7} \t").await.unwrap();
        assert_eq!(title.get().as_str(), "");
    }
}
