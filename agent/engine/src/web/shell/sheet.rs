//! The style sheet that stands in the page itself: what is written, and what the theme and the actions add. A file of its
//! own would be a round trip more before anything can be seen.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::actions::actions_css;
use super::theme::theme_css;
use crate::web::assets::entry;
use crate::web::view::PageView;

/// Where a policy says which sheets may be worn.
const OWN_FILES: &str = "style-src 'self'";

/// The sheet of one declared page.
#[derive(Debug)]
pub(crate) struct Sheet {
    css: String,
    /// SHA-256 of `css`, in base64.
    digest: String,
}

impl Sheet {
    pub(crate) fn of(page: &PageView) -> Self {
        // Neither the built file nor a colour has a `</`, which alone could end the element.
        let css = format!("{}{}{}", entry().style, theme_css(&page.theme), actions_css(&page.external_actions));
        Self { digest: BASE64.encode(Sha256::digest(&css)), css }
    }

    pub(super) fn markup(&self) -> Markup {
        html! { style { (PreEscaped(&self.css)) } }
    }

    /// `policy`, which lets the page wear this sheet beside those that are files (CSP3, section 2.3.1, hash-source).
    pub(crate) fn admitted(&self, policy: &str) -> String {
        policy.replacen(OWN_FILES, &format!("{OWN_FILES} 'sha256-{}'", self.digest), 1)
    }
}

impl Default for Sheet {
    fn default() -> Self {
        Self::of(&PageView::default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use nixcast_schema::Theme;

    use super::super::{ADMIN_HEADERS, EMBED_HEADERS, SECURITY_HEADERS};
    use super::*;

    fn themed(accent: &str) -> Sheet {
        let theme = Theme { accent: Some(accent.to_owned()), ..Theme::default() };
        Sheet::of(&PageView { theme, ..PageView::default() })
    }

    #[test]
    fn the_page_wears_the_built_sheet_and_then_the_theme() {
        let html = themed("#123456").markup().into_string();
        let css = html.strip_prefix("<style>").unwrap().strip_suffix("</style>").unwrap();
        let theme = css.strip_prefix(&entry().style).unwrap();
        assert!(theme.contains("--theme-accent: #123456;"), "{theme}");
        assert!(!css.contains("</") && !css.contains(['\r', '\0']), "a browser would read, or hash, another text");
        assert_eq!(themed("url(x)").css, entry().style);
    }

    #[test]
    fn every_policy_admits_this_sheet_and_no_other() {
        let sheet = themed("#123456");
        let digest = BASE64.encode(Sha256::digest(sheet.css.as_bytes()));
        for headers in [SECURITY_HEADERS, EMBED_HEADERS, ADMIN_HEADERS] {
            let policy = headers.iter().find(|(name, _)| *name == "content-security-policy").unwrap().1;
            let admitted = sheet.admitted(policy);
            assert!(admitted.contains(&format!("; style-src 'self' 'sha256-{digest}'; ")), "{admitted}");
            assert_eq!(admitted.replace(&format!(" 'sha256-{digest}'"), ""), policy);
            assert_ne!(admitted, themed("#654321").admitted(policy));
        }
    }
}
