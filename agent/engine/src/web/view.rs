//! What viewers are told: the page and the broadcast, as `/api/page`, the event socket and the shell carry them.
//!
//! Pure functions of the settings; the types mirror `agent/web/src/protocol.ts`.

use nixcast_core::chat::rules::ChatRules;
use nixcast_core::control::{Page, Reconnecting};
use nixcast_schema::{Autoplay, ExternalAction, SocialHandle, Theme};
use serde::Serialize;

use super::shell::{Colours, is_colour};
use super::{action, content, custom};

/// What a page starts from: `/api/page`, the shell's state and the event socket's first message.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot<'a> {
    pub(crate) page: &'a PageView,
    /// What the stream is about; empty: nobody says.
    pub(crate) title: String,
    pub(crate) broadcast: Option<BroadcastView>,
    /// None while nobody publishes, and where viewers are not told.
    pub(crate) viewers: Option<usize>,
    /// When the last broadcast ended, in seconds since 1970; none if none is known of.
    pub(crate) last_live: Option<i64>,
}

/// The page, as `/api/page` and the event socket tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageView {
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) tags: Vec<String>,
    /// Only addresses on the web: one that a click would run never leaves the engine.
    pub(crate) social_handles: Vec<SocialHandle>,
    /// Sanitised HTML; empty: nothing was declared.
    pub(crate) offline_html: String,
    /// Sanitised HTML; empty: nothing was declared.
    pub(crate) content_html: String,
    /// Only colours in `#rrggbb` or `#rrggbbaa`.
    pub(crate) theme: Theme,
    /// `/logo?v=<first 8 characters of the digest>`: another picture is another address.
    pub(crate) logo: Option<String>,
    /// `/custom.css?v=<8 hex characters>`.
    pub(crate) custom_css: Option<String>,
    /// `/custom.js?v=<8 hex characters>`.
    pub(crate) custom_javascript: Option<String>,
    /// Only those that lead to the web.
    pub(crate) external_actions: Vec<ActionView>,
    pub(crate) show_viewer_count: bool,
    pub(crate) autoplay: Autoplay,
    pub(crate) nsfw: bool,
    pub(crate) search_indexing: bool,
    /// Without a slash at its end.
    pub(crate) public_url: Option<String>,
    /// None where there is no chat.
    pub(crate) chat: Option<ChatView>,
}

/// What of the chat's rules a page has to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChatView {
    /// Whether messages can be marked as questions.
    pub(crate) questions: bool,
    /// Least time between two messages of one viewer; 0: none.
    pub(crate) slow_mode_seconds: u32,
    /// Longest message as typed.
    pub(crate) max_message_bytes: u32,
}

impl ChatView {
    pub(crate) fn of(rules: &ChatRules) -> Option<Self> {
        rules.enable.then_some(Self {
            questions: rules.questions,
            slow_mode_seconds: rules.slow_mode_seconds,
            max_message_bytes: rules.max_message_bytes,
        })
    }
}

/// A button that leads elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionView {
    pub(crate) title: String,
    pub(crate) url: String,
    pub(crate) description: String,
    /// Only colours in `#rrggbb` or `#rrggbbaa`.
    pub(crate) colour: Option<String>,
    pub(crate) open_externally: bool,
    /// `/action/<position>?v=<8 hex characters>`: the page on this server that shows `url` in a frame; none where it
    /// opens in another tab.
    pub(crate) frame: Option<String>,
}

impl PageView {
    pub(crate) fn of(page: &Page, chat: Option<ChatView>) -> Self {
        let Page {
            name,
            summary,
            tags,
            social_handles,
            offline_message,
            theme,
            logo,
            page_content,
            custom_css,
            custom_javascript,
            external_actions,
            search_indexing,
            show_viewer_count,
            autoplay,
            nsfw,
            public_url,
        } = page;
        Self {
            name: name.clone(),
            summary: summary.clone(),
            tags: tags.clone(),
            social_handles: social_handles.iter().filter(|handle| is_web_url(&handle.url)).cloned().collect(),
            offline_html: content::render(offline_message),
            content_html: content::render(page_content),
            theme: Colours::of(theme).into_theme(),
            logo: logo.as_ref().map(|logo| format!("/logo?v={}", short(&logo.digest))),
            custom_css: custom::version(custom_css).map(|version| format!("/custom.css?v={version}")),
            custom_javascript: custom::version(custom_javascript).map(|version| format!("/custom.js?v={version}")),
            external_actions: external_actions.iter().enumerate().filter_map(action_view).collect(),
            show_viewer_count: *show_viewer_count,
            autoplay: *autoplay,
            nsfw: *nsfw,
            search_indexing: *search_indexing,
            public_url: public_url.clone().filter(|url| is_web_url(url)),
            chat,
        }
    }
}

fn action_view((position, declared): (usize, &ExternalAction)) -> Option<ActionView> {
    let ExternalAction { title, url, description, colour, open_externally } = declared;
    is_web_url(url).then(|| ActionView {
        title: title.clone(),
        url: url.clone(),
        description: description.clone(),
        colour: colour.clone().filter(|colour| is_colour(colour)),
        open_externally: *open_externally,
        frame: action::address(position, declared),
    })
}

