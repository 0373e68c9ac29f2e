//! What the page says and looks like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the page says and looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instance {
    /// Name of the server: page title and heading, 1 to 100 characters.
    #[schemars(length(min = 1, max = 100), extend("x-effect" = "live"))]
    pub name: String,
    /// One paragraph about the stream, at most 500 characters.
    #[schemars(length(max = 500), extend("x-effect" = "live"))]
    pub summary: String,
    /// Picture for the page's head and icon (SVG, PNG, JPEG, GIF or WebP, at most 2 MiB); null: the built-in mark.
    #[schemars(extend("x-effect" = "live", "format" = "absolute-path"))]
    pub logo: Option<String>,
    /// Words viewers find the stream by; at most 24 tags of 1 to 40 characters.
    #[schemars(length(max = 24), inner(length(min = 1, max = 40)), extend("x-effect" = "live"))]
    pub tags: Vec<String>,
    /// Links to the instance's other places; at most 32.
    #[schemars(length(max = 32))]
    pub social_handles: Vec<SocialHandle>,
    /// What the page says while nobody publishes, in Markdown, at most 2500 characters.
    #[schemars(length(max = 2500), extend("x-effect" = "live"))]
    pub offline_message: String,
    /// Text below the player in Markdown, at most 50000 characters. What could run or load something from elsewhere is
    /// left out.
    #[schemars(length(max = 50000), extend("x-effect" = "live"))]
    pub page_content: String,
    /// Style sheet added to the page's own, at most 100000 characters.
    #[schemars(length(max = 100_000), extend("x-effect" = "live"))]
    pub custom_css: String,
    /// Script run in the page under its content security policy, at most 100000 characters.
    #[schemars(length(max = 100_000), extend("x-effect" = "live"))]
    pub custom_javascript: String,
    /// Buttons that lead elsewhere; at most 16.
    #[schemars(length(max = 16))]
    pub external_actions: Vec<ExternalAction>,
    /// Whether search engines may list the page.
    #[schemars(extend("x-effect" = "live"))]
    pub search_indexing: bool,
    /// Whether viewers are told how many they are.
    #[schemars(extend("x-effect" = "live"))]
    pub show_viewer_count: bool,
    /// When the player starts by itself: "off", "always" (without sound where the browser wants it so) or "soundOnly"
    /// (only where the browser allows sound).
    #[schemars(extend("x-effect" = "live"))]
    pub autoplay: Autoplay,
    /// Whether the stream is not for everyone: the page says so and tells search engines.
    #[schemars(extend("x-effect" = "live"))]
    pub nsfw: bool,
    /// Colours of the page.
    pub theme: Theme,
}

/// A link to another place of the instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SocialHandle {
    /// Name of the platform as shown, for example "mastodon"; 1 to 40 characters.
    #[schemars(length(min = 1, max = 40), extend("x-effect" = "live"))]
    pub platform: String,
    /// Address of the profile, http or https.
    #[schemars(extend("x-effect" = "live", "format" = "web-url"))]
    pub url: String,
}

/// Colours of the page, "#rrggbb" or "#rrggbbaa"; null: the page's own light or dark palette.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Theme {
    /// Behind everything.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub background: Option<String>,
    /// Cards and bars.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub surface: Option<String>,
    /// Text.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub text: Option<String>,
    /// Secondary text.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub muted_text: Option<String>,
    /// Buttons, links, the live badge.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub accent: Option<String>,
    /// Text on the accent colour.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub accent_text: Option<String>,
    /// Radius of rounded corners in CSS pixels, 0 to 40; null: the page's own.
    #[schemars(range(min = 0, max = 40), extend("x-effect" = "live"))]
    pub corner_radius: Option<u8>,
}

/// A button of the page that leads somewhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalAction {
    /// Text of the button, 1 to 60 characters.
    #[schemars(length(min = 1, max = 60), extend("x-effect" = "live"))]
    pub title: String,
    /// What it leads to, http or https.
    #[schemars(extend("x-effect" = "live", "format" = "web-url"))]
    pub url: String,
    /// What happens there, shown with the button; at most 200 characters.
    #[schemars(length(max = 200), extend("x-effect" = "live"))]
    pub description: String,
    /// Colour of the button, "#rrggbb" or "#rrggbbaa"; null: the accent colour.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub colour: Option<String>,
    /// Whether a click opens another tab; otherwise the address is shown inside the page, over the picture.
    #[schemars(extend("x-effect" = "live"))]
    pub open_externally: bool,
}

/// When the player starts by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum Autoplay {
    Off,
    #[default]
    Always,
    SoundOnly,
}

impl Default for Instance {
    fn default() -> Self {
        Self {
            name: "nixcast".to_owned(),
            summary: String::new(),
            logo: None,
            tags: Vec::new(),
            social_handles: Vec::new(),
            offline_message: String::new(),
            page_content: String::new(),
            custom_css: String::new(),
            custom_javascript: String::new(),
            external_actions: Vec::new(),
            search_indexing: true,
            show_viewer_count: true,
            autoplay: Autoplay::default(),
            nsfw: false,
            theme: Theme::default(),
        }
    }
}
