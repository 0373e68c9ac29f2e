//! The operator's page in the shell. It is the same for everybody: what only the operator may know, its script asks for.

use maud::{DOCTYPE, Markup, html};

use super::{ALL, Sheet, head, json};
use crate::web::assets::entry;
use crate::web::view::{PageView, Snapshot};

/// As the page's own headers, and no site may show it in a frame.
pub(crate) const ADMIN_HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types svelte-trusted-html",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// `GET /admin`. What the operator added to the viewers' page, a style or a script, is left out.
#[must_use]
pub(crate) fn admin_page(view: &Snapshot<'_>, sheet: &Sheet) -> Markup {
    let page = PageView { custom_css: None, custom_javascript: None, ..view.page.clone() };
    let view = Snapshot { page: &page, broadcast: None, ..view.clone() };
    let logo = page.logo.as_deref().unwrap_or(&entry().mark);
    html! {
        (DOCTYPE)
        html lang="en" data-view="admin" data-socket="closed" {
            (head(&view, sheet, logo, true, ALL))
            body {
                div id="app" { noscript { p class="chat-nojs" { "This page needs JavaScript." } } }
                script type="application/json" id="nixcast-state" { (json(&view)) }
            }
        }
    }
}
