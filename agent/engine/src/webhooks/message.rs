//! One thing to tell, in the shape Owncast tells it: `{"type": …, "eventData": {…}}`.

use std::time::Instant;

use bytes::Bytes;
use nixcast_core::chat::webhooks::WebhookEvent as ChatEvent;
use nixcast_core::control::Page;
use nixcast_schema::WebhookEvent;
use serde::Serialize;
use serde_json::{Value, json};

use crate::broadcast::unix_millis;

/// A broadcast, as far as a message speaks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broadcast {
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) started_at: i64,
    /// Milliseconds since 1970; none while it is on air.
    pub(super) ended_at_ms: Option<i64>,
    /// The most viewers at once since it began.
    pub(super) peak_viewers: usize,
}

impl Broadcast {
    pub(super) fn started(id: String, started_at: i64) -> Self {
        Self { id, started_at, ended_at_ms: None, peak_viewers: 0 }
    }
}

/// How things stand at the moment of which a message tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Situation<'a> {
    pub(super) page: Option<&'a Page>,
    pub(super) title: String,
    /// The one on air, or the one whose end is told.
    pub(super) broadcast: Option<&'a Broadcast>,
    /// When the last one ended, seconds since 1970, for the time between two.
    pub(super) last_live: Option<i64>,
    pub(super) viewers: usize,
}

/// What is posted, the same at each try.
#[derive(Clone, Debug)]
pub(super) struct Message {
    id: String,
    event: WebhookEvent,
    body: Bytes,
    born: Instant,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventData<'a> {
    id: &'a str,
    name: &'a str,
    summary: &'a str,
    stream_title: &'a str,
    #[serde(rename = "serverURL")]
    server_url: &'a str,
    timestamp: String,
    status: Status<'a>,
}

/// The status that Owncast sends along, as far as it is known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    online: bool,
    viewer_count: usize,
    session_max_viewer_count: usize,
    /// Null while nothing is on air.
    last_connect_time: Option<String>,
    /// Null while something is.
    last_disconnect_time: Option<String>,
    version_number: &'static str,
    stream_title: &'a str,
}

impl Situation<'_> {
    fn status(&self) -> Status<'_> {
        let on_air = self.broadcast.filter(|broadcast| broadcast.ended_at_ms.is_none());
        let ended_ms = self.broadcast.map_or(self.last_live.map(|at| at * 1000), |broadcast| broadcast.ended_at_ms);
        Status {
            online: on_air.is_some(),
            viewer_count: self.viewers,
            session_max_viewer_count: self.broadcast.map_or(0, |broadcast| broadcast.peak_viewers).max(self.viewers),
            last_connect_time: on_air.map(|broadcast| moment(broadcast.started_at * 1000)),
            last_disconnect_time: ended_ms.map(moment),
            version_number: env!("CARGO_PKG_VERSION"),
            stream_title: &self.title,
        }
    }

    fn text(&self, of: fn(&Page) -> &str) -> &str {
        self.page.map_or("", of)
    }

    fn server_url(&self) -> &str {
        self.text(|page| page.public_url.as_deref().unwrap_or_default())
    }
}

impl Message {
    /// Something of the stream, with a new id. An error means that the machine has no randomness to offer.
    pub(super) fn of_stream(event: WebhookEvent, situation: &Situation<'_>) -> Result<Self, getrandom::Error> {
        let id = new_id()?;
        let data = EventData {
            id: &id,
            name: situation.text(|page| &page.name),
            summary: situation.text(|page| &page.summary),
            stream_title: &situation.title,
            server_url: situation.server_url(),
            timestamp: moment(unix_millis()),
            status: situation.status(),
        };
        let body = json!({ "type": event, "eventData": data });
        Ok(Self::new(id, event, &body))
    }

    /// Something of the chat: what Owncast tells of it, and what its newer versions add to every event.
    pub(super) fn of_chat(event: &ChatEvent, situation: &Situation<'_>) -> Result<Self, getrandom::Error> {
        // Structs of texts and numbers cannot fail to become JSON.
        let mut body = serde_json::to_value(event).unwrap_or_default();
        if let Some(data) = body.get_mut("eventData").and_then(Value::as_object_mut) {
            data.insert("serverURL".to_owned(), situation.server_url().into());
            data.insert("status".to_owned(), json!(situation.status()));
        }
        Ok(Self::new(new_id()?, kind_of(event), &body))
    }

    fn new(id: String, event: WebhookEvent, body: &Value) -> Self {
        Self { id, event, body: body.to_string().into(), born: Instant::now() }
    }

