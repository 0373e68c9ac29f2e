//! What webhooks are told of the chat: Owncast's payloads. The engine adds `status` and `serverURL` to `eventData`, as
//! newer versions of Owncast have it.

use serde::{Deserialize, Serialize};

use super::ids::{ConnectionId, MessageId};
use super::stamp::Stamp;
use super::users::UserView;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "eventData", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum WebhookEvent {
    Chat {
        user: UserView,
        timestamp: Stamp,
        body: String,
        raw_body: String,
        id: MessageId,
        client_id: ConnectionId,
        visible: bool,
    },
    UserJoined {
        id: MessageId,
        timestamp: Stamp,
        user: UserView,
        client_id: ConnectionId,
    },
    UserParted {
        id: MessageId,
        timestamp: Stamp,
        user: UserView,
        client_id: ConnectionId,
    },
    /// `user` has the new name already.
    NameChange {
        id: MessageId,
        timestamp: Stamp,
        user: UserView,
        client_id: ConnectionId,
        new_name: String,
    },
    #[serde(rename = "VISIBILITY-UPDATE")]
    VisibilityUpdate {
        id: MessageId,
        timestamp: Stamp,
        /// Always null; Owncast has the field.
        user: Option<UserView>,
        ids: Vec<MessageId>,
        visible: bool,
    },
}
