//! The chat in the shell: the room it takes beside the stream, and the pages that hold nothing else. All of them are made
//! by the script; what is here is what is seen before it runs.

use maud::{DOCTYPE, Markup, html};

use super::{ALL, Sheet, head, icon, json};
use crate::web::assets::entry;
use crate::web::view::Snapshot;

/// A speech bubble, in a box of 24 by 24; as `chat` in `shapes.ts`.
const BUBBLE: &str = "M5 4h14a3 3 0 0 1 3 3v8a3 3 0 0 1-3 3h-6.6l-4.75 3.8A1 1 0 0 1 6 21v-3H5a3 3 0 0 1-3-3V7a3 3 0 0 1 \
    3-3zm0 2a1 1 0 0 0-1 1v8a1 1 0 0 0 1 1h2a1 1 0 0 1 1 1v1.9l3.4-2.7a1 1 0 0 1 .6-.2h7a1 1 0 0 0 1-1V7a1 1 0 0 0-1-1z";

/// A page that is about the chat alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChatPage {
    /// For a frame or an overlay: what is said.
    ReadOnly,
    /// For a frame or a window of its own.
    ReadWrite,
    /// For moderators.
    Moderate,
    /// The questions, for the speaker.
    Stage,
}

impl ChatPage {
    /// As `main.ts` knows it.
    const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "chat-readonly",
            Self::ReadWrite => "chat-readwrite",
            Self::Moderate => "moderate",
            Self::Stage => "stage",
        }
    }
}

/// One of the pages that hold the chat alone.
#[must_use]
pub(crate) fn chat_page(view: &Snapshot<'_>, sheet: &Sheet, which: ChatPage) -> Markup {
    let logo = view.page.logo.as_deref().unwrap_or(&entry().mark);
    let quiet = Snapshot { broadcast: None, ..view.clone() };
    html! {
        (DOCTYPE)
        html lang="en" data-view=(which.name()) data-socket="closed" {
            (head(&quiet, sheet, logo, true, ALL))
            body {
                div id="app" { noscript { p class="chat-nojs" { "The chat needs JavaScript." } } }
                script type="application/json" id="nixcast-state" { (json(view)) }
            }
        }
    }
}

/// The room that the chat takes beside the stream, so that nothing moves when it comes.
pub(super) fn room() -> Markup {
    html! {
        aside id="chat-container" class="chat" aria-label="Chat" {
            noscript { p class="chat-nojs" { "The chat needs JavaScript." } }
        }
    }
}

/// What brings a hidden chat back; as in `About.svelte`.
pub(super) fn button() -> Markup {
    html! {
        button class="share show-chat" type="button" { (icon(BUBBLE)) span { "Show chat" } }
    }
}