    /// "msg_" and 32 hexadecimal digits; the receiver tells by it whether it has seen the message before.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// As the settings name it.
    pub(super) fn event(&self) -> &'static str {
        self.event.name()
    }

    /// Whether it is of the chat, where much is said.
    pub(super) const fn is_talk(&self) -> bool {
        !matches!(
            self.event,
            WebhookEvent::StreamStarted | WebhookEvent::StreamStopped | WebhookEvent::StreamTitleUpdated
        )
    }

    pub(super) fn body(&self) -> &Bytes {
        &self.body
    }

    /// When it happened.
    pub(super) fn born(&self) -> Instant {
        self.born
    }

    #[cfg(test)]
    pub(super) fn of_age(body: &'static str, born: Instant) -> Self {
        Self::of_kind(WebhookEvent::StreamStarted, body, born)
    }

    #[cfg(test)]
    pub(super) fn of_kind(event: WebhookEvent, body: &'static str, born: Instant) -> Self {
        Self { id: "msg_1".to_owned(), event, body: Bytes::from_static(body.as_bytes()), born }
    }
}

/// What a webhook has to ask for to be told of it.
pub(super) const fn kind_of(event: &ChatEvent) -> WebhookEvent {
    match event {
        ChatEvent::Chat { .. } => WebhookEvent::Chat,
        ChatEvent::UserJoined { .. } => WebhookEvent::UserJoined,
        ChatEvent::UserParted { .. } => WebhookEvent::UserParted,
        ChatEvent::NameChange { .. } => WebhookEvent::NameChange,
        ChatEvent::VisibilityUpdate { .. } => WebhookEvent::VisibilityUpdate,
    }
}

fn new_id() -> Result<String, getrandom::Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    Ok(format!("msg_{:032x}", u128::from_be_bytes(random)))
}

/// RFC 3339, UTC, from milliseconds since 1970.
fn moment(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn told(event: WebhookEvent, ended_at_ms: Option<i64>) -> (Message, Value) {
        let page = Page {
            name: "Harbour".to_owned(),
            summary: "Ships".to_owned(),
            public_url: Some("https://live.example".to_owned()),
            ..Page::default()
        };
        let broadcast =
            Broadcast { id: "0123abcd".to_owned(), started_at: 1_767_225_600, ended_at_ms, peak_viewers: 5 };
        let situation = Situation {
            page: Some(&page),
            title: "Ebb".to_owned(),
            broadcast: Some(&broadcast),
            last_live: None,
            viewers: 2,
        };
        let message = Message::of_stream(event, &situation).unwrap();
        let value = serde_json::from_slice(message.body()).unwrap();
        (message, value)
    }

    #[test]
    fn a_start_is_told_as_owncast_tells_it() {
        let (message, value) = told(WebhookEvent::StreamStarted, None);
        let timestamp = value["eventData"]["timestamp"].as_str().unwrap().to_owned();
        assert!(timestamp.parse::<jiff::Timestamp>().is_ok() && timestamp.ends_with('Z'), "{timestamp}");
        assert_eq!(
            value,
            json!({
                "type": "STREAM_STARTED",
                "eventData": {
                    "id": message.id(), "name": "Harbour", "summary": "Ships", "streamTitle": "Ebb",
                    "serverURL": "https://live.example", "timestamp": timestamp,
                    "status": {
                        "online": true, "viewerCount": 2, "sessionMaxViewerCount": 5,
                        "lastConnectTime": "2026-01-01T00:00:00Z", "lastDisconnectTime": null,
                        "versionNumber": env!("CARGO_PKG_VERSION"), "streamTitle": "Ebb",
                    },
                },
            })
        );
    }

    #[test]
    fn an_end_says_when_and_every_message_has_an_id_of_its_own() {
        let (first, value) = told(WebhookEvent::StreamStopped, Some(1_767_225_600_250));
        let status = &value["eventData"]["status"];
        assert_eq!((&status["online"], &status["lastConnectTime"]), (&json!(false), &Value::Null));
        assert_eq!(status["lastDisconnectTime"], "2026-01-01T00:00:00.25Z");
        let (second, _) = told(WebhookEvent::StreamStopped, None);
        assert_ne!(first.id(), second.id());
        assert!(first.id().len() == 36 && first.id().starts_with("msg_"));
    }

    #[test]
    fn what_is_said_is_told_with_how_things_stand() {
        use nixcast_core::chat::ids::{ConnectionId, MessageId, UserId};
        use nixcast_core::chat::stamp::Stamp;
        use nixcast_core::chat::users::UserView;

        let id: MessageId = "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let said = ChatEvent::Chat {
            user: UserView::unknown(&UserId("someone".to_owned())),
            timestamp: Stamp(1_767_225_600_000),
            body: "<p>hi</p>".to_owned(),
            raw_body: "hi".to_owned(),
            id,
            client_id: ConnectionId(7),
            visible: true,
        };
        let situation = Situation { last_live: Some(1_767_225_600), ..Situation::default() };
        let message = Message::of_chat(&said, &situation).unwrap();
        assert_eq!((message.event(), message.is_talk()), ("CHAT", true));
        let value: Value = serde_json::from_slice(message.body()).unwrap();
        let data = &value["eventData"];
        assert_eq!((&value["type"], &data["rawBody"], &data["clientId"]), (&json!("CHAT"), &json!("hi"), &json!(7)));
        assert_eq!((&data["serverURL"], &data["status"]["online"]), (&json!(""), &json!(false)));
        assert_eq!(data["status"]["lastDisconnectTime"], "2026-01-01T00:00:00Z");
    }
}
