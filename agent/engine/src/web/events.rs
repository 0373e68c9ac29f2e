//! The event socket: pages are told what changed, and told it whole.
//!
//! Every page follows the four `watch` values at its own pace: a slow one skips what is outdated and never holds up
//! another. A page that plays says every ten seconds how that goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Site;
use super::view::{BroadcastView, Snapshot};
use crate::broadcast::unix_millis;

/// Between two pings; proxies close connections that are silent for a minute.
const PING: Duration = Duration::from_secs(20);

/// Time for a page to take a message.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// Most bytes of what a page says: how playback goes is told in fifty.
const MOST_BYTES: usize = 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
enum Event<'a> {
    Hello {
        /// What time it is here, in milliseconds since 1970: viewers' clocks may be hours away.
        now: i64,
        #[serde(flatten)]
        snapshot: Snapshot<'a>,
    },
    Broadcast {
        broadcast: Option<BroadcastView>,
        last_live: Option<i64>,
    },
    Viewers {
        viewers: Option<usize>,
    },
    Title {
        title: String,
    },
}

/// `GET /api/events`.
pub(super) async fn open(State(site): State<Site>, upgrade: WebSocketUpgrade) -> Response {
    let Ok(permit) = site.pages.clone().try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    upgrade.max_message_size(MOST_BYTES).max_frame_size(MOST_BYTES).on_upgrade(async move |socket| {
        if let Err(error) = follow(site, socket).await {
            tracing::debug!(error = %error, "event socket ended");
        }
        drop(permit);
    })
}

async fn follow(site: Site, mut socket: WebSocket) -> Result<(), axum::Error> {
    let mut look = site.look.clone();
    let mut broadcast = site.channel.view.clone();
    let mut audience = site.audience.clone();
    let mut titled = site.title.follow();
    broadcast.mark_unchanged();
    audience.mark_unchanged();
    let shown = Arc::clone(&look.borrow_and_update());
    let mut viewers = site.shown_viewers();
    let page = site.reports.open_page();
    let snapshot = Snapshot { viewers, ..site.snapshot(&shown) };
    send(&mut socket, &Event::Hello { now: unix_millis(), snapshot }).await?;
    let mut pings = interval(PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Every arm is cancel-safe: `changed` and `tick` keep their state, `recv` returns whole messages.
        tokio::select! {
            changed = look.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let message = look.borrow_and_update().message.clone();
                write(&mut socket, Message::Text(message)).await?;
            }
            changed = broadcast.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let now = broadcast.borrow_and_update().clone();
                send(&mut socket, &Event::Broadcast { broadcast: now, last_live: site.last_live() }).await?;
            }
            changed = titled.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let title = titled.borrow_and_update().title().to_owned();
                send(&mut socket, &Event::Title { title }).await?;
            }
            changed = audience.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            _tick = pings.tick() => write(&mut socket, Message::Ping(bytes::Bytes::new())).await?,
            message = socket.recv() => match message {
                None | Some(Ok(Message::Close(_))) => return Ok(()),
                Some(Ok(Message::Text(text))) => page.hear(&text, Instant::now()),
                Some(Ok(_ignored)) => {}
                Some(Err(error)) => return Err(error),
            },
        }
        // They change with the audience, and with whether viewers are told.
        let now = site.shown_viewers();
        if now != viewers {
            viewers = now;
            send(&mut socket, &Event::Viewers { viewers }).await?;
        }
    }
}

async fn send(socket: &mut WebSocket, event: &Event<'_>) -> Result<(), axum::Error> {
    let text = serde_json::to_string(event).map_err(axum::Error::new)?;
    write(socket, Message::text(text)).await
}

async fn write(socket: &mut WebSocket, message: Message) -> Result<(), axum::Error> {
    timeout(WRITE_DEADLINE, socket.send(message)).await.map_err(axum::Error::new)?
}