/// The live broadcast, as `/api/page` and the event socket tell it. Made when its first segments can be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BroadcastView {
    /// Eight hex characters, new for each broadcast.
    pub(crate) id: String,
    /// Seconds since 1970.
    pub(crate) started_at: i64,
    /// Present while nothing arrives from the publisher: the last picture stays, and more may follow.
    pub(crate) reconnecting: Option<Reconnecting>,
    /// Path of the multivariant playlist.
    pub(crate) playlist: String,
    /// Grows with each change of the ladder while live.
    pub(crate) ladder_revision: u64,
    pub(crate) variants: Vec<VariantView>,
}

/// One published variant, in the operator's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariantView {
    pub(crate) name: String,
    /// Pixels; 0 while unknown.
    pub(crate) width: u16,
    /// Pixels; 0 while unknown.
    pub(crate) height: u16,
}

/// Whether an address leads to the web. The settings are checked already; this is what a link trusts.
fn is_web_url(url: &str) -> bool {
    let starts = |prefix: &str| url.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    starts("https://") || starts("http://")
}

fn short(digest: &str) -> String {
    digest.chars().filter(char::is_ascii_alphanumeric).take(8).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use nixcast_core::control::LogoRef;
    use serde_json::json;

    #[test]
    fn the_page_is_told_in_the_agreed_shape() {
        let own = |value: &str| Some(value.to_owned());
        let handle = |url: &str| SocialHandle { platform: "x".to_owned(), url: url.to_owned() };
        let action = |url: &str, colour: Option<&str>, open_externally| ExternalAction {
            title: "t".to_owned(),
            url: url.to_owned(),
            description: "d".to_owned(),
            colour: colour.map(str::to_owned),
            open_externally,
        };
        let page = Page {
            name: "n".to_owned(),
            summary: "s".to_owned(),
            tags: vec!["t".to_owned()],
            social_handles: vec![
                handle("https://a.example/"),
                handle("javascript:alert(1)"),
                handle("data:text/html,x"),
            ],
            offline_message: "**o** <script>x</script>".to_owned(),
            theme: Theme {
                background: own("#AABBCC"),
                text: own("nonsense"),
                corner_radius: Some(12),
                ..Theme::default()
            },
            logo: Some(LogoRef { digest: "0123456789abcdef".to_owned(), media_type: "image/png".to_owned() }),
            page_content: "# c".to_owned(),
            custom_css: "a{}".to_owned(),
            custom_javascript: "1".to_owned(),
            external_actions: vec![
                action("javascript:alert(1)", None, false),
                action("https://a.example:8443/x?y", Some("#12345678"), false),
                action("https://a.example/", Some("red"), true),
            ],
            search_indexing: true,
            show_viewer_count: true,
            autoplay: Autoplay::SoundOnly,
            nsfw: true,
            public_url: own("https://live.example"),
        };
        let view = PageView::of(&page, ChatView::of(&ChatRules::default()));
        let frame = view.external_actions[0].frame.clone().unwrap();
        assert!(frame.starts_with("/action/1?v=") && frame.len() == "/action/1?v=".len() + 8, "{frame}");
        assert_eq!(
            serde_json::to_value(view).unwrap(),
            json!({
                "name": "n", "summary": "s", "tags": ["t"],
                "socialHandles": [{ "platform": "x", "url": "https://a.example/" }],
                "offlineHtml": "<p><strong>o</strong> </p>",
                "contentHtml": "<h2>c</h2>",
                "theme": { "background": "#AABBCC", "surface": null, "text": null, "mutedText": null,
                           "accent": null, "accentText": null, "cornerRadius": 12 },
                "logo": "/logo?v=01234567",
                "customCss": "/custom.css?v=5f546eb4",
                "customJavascript": "/custom.js?v=6b86b273",
                "externalActions": [
                    { "title": "t", "url": "https://a.example:8443/x?y", "description": "d", "colour": "#12345678",
                      "openExternally": false, "frame": frame },
                    { "title": "t", "url": "https://a.example/", "description": "d", "colour": null,
                      "openExternally": true, "frame": null },
                ],
                "showViewerCount": true, "autoplay": "soundOnly", "nsfw": true, "searchIndexing": true,
                "publicUrl": "https://live.example",
                "chat": { "questions": true, "slowModeSeconds": 0, "maxMessageBytes": 2048 },
            })
        );
    }

    #[test]
    fn what_is_not_declared_is_not_there() {
        let off = ChatRules { enable: false, ..ChatRules::default() };
        let view = PageView::of(&Page::default(), ChatView::of(&off));
        assert_eq!(view.chat, None);
        assert_eq!((view.offline_html.as_str(), view.content_html.as_str()), ("", ""));
        assert_eq!((view.custom_css, view.custom_javascript, view.logo), (None, None, None));
    }
}
