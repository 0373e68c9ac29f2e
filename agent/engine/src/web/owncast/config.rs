//! `GET /api/config`: what Owncast's page, and programs beside it, draw themselves from.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{Json, Response};
use nixcast_core::chat::rules::ChatRules;
use nixcast_schema::{Autoplay, Theme};
use serde::Serialize;

use super::super::Site;
use super::super::view::{ActionView, PageView};
use super::open;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    name: &'a str,
    summary: &'a str,
    /// Sanitised HTML.
    offline_message: &'a str,
    logo: &'static str,
    tags: &'a [String],
    version: &'static str,
    nsfw: bool,
    social_handles: Vec<Handle<'a>>,
    /// Sanitised HTML.
    extra_page_content: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    stream_title: String,
    chat_disabled: bool,
    chat_spam_protection_disabled: bool,
    chat_require_authentication: bool,
    external_actions: Vec<ExternalAction<'a>>,
    custom_styles: &'a str,
    appearance_variables: BTreeMap<&'static str, String>,
    /// Bytes of a chat message; Owncast's clients cut there.
    max_socket_payload_size: u32,
    hide_viewer_count: bool,
    autoplay: &'static str,
    federation: Federation,
    notifications: Notifications,
    authentication: Authentication,
    schedule: Schedule,
}

#[derive(Serialize)]
pub(super) struct Handle<'a> {
    platform: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExternalAction<'a> {
    url: &'a str,
    title: &'a str,
    description: &'a str,
    icon: &'static str,
    color: &'a str,
    open_externally: bool,
}

#[derive(Serialize)]
struct Federation {
    enabled: bool,
}

#[derive(Serialize)]
struct Notifications {
    browser: Federation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Authentication {
    indie_auth_enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Schedule {
    enabled: bool,
    show_countdown: bool,
    chat_open_minutes_before: u32,
}

/// `GET /api/config`.
pub(super) async fn serve(State(site): State<Site>) -> Response {
    let look = site.look();
    open(Json(config_of(&look.view, site.title().get(), &look.declared.custom_css, &site.chat().rules())))
}

fn config_of<'a>(page: &'a PageView, title: String, custom_css: &'a str, chat: &ChatRules) -> Config<'a> {
    Config {
        name: &page.name,
        summary: &page.summary,
        offline_message: &page.offline_html,
        logo: "/logo",
        tags: &page.tags,
        version: concat!("nixcast v", env!("CARGO_PKG_VERSION")),
        nsfw: page.nsfw,
        social_handles: handles(page, Some("")),
        extra_page_content: &page.content_html,
        stream_title: title,
        chat_disabled: !chat.enable,
        chat_spam_protection_disabled: !chat.spam_protection,
        chat_require_authentication: false,
        external_actions: actions(page),
        custom_styles: custom_css,
        appearance_variables: appearance(&page.theme),
        max_socket_payload_size: chat.max_message_bytes,
        hide_viewer_count: !page.show_viewer_count,
        autoplay: match page.autoplay {
            Autoplay::Always => "always",
            Autoplay::SoundOnly => "sound-only",
            Autoplay::Off => "off",
        },
        federation: Federation { enabled: false },
        notifications: Notifications { browser: Federation { enabled: false } },
        authentication: Authentication { indie_auth_enabled: false },
        schedule: Schedule { enabled: false, show_countdown: false, chat_open_minutes_before: 0 },
    }
}

/// With the address of a picture for viewers, and without for the operator.
pub(super) fn handles<'a>(page: &'a PageView, icon: Option<&'static str>) -> Vec<Handle<'a>> {
    let handles = page.social_handles.iter();
    handles.map(|handle| Handle { platform: &handle.platform, url: &handle.url, icon }).collect()
}

pub(super) fn actions(page: &PageView) -> Vec<ExternalAction<'_>> {
    page.external_actions.iter().map(action).collect()
}

fn action(action: &ActionView) -> ExternalAction<'_> {
    ExternalAction {
        url: &action.url,
        title: &action.title,
        description: &action.description,
        icon: "",
        color: action.colour.as_deref().unwrap_or_default(),
        open_externally: action.open_externally,
    }
}

/// Our colours under the names of the nearest of Owncast's variables.
pub(super) fn appearance(theme: &Theme) -> BTreeMap<&'static str, String> {
    let Theme { background, surface, text, muted_text: _, accent, accent_text, corner_radius } = theme;
    let colours = [
        ("theme-color-background-main", background),
        ("theme-color-background-header", background),
        ("theme-color-components-content-background", surface),
        ("theme-color-components-chat-background", surface),
        ("theme-color-components-chat-text", text),
        ("theme-color-components-text-on-dark", text),
        ("theme-color-action", accent),
        ("theme-color-components-primary-button-text", accent_text),
    ];
    let radius = corner_radius.map(|pixels| ("theme-rounded-corners", format!("{pixels}px")));
    colours.into_iter().filter_map(|(name, colour)| Some((name, colour.clone()?))).chain(radius).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_page_is_told_in_owncasts_shape() {
        let page = PageView {
            name: "Harbour".to_owned(),
            show_viewer_count: true,
            autoplay: Autoplay::SoundOnly,
            theme: Theme { accent: Some("#ff0000".to_owned()), corner_radius: Some(4), ..Theme::default() },
            external_actions: vec![ActionView {
                title: "Tides".to_owned(),
                url: "https://tides.example/".to_owned(),
                description: String::new(),
                colour: Some("#00ff00".to_owned()),
                open_externally: true,
                frame: None,
            }],
            ..PageView::default()
        };
        let chat = ChatRules { max_message_bytes: 500, spam_protection: false, ..ChatRules::default() };
        let told = serde_json::to_value(config_of(&page, "Low tide".to_owned(), "a{}", &chat)).unwrap_or_default();
        for (field, value) in [
            ("name", json!("Harbour")),
            ("streamTitle", json!("Low tide")),
            ("hideViewerCount", json!(false)),
            ("autoplay", json!("sound-only")),
            ("customStyles", json!("a{}")),
            ("appearanceVariables", json!({ "theme-color-action": "#ff0000", "theme-rounded-corners": "4px" })),
            ("federation", json!({ "enabled": false })),
            ("chatDisabled", json!(false)),
            ("chatSpamProtectionDisabled", json!(true)),
            ("maxSocketPayloadSize", json!(500)),
        ] {
            assert_eq!(told[field], value, "{field}");
        }
        assert_eq!(told["externalActions"][0]["color"], "#00ff00");
    }
}
