//! `/action/<position>`: a page of this server that holds an external action in a frame.
//!
//! The main page's policy frames nothing but this server, whatever is declared after it was loaded; the one foreign
//! origin is named by the policy of the page around it.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, html};
use nixcast_schema::ExternalAction;
use url::Url;

use super::custom;

/// `/action.css`: the frame is all there is.
pub(super) const STYLE: &str =
    "html, body, iframe { display: block; width: 100%; height: 100%; margin: 0; border: 0 }\n";

/// What the framed site may do: be a site, though not move the page that frames it.
const SANDBOX: &str = "allow-scripts allow-forms allow-popups allow-same-origin";

/// Where the page shows the action declared at `position`. None for one that opens in another tab, and for one whose
/// origin no policy can name.
pub(crate) fn address(position: usize, action: &ExternalAction) -> Option<String> {
    origin(action)?;
    let version = custom::version(&format!("{}\n{}", action.url, action.title))?;
    Some(format!("/action/{position}?v={version}"))
}

/// The page around the frame, unless [`address`] has none.
pub(super) fn respond(action: &ExternalAction) -> Option<Response> {
    let origin = origin(action)?;
    let policy = format!(
        "default-src 'none'; style-src 'self'; frame-src {origin}; frame-ancestors 'self'; base-uri 'none'; \
         form-action 'none'"
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="robots" content="noindex";
                title { (action.title) }
                link rel="stylesheet" href="/action.css";
            }
            body {
                iframe src=(action.url) title=(action.title) sandbox=(SANDBOX) referrerpolicy="no-referrer" {}
            }
        }
    };
    let headers: [(HeaderName, String); 4] = [
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (REFERRER_POLICY, "no-referrer".to_owned()),
        (CACHE_CONTROL, "no-cache".to_owned()),
    ];
    Some((headers, Html(page.into_string())).into_response())
}

/// The origin of an action that is shown inside the page, as a policy writes it. Policies have no notation for IPv6
/// addresses (CSP 3, section 2.3.1).
fn origin(action: &ExternalAction) -> Option<String> {
    let url = Url::parse(&action.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let is_nameable = matches!(url.host(), Some(url::Host::Domain(_) | url::Host::Ipv4(_)));
    let origin = url.origin().ascii_serialization();
    // A domain may hold characters that would begin another directive or another source.
    let is_plain = origin.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:/".contains(&byte));
    (!action.open_externally && is_nameable && is_plain).then_some(origin)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn action(url: &str, open_externally: bool) -> ExternalAction {
        ExternalAction {
            title: "\"><script>alert(1)</script>".to_owned(),
            url: url.to_owned(),
            description: String::new(),
            colour: None,
            open_externally,
        }
    }

    #[test]
    fn the_policy_names_the_one_origin() {
        for (url, expected) in [
            ("https://a.example/path?q#f", "https://a.example"),
            ("HTTP://A.Example:8080", "http://a.example:8080"),
            ("https://user:pass@a.example/", "https://a.example"),
            ("https://bücher.example/", "https://xn--bcher-kva.example"),
            ("http://192.0.2.1:81/", "http://192.0.2.1:81"),
        ] {
            let response = respond(&action(url, false)).unwrap();
            let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.contains(&format!("frame-src {expected};")), "{policy}");
            assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'self'"), "{policy}");
        }
    }

    #[test]
    fn what_opens_elsewhere_or_cannot_be_named_has_no_frame() {
        assert!(respond(&action("https://a.example/", true)).is_none());
        for url in [
            "javascript:alert(1)",
            "data:text/html,x",
            "https://[2001:db8::1]/",
            "https://a;script-src *.example/",
            "",
            "/x",
        ] {
            assert_eq!(address(0, &action(url, false)), None, "{url}");
        }
    }

    #[tokio::test]
    async fn the_frame_is_sandboxed_and_its_words_are_text() {
        let response = respond(&action("https://a.example/?a=\"><script>", false)).unwrap();
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        let html = std::str::from_utf8(&body).unwrap();
        assert!(!html.contains("<script"), "{html}");
        for part in [
            "sandbox=\"allow-scripts allow-forms allow-popups allow-same-origin\"",
            "referrerpolicy=\"no-referrer\"",
            "title=\"&quot;&gt;&lt;script&gt;",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn another_address_or_title_is_another_frame() {
        let frame = |url: &str| address(3, &action(url, false)).unwrap();
        assert!(frame("https://a.example/").starts_with("/action/3?v="));
        assert_ne!(frame("https://a.example/"), frame("https://a.example/b"));
    }
}
