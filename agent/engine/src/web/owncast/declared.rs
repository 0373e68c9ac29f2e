//! Owncast's endpoints that write settings. A setting has one owner here, the operator's Nix file: whoever logs in and
//! writes is told which option to edit, in words and for programs.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::Serialize;

use super::super::access::{Operator, unkept};

const NO_SCHEDULE: &str = "there is no schedule yet";

/// What there is instead of an address below `/api/admin/config/`: an option, or the reason why there is none.
/// docs/owncast-settings.md says more of each, and a test holds it against this.
pub(crate) const INSTEAD: &[(&str, Result<&str, &str>)] = &[
    ("name", Ok("instance.name")),
    ("serversummary", Ok("instance.summary")),
    ("offlinemessage", Ok("instance.offlineMessage")),
    ("welcomemessage", Ok("chat.welcomeMessage")),
    ("pagecontent", Ok("instance.pageContent")),
    ("tags", Ok("instance.tags")),
    ("logo", Ok("instance.logo")),
    ("favicon", Ok("instance.logo")),
    ("nsfw", Ok("instance.nsfw")),
    ("autoplay", Ok("instance.autoplay")),
    ("socialhandles", Ok("instance.socialHandles")),
    ("externalactions", Ok("instance.externalActions")),
    ("customstyles", Ok("instance.customCss")),
    ("customjavascript", Ok("instance.customJavascript")),
    ("appearance", Ok("instance.theme")),
    ("hideviewercount", Ok("instance.showViewerCount")),
    ("disablesearchindexing", Ok("instance.searchIndexing")),
    ("adminpass", Ok("admin.passwordFile")),
    ("streamkeys", Ok("streamKeys")),
    ("serverurl", Ok("publicUrl")),
    ("webserverport", Ok("http.port")),
    ("webserverip", Ok("http.address")),
    ("rtmpserverport", Ok("rtmp.port")),
    ("rtmpserverbindaddress", Ok("rtmp.address")),
    ("sockethostoverride", Err("the page talks to the address it came from")),
    ("videoservingendpoint", Err("there is no delivery network yet")),
    ("ffmpegpath", Err("the encoder is part of the package")),
    ("directoryenabled", Err("there is no directory yet")),
    ("video/codec", Ok("video.encoder")),
    ("video/streamlatencylevel", Ok("video.latencyLevel")),
    ("video/streamoutputvariants", Ok("video.variants")),
    ("s3", Err("there is no storage elsewhere yet")),
    ("chat/disable", Ok("chat.enable")),
    ("chat/joinmessagesenabled", Ok("chat.joinMessages")),
    ("chat/establishedusermode", Ok("chat.establishedUsersOnly")),
    ("chat/forbiddenusernames", Ok("chat.forbiddenNames")),
    ("chat/suggestedusernames", Ok("chat.suggestedNames")),
    ("chat/spamprotectionenabled", Ok("chat.spamProtection")),
    ("chat/slurfilterenabled", Err("moderators judge what is said, and no list of words does")),
    ("chat/requireauthentication", Err("there is nothing here that people could log in with")),
    ("federation/enable", Err("this server does not federate yet")),
    ("federation/username", Err("this server does not federate yet")),
    ("federation/livemessage", Err("this server does not federate yet")),
    ("federation/private", Err("this server does not federate yet")),
    ("federation/showengagement", Err("this server does not federate yet")),
    ("federation/blockdomains", Err("this server does not federate yet")),
    ("federation/enablequotes", Err("this server does not federate yet")),
    ("federation/hidefollowers", Err("this server does not federate yet")),
    ("notifications/browser", Err("there are no notifications yet")),
    ("notifications/discord", Err("there are no notifications yet")),
    ("schedule/enabled", Err(NO_SCHEDULE)),
    ("schedule/remindermessage", Err(NO_SCHEDULE)),
    ("schedule/showcountdown", Err(NO_SCHEDULE)),
    ("schedule/chatopenminutes", Err(NO_SCHEDULE)),
];

/// Owncast's answer to a write, and what a program needs to know.
#[derive(Serialize)]
struct Refused {
    success: bool,
    message: String,
    error: &'static str,
    /// None where there is no such setting.
    option: Option<String>,
}

/// `POST /api/admin/config/…`.
pub(super) async fn refuse(_operator: Operator, Path(path): Path<String>) -> Response {
    match INSTEAD.iter().find(|(name, _)| *name == path) {
        Some((_, instead)) => conflict(*instead),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `POST /api/admin/webhooks/create` and `…/delete`.
pub(super) async fn refuse_webhook(_operator: Operator) -> Response {
    conflict(Ok("webhooks"))
}

/// `POST /api/admin/schedule/…`.
pub(super) async fn refuse_schedule(_operator: Operator) -> Response {
    conflict(Err(NO_SCHEDULE))
}

fn conflict(instead: Result<&str, &str>) -> Response {
    match instead {
        Ok(option) => declared_by(format!("services.nixcast.{option}")),
        Err(reason) => {
            let refused = Refused { success: false, message: reason.to_owned(), error: "notHere", option: None };
            unkept((StatusCode::CONFLICT, Json(refused)))
        }
    }
}

/// Says that something can be changed by this option alone.
pub(super) fn declared_by(option: String) -> Response {
    let message = format!("this is declared: edit {option} and switch");
    let refused = Refused { success: false, message, error: "declared", option: Some(option) };
    unkept((StatusCode::CONFLICT, Json(refused)))
}
