//! One thing to tell, in the shape Owncast tells it: `{"type": …, "eventData": {…}}`.

use std::time::Instant;

use bytes::Bytes;
use nixcast_core::control::Page;
use nixcast_schema::WebhookEvent;
use serde::Serialize;

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

/// What is posted, the same at each try.
#[derive(Clone, Debug)]
pub(super) struct Message {
    id: String,
    event: WebhookEvent,
    body: Bytes,
    born: Instant,
}

#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    event: WebhookEvent,
    #[serde(rename = "eventData")]
    data: EventData<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventData<'a> {
    id: &'a str,
    name: &'a str,
    summary: &'a str,
    /// Owncast has a title that is set while live; there is none here.
    stream_title: &'a str,
    #[serde(rename = "serverURL")]
    server_url: &'a str,
    timestamp: String,
    status: Status,
}

/// The status that Owncast sends along, as far as it is known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    online: bool,
    viewer_count: usize,
    session_max_viewer_count: usize,
    /// Null once the broadcast has ended.
    last_connect_time: Option<String>,
    last_disconnect_time: Option<String>,
    version_number: &'static str,
    stream_title: &'static str,
}

impl Message {
    /// A message with a new id. An error means that the machine has no randomness to offer.
    pub(super) fn new(
        event: WebhookEvent,
        broadcast: &Broadcast,
        page: Option<&Page>,
        viewers: usize,
    ) -> Result<Self, getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let id = format!("msg_{:032x}", u128::from_be_bytes(random));
        let text = |of: fn(&Page) -> &str| page.map_or("", of);
        let is_over = broadcast.ended_at_ms.is_some();
        let envelope = Envelope {
            event,
            data: EventData {
                id: &id,
                name: text(|page| &page.name),
                summary: text(|page| &page.summary),
                stream_title: "",
                server_url: text(|page| page.public_url.as_deref().unwrap_or_default()),
                timestamp: moment(unix_millis()),
                status: Status {
                    online: !is_over,
                    viewer_count: viewers,
                    session_max_viewer_count: broadcast.peak_viewers.max(viewers),
                    last_connect_time: (!is_over).then(|| moment(broadcast.started_at * 1000)),
                    last_disconnect_time: broadcast.ended_at_ms.map(moment),
                    version_number: env!("CARGO_PKG_VERSION"),
                    stream_title: "",
                },
            },
        };
        // Plain structs of texts and numbers cannot fail to become JSON.
        let body = serde_json::to_vec(&envelope).unwrap_or_default().into();
        Ok(Self { id, event, body, born: Instant::now() })
    }

    /// "msg_" and 32 hexadecimal digits; the receiver tells by it whether it has seen the message before.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// As the settings name it.
    pub(super) fn event(&self) -> &'static str {
        match self.event {
            WebhookEvent::StreamStarted => "STREAM_STARTED",
            WebhookEvent::StreamStopped => "STREAM_STOPPED",
        }
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
        Self {
            id: "msg_1".to_owned(),
            event: WebhookEvent::StreamStarted,
            body: Bytes::from_static(body.as_bytes()),
            born,
        }
    }
}

/// RFC 3339, UTC, from milliseconds since 1970.
fn moment(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

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
        let message = Message::new(event, &broadcast, Some(&page), 2).unwrap();
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
                    "id": message.id(), "name": "Harbour", "summary": "Ships", "streamTitle": "",
                    "serverURL": "https://live.example", "timestamp": timestamp,
                    "status": {
                        "online": true, "viewerCount": 2, "sessionMaxViewerCount": 5,
                        "lastConnectTime": "2026-01-01T00:00:00Z", "lastDisconnectTime": null,
                        "versionNumber": env!("CARGO_PKG_VERSION"), "streamTitle": "",
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
}
