//! What Owncast's admin page, and programs in its place, read. All of it behind the declared name and password.

use std::time::Instant;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Json, Response};
use nixcast_core::control::{Encode, Listener, Rung};
use nixcast_schema::{Encoder, Preset, WebhookEvent};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::access::{Operator, unkept};
use super::super::metrics::exposition::{self, Exposition};
use super::super::{Peer, Site};
use super::{config, simple};
use crate::chat::ChatError;
use crate::chat::store::UsersPage;

/// `windowStart`: seconds since 1970.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Window {
    #[serde(default)]
    window_start: i64,
}

/// `GET /api/admin/viewersOverTime`.
pub(super) async fn viewers_over_time(
    _operator: Operator,
    State(site): State<Site>,
    Query(window): Query<Window>,
) -> Response {
    unkept(Json(site.series.since(window.window_start)))
}

#[derive(Serialize)]
struct WebhookEntry {
    id: usize,
    url: String,
    events: Vec<WebhookEvent>,
}

/// `GET /api/admin/webhooks`: numbered by name, without secrets.
pub(super) async fn webhooks(_operator: Operator, State(site): State<Site>) -> Response {
    let declared = site.declared();
    let enabled = declared.webhooks.values().filter(|webhook| webhook.enabled);
    let entries = enabled.zip(1..).map(|(webhook, id)| {
        let (url, events) = (webhook.url.clone(), webhook.events.clone());
        WebhookEntry { id, url, events }
    });
    unkept(Json(entries.collect::<Vec<_>>()))
}

/// `/api/admin/disconnect`: ends the publisher's session and with it the broadcast. The stream key stays declared, so that
/// an encoder that connects anew begins another broadcast.
///
/// Owncast's clients ask by GET, so a session of the browser is no leave for it, and neither is a page of another site
/// that makes a browser send the password it knows (Fetch Metadata, section 2.4).
pub(super) async fn disconnect(
    State(site): State<Site>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = site.admit(peer, &headers).await {
        return refusal.into_response();
    }
    if headers.get("sec-fetch-site").is_some_and(|from| from != "same-origin" && from != "none") {
        return simple(StatusCode::FORBIDDEN, "not from a page of another site");
    }
    if site.channel.disconnect().await {
        tracing::info!("the operator ended the broadcast");
        simple(StatusCode::OK, "inbound stream disconnected")
    } else {
        // Owncast's answer, status and all.
        unkept(Json(json!({ "success": false, "message": "no inbound stream connected" })))
    }
}

/// `GET /api/admin/schedule`: there is none yet.
pub(super) async fn schedule(_operator: Operator) -> Response {
    unkept(Json(json!({ "series": [], "events": [] })))
}

/// `GET /api/admin/prometheus`: the figures under Owncast's names. CPU is missing in the first minute.
pub(super) async fn prometheus(_operator: Operator, State(site): State<Site>) -> Result<Response, ChatError> {
    let chat = site.chat();
    let (clients, messages) = chat.look(|room, _now_ms| (room.connections().count(), room.history().len())).await?;
    let (_newest, users) = chat.store().users_page(UsersPage { limit: 1, ..UsersPage::default() }).await?;
    let troubled = site.reports.playback(Instant::now()).troubled();
    let mut text = Exposition::default();
    for (name, help, value) in [
        ("active_viewer_count", "The number of viewers.", Some(site.viewer_count())),
        ("active_chat_client_count", "Sockets in the chat.", Some(clients)),
        ("total_chat_users", "Users that ever came into the chat and were not deleted.", usize::try_from(users).ok()),
        ("current_chat_message_count", "Messages that a newcomer is shown.", Some(messages)),
        ("playback_error_count", "Players whose picture stood still in the last minute.", Some(troubled)),
        ("cpu_usage", "CPU in use, per cent of all cores.", site.hardware.cpu()),
    ] {
        if let Some(value) = value {
            text.gauge(&format!("owncast_instance_{name}"), help, value);
        }
    }
    Ok(unkept(([(header::CONTENT_TYPE, exposition::CONTENT_TYPE)], text.finish())))
}

/// `GET /api/admin/serverconfig`: the declared settings in Owncast's shape. Secrets are not among them: this process
/// has none in clear.
pub(super) async fn server_config(_operator: Operator, State(site): State<Site>) -> Response {
    unkept(Json(server_config_of(&site)))
}

