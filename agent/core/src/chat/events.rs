//! What is sent to chat clients: Owncast's events, and ours where it has none.

use serde::{Deserialize, Serialize};

use super::ids::{ConnectionId, MessageId};
use super::stamp::Stamp;
use super::users::UserView;

/// One JSON object on the socket; several may be joined by line breaks in one text frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub id: MessageId,
    pub timestamp: Stamp,
    #[serde(flatten)]
    pub kind: EventKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum EventKind {
    /// Who the client is. Comes first, and again after each change.
    ConnectedUserInfo {
        user: UserView,
    },
    Chat(ChatBody),
    /// From the host. Its user has nothing but the stream's name.
    System {
        body: String,
        user: SystemUser,
    },
    /// Something that happened, and what one client alone is told.
    ChatAction {
        body: String,
    },
    UserJoined {
        user: UserView,
        #[serde(rename = "clientId")]
        client: ConnectionId,
    },
    UserParted {
        user: UserView,
        #[serde(rename = "clientId")]
        client: ConnectionId,
    },
    NameChange {
        user: UserView,
        old_name: String,
    },
    #[serde(rename = "VISIBILITY-UPDATE")]
    VisibilityUpdate {
        ids: Vec<MessageId>,
        visible: bool,
    },
    /// The client's user is banned; the socket is closed two seconds later.
    ErrorUserDisabled {
        user: UserView,
    },
    /// The login is worth nothing any more; the socket is closed two seconds later. Owncast says so to strangers.
    ErrorNeedsRegistration {},
    /// Ours. `withdrawn`: no question any more, or never was.
    #[serde(rename = "QUESTION-UPDATE")]
    QuestionUpdate {
        message_id: MessageId,
        votes: usize,
        answered: bool,
        #[serde(default, skip_serializing_if = "is_false")]
        withdrawn: bool,
    },
    /// Ours: everything since the id that the client named has been sent. Not `complete`: there was more than is kept.
    Resumed {
        complete: bool,
    },
    /// Ours: the chat has closed because the stream is over, or is open again. Told of a closed chat to whoever comes.
    Opening {
        open: bool,
    },
    /// Ours: the message with this nonce was taken before, and cannot be sent again because it is hidden or old.
    Taken {
        nonce: String,
        message_id: MessageId,
    },
    /// Ours: the message with this nonce was not taken; `body` says why.
    Refused {
        nonce: String,
        body: String,
    },
}

/// A viewer's message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatBody {
    /// HTML, safe to show.
    pub body: String,
    pub user: UserView,
    pub visible: bool,
    /// On the moderators' list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_at: Option<Stamp>,
    /// Ours: the sender's own mark, by which its client knows its message again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Standing>,
}

/// How a question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub votes: usize,
    pub answered: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemUser {
    pub display_name: String,
}

const fn is_false(value: &bool) -> bool {
    !*value
}

/// A plain sentence as HTML.
#[must_use]
pub fn paragraph(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 7);
    html.push_str("<p>");
    for char in text.chars() {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            char => html.push(char),
        }
    }
    html.push_str("</p>");
    html
}
