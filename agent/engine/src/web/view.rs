//! What viewers are told: the page and the broadcast, as `/api/page`, the event socket and the shell carry them.
//!
//! Pure functions of the settings; the types mirror `agent/web/src/protocol.ts`.

use nixcast_core::control::Page;
use nixcast_schema::{SocialHandle, Theme};
use serde::Serialize;

use super::shell::Colours;

/// The page, as `/api/page` and the event socket tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageView {
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) tags: Vec<String>,
    /// Only addresses on the web: one that a click would run never leaves the engine.
    pub(crate) social_handles: Vec<SocialHandle>,
    pub(crate) offline_message: String,
    /// Only colours in `#rrggbb` or `#rrggbbaa`.
    pub(crate) theme: Theme,
    /// `/logo?v=<first 8 characters of the digest>`: another picture is another address.
    pub(crate) logo: Option<String>,
}

impl From<&Page> for PageView {
    fn from(page: &Page) -> Self {
        let Page { name, summary, tags, social_handles, offline_message, theme, logo, .. } = page;
        Self {
            name: name.clone(),
            summary: summary.clone(),
            tags: tags.clone(),
            social_handles: social_handles.iter().filter(|handle| is_web_url(&handle.url)).cloned().collect(),
            offline_message: offline_message.clone(),
            theme: Colours::of(theme).into_theme(),
            logo: logo.as_ref().map(|logo| format!("/logo?v={}", short(&logo.digest))),
        }
    }
}

/// The live broadcast, as `/api/page` and the event socket tell it. Made when its first segments can be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BroadcastView {
    /// Eight hex characters, new for each broadcast.
    pub(crate) id: String,
    /// Seconds since 1970.
    pub(crate) started_at: i64,
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

    #[test]
    fn the_page_is_told_in_the_agreed_shape() {
        let own = |value: &str| Some(value.to_owned());
        let handle = |url: &str| SocialHandle { platform: "x".to_owned(), url: url.to_owned() };
        let page = Page {
            name: "n".to_owned(),
            summary: "s".to_owned(),
            tags: vec!["t".to_owned()],
            social_handles: vec![
                handle("https://a.example/"),
                handle("javascript:alert(1)"),
                handle("data:text/html,x"),
            ],
            offline_message: "o".to_owned(),
            theme: Theme { background: own("#AABBCC"), text: own("nonsense"), ..Theme::default() },
            logo: Some(LogoRef { digest: "0123456789abcdef".to_owned(), media_type: "image/png".to_owned() }),
            ..Page::default()
        };
        let json = serde_json::to_value(PageView::from(&page)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "name": "n", "summary": "s", "tags": ["t"],
                "socialHandles": [{ "platform": "x", "url": "https://a.example/" }],
                "offlineMessage": "o",
                "theme": { "background": "#AABBCC", "surface": null, "text": null, "mutedText": null,
                           "accent": null, "accentText": null, "cornerRadius": null },
                "logo": "/logo?v=01234567",
            })
        );
    }
}