fn server_config_of(site: &Site) -> Value {
    let (look, declared, chat) = (site.look(), site.declared(), site.chat().rules());
    let page = &look.declared;
    let listeners = site.applied.borrow().listeners.clone();
    let address = |listener| listeners.get(&listener).copied();
    let mut rungs: Vec<&Rung> = declared.ladder.values().collect();
    rungs.sort_by_key(|rung| rung.position);
    json!({
        "instanceDetails": {
            "name": page.name, "summary": page.summary, "tags": page.tags, "logo": "/logo", "nsfw": page.nsfw,
            "socialHandles": config::handles(&look.view, None), "extraPageContent": page.page_content,
            "offlineMessage": page.offline_message, "welcomeMessage": chat.welcome_message, "streamTitle": site.title().get(),
            "customStyles": page.custom_css, "customJavascript": page.custom_javascript,
            "appearanceVariables": config::appearance(&look.view.theme),
        },
        "streamKeys": declared.stream_keys.values().map(|key| json!({ "key": "", "comment": key.comment }))
            .collect::<Vec<_>>(),
        "adminPassword": "",
        "webServerIP": address(Listener::Http).map(|address| address.ip().to_string()),
        "webServerPort": address(Listener::Http).map(|address| address.port()),
        "rtmpServerPort": address(Listener::Rtmp).map(|address| address.port()),
        "externalActions": config::actions(&look.view),
        "hideViewerCount": !page.show_viewer_count,
        "disableSearchIndexing": !page.search_indexing,
        "videoSettings": {
            "latencyLevel": declared.latency_level,
            "videoQualityVariants": rungs.into_iter().map(variant).collect::<Vec<_>>(),
        },
        "videoCodec": codec(declared.encoder.unwrap_or_default()),
        "supportedCodecs": ENCODERS.map(codec),
        "chatDisabled": !chat.enable,
        "chatJoinMessagesEnabled": chat.join_messages,
        "chatEstablishedUserMode": chat.established_users_only,
        "chatSpamProtectionEnabled": chat.spam_protection,
        "chatSlurFilterEnabled": false,
        "chatRequireAuthentication": false,
        "forbiddenUsernames": chat.forbidden_names,
        "suggestedUsernames": chat.suggested_names,
        "federation": {
            "enabled": false, "username": "", "goLiveMessage": "", "isPrivate": false, "showEngagement": false,
            "blockedDomains": [],
        },
        "s3": { "enabled": false, "forcePathStyle": false },
        "yp": { "enabled": false, "instanceUrl": page.public_url.as_deref().unwrap_or_default() },
        "notifications": {
            "browser": { "enabled": false, "goLiveMessage": "" },
            "discord": { "enabled": false, "goLiveMessage": "", "webhook": "" },
        },
        "ffmpegPath": "",
        "socketHostOverride": "",
        "videoServingEndpoint": "",
        "streamKeyOverridden": false,
    })
}

fn variant(rung: &Rung) -> Value {
    let (name, audio) = (&rung.name, rung.audio_bitrate_kbps);
    match &rung.encode {
        Encode::Passthrough => {
            json!({ "name": name, "videoPassthrough": true, "audioPassthrough": true, "framerate": 0,
                    "videoBitrate": 0, "audioBitrate": 0, "cpuUsageLevel": 0 })
        }
        Encode::Transcode { width, height, framerate, video_bitrate_kbps, preset } => {
            json!({ "name": name, "videoPassthrough": false, "audioPassthrough": false, "framerate": framerate,
                    "videoBitrate": video_bitrate_kbps, "audioBitrate": audio, "scaledWidth": width,
                    "scaledHeight": height, "cpuUsageLevel": cpu_usage(*preset) })
        }
    }
}

/// Owncast's 0 to 4; what is slower still counts as its slowest.
fn cpu_usage(preset: Preset) -> u8 {
    match preset {
        Preset::Ultrafast => 0,
        Preset::Superfast => 1,
        Preset::Veryfast => 2,
        Preset::Faster => 3,
        _ => 4,
    }
}

/// In the order of Owncast's menu.
const ENCODERS: [Encoder; 5] = [Encoder::X264, Encoder::Nvenc, Encoder::Vaapi, Encoder::Qsv, Encoder::V4l2m2m];

/// What ffmpeg, and Owncast with it, calls an encoder.
fn codec(encoder: Encoder) -> &'static str {
    match encoder {
        Encoder::X264 => "libx264",
        Encoder::Nvenc => "h264_nvenc",
        Encoder::Vaapi => "h264_vaapi",
        Encoder::Qsv => "h264_qsv",
        Encoder::V4l2m2m => "h264_v4l2m2m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_have_the_names_that_owncasts_clients_read() {
        let names = ENCODERS.map(codec);
        assert_eq!(names, ["libx264", "h264_nvenc", "h264_vaapi", "h264_qsv", "h264_v4l2m2m"]);
        assert_eq!(codec(Encoder::default()), "libx264");
    }
}
