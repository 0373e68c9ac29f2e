//! The declared colours, checked, and as a stylesheet. The page's own stylesheet reads the properties and fills in the
//! rest; an open page follows the same rules in `agent/web/src/theme.ts`.

use std::fmt::Write as _;

use nixcast_schema::Theme;

/// The theme as a rule of the page's style sheet.
#[must_use]
pub(super) fn theme_css(theme: &Theme) -> String {
    let colours = Colours::of(theme);
    let accent_text = colours.accent_text.or_else(|| colours.accent.map(readable_on));
    let properties = [
        ("color-scheme", colours.scheme()),
        ("--theme-background", colours.background),
        ("--theme-surface", colours.surface),
        ("--theme-text", colours.text),
        ("--theme-muted-text", colours.muted_text),
        ("--theme-accent", colours.accent),
        ("--theme-accent-text", accent_text),
    ];
    let mut declared: String =
        properties.iter().filter_map(|(name, value)| value.map(|value| format!("  {name}: {value};\n"))).collect();
    if let Some(radius) = colours.corner_radius {
        // Adding to a String cannot fail.
        let _is_written = writeln!(declared, "  --theme-corner-radius: {radius}px;");
    }
    if declared.is_empty() { String::new() } else { format!(":root {{\n{declared}}}\n") }
}

/// A theme of which every value is known to be a colour, so that none can close a declaration or an attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Colours<'a> {
    background: Option<&'a str>,
    surface: Option<&'a str>,
    text: Option<&'a str>,
    muted_text: Option<&'a str>,
    accent: Option<&'a str>,
    accent_text: Option<&'a str>,
    corner_radius: Option<u8>,
}

impl<'a> Colours<'a> {
    pub(crate) fn of(theme: &'a Theme) -> Self {
        let Theme { background, surface, text, muted_text, accent, accent_text, corner_radius } = theme;
        let colour = |value: &'a Option<String>| value.as_deref().filter(|value| is_colour(value));
        Self {
            background: colour(background),
            surface: colour(surface),
            text: colour(text),
            muted_text: colour(muted_text),
            accent: colour(accent),
            accent_text: colour(accent_text),
            corner_radius: *corner_radius,
        }
    }

    pub(crate) fn into_theme(self) -> Theme {
        let own = |value: Option<&str>| value.map(str::to_owned);
        Theme {
            background: own(self.background),
            surface: own(self.surface),
            text: own(self.text),
            muted_text: own(self.muted_text),
            accent: own(self.accent),
            accent_text: own(self.accent_text),
            corner_radius: self.corner_radius,
        }
    }

    pub(crate) fn background(self) -> Option<&'a str> {
        self.background
    }

    /// Which palette fills in what the theme leaves open, so that no declared colour meets its own kind.
    fn scheme(self) -> Option<&'static str> {
        match (self.background.or(self.surface), self.text) {
            (Some(behind), _) => Some(if is_light(behind) { "light" } else { "dark" }),
            (None, Some(text)) => Some(if is_light(text) { "dark" } else { "light" }),
            (None, None) => None,
        }
    }
}

pub(super) fn readable_on(colour: &str) -> &'static str {
    if is_light(colour) { "#000000" } else { "#ffffff" }
}

/// Whether black reads better than white on the colour: relative luminance over sqrt(1.05 * 0.05) - 0.05 (WCAG 2.2).
fn is_light(colour: &str) -> bool {
    let channel = |at: usize| {
        let value = colour.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(0);
        let value = f64::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5) > 0.179
}

/// Whether `value` is `#rrggbb` or `#rrggbbaa`.
pub(crate) fn is_colour(value: &str) -> bool {
    let digits = value.strip_prefix('#').unwrap_or_default();
    matches!(digits.len(), 6 | 8) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn theme(background: Option<&str>, text: Option<&str>, accent: Option<&str>) -> Theme {
        let own = |value: Option<&str>| value.map(str::to_owned);
        Theme { background: own(background), text: own(text), accent: own(accent), ..Theme::default() }
    }

    #[test]
    fn a_theme_without_colours_says_nothing() {
        assert_eq!(theme_css(&Theme::default()), "");
    }

    #[test]
    fn the_palette_follows_the_declared_background_then_the_text() {
        let cases = [
            (theme(Some("#101010"), None, None), "color-scheme: dark;"),
            (theme(Some("#fafafa"), Some("#ffffff"), None), "color-scheme: light;"),
            (theme(None, Some("#222222"), None), "color-scheme: light;"),
            (theme(None, Some("#eeeeee"), None), "color-scheme: dark;"),
        ];
        for (theme, expected) in cases {
            assert!(theme_css(&theme).contains(expected), "{theme:?}");
        }
        assert!(!theme_css(&theme(None, None, Some("#336699"))).contains("color-scheme"));
    }

    #[test]
    fn text_on_a_lone_accent_stays_readable() {
        assert!(theme_css(&theme(None, None, Some("#ffe066"))).contains("--theme-accent-text: #000000;"));
        assert!(theme_css(&theme(None, None, Some("#3b1a8f"))).contains("--theme-accent-text: #ffffff;"));
    }

    #[test]
    fn the_radius_of_corners_is_in_pixels() {
        let theme = Theme { corner_radius: Some(0), ..Theme::default() };
        assert_eq!(theme_css(&theme), ":root {\n  --theme-corner-radius: 0px;\n}\n");
    }

    #[test]
    fn what_is_no_colour_never_reaches_the_stylesheet() {
        for hostile in ["red", "#12345", "#1234567", "#fff;}body{display:none", "#ééé", "url(//a)", "#gggggg", ""] {
            assert_eq!(theme_css(&theme(Some(hostile), Some(hostile), Some(hostile))), "", "{hostile}");
        }
    }
}
