//! The page as HTML: complete before any script runs, with the branding and the state of this moment.
//!
//! The markup of the stage and of the part below it is the same as in `agent/web/src/*.svelte`, so that the script
//! takes over without anything moving. Whatever people declared is text here, never markup, except what
//! [`super::content`] made of Markdown.

mod actions;
mod admin;
mod ago;
mod chat;
mod sheet;
mod theme;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(crate) use admin::{ADMIN_HEADERS, admin_page};
pub(crate) use chat::{ChatPage, chat_page};
pub(crate) use sheet::Sheet;
pub(crate) use theme::{Colours, is_colour};

use nixcast_schema::Autoplay;

use super::assets::entry;
use super::owncast::PLAYLIST;
use super::view::{BroadcastView, PageView, Snapshot};

/// Headers of the page. The policy: nothing from elsewhere, nothing inline but the sheet that [`Sheet::admitted`] adds, no
/// string turned into script. `blob:` is how a media source is attached to a video element; `svelte-trusted-html` is the one
/// policy by which the page's own templates become elements.
pub(crate) const SECURITY_HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         media-src 'self' blob:; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; \
         require-trusted-types-for 'script'; trusted-types svelte-trusted-html",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    (
        "permissions-policy",
        "autoplay=(self), fullscreen=(self), picture-in-picture=(self), camera=(), microphone=(), geolocation=(), \
         display-capture=(), payment=(), usb=(), serial=(), hid=(), midi=()",
    ),
    ("cross-origin-opener-policy", "same-origin"),
];

/// Headers of the player alone and of the chat alone, which other sites may show in a frame.
pub(crate) const EMBED_HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors *; \
         require-trusted-types-for 'script'; trusted-types svelte-trusted-html",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
];

/// Colour of the browser's frame where the theme declares no background; as `--background` in `palette.css`.
const FRAME: [(&str, &str); 2] = [("light", "#f6f4ef"), ("dark", "#101116")];

/// The last of what is painted at once. What came first would move, were it painted before this is there; a long text
/// below it is not waited for (HTML, link type "expect").
const SEEN_AT_ONCE: &str = "nixcast-about";

/// All that a page shows, where nothing long comes below.
const ALL: &str = "app";

/// A chain link, in a box of 24 by 24; as `LINK` in `platforms.ts`.
const LINK: &str = "M10.6 13.4a1 1 0 0 1-1.4 0 4.9 4.9 0 0 1 0-6.9l3.1-3.1a4.9 4.9 0 0 1 6.9 6.9l-1.4 1.4a1 1 0 0 1-1.4\
    -1.4l1.4-1.4a2.9 2.9 0 0 0-4.1-4.1l-3.1 3.1a2.9 2.9 0 0 0 0 4.1 1 1 0 0 1 0 1.4zm2.8-2.8a1 1 0 0 1 1.4 0 4.9 4.9 0 \
    0 1 0 6.9l-3.1 3.1a4.9 4.9 0 0 1-6.9-6.9l1.4-1.4a1 1 0 1 1 1.4 1.4l-1.4 1.4a2.9 2.9 0 0 0 4.1 4.1l3.1-3.1a2.9 2.9 0 \
    0 0 0-4.1 1 1 0 0 1 0-1.4z";

/// An eye, in a box of 24 by 24; as `eye` in `shapes.ts`.
const EYE: &str = "M12 5c5 0 8.6 4 10 6.4a1.2 1.2 0 0 1 0 1.2C20.6 15 17 19 12 19S3.4 15 2 12.6a1.2 1.2 0 0 1 0-1.2C3.4 \
    9 7 5 12 5zm0 2c-3.9 0-6.8 3-8 5 1.2 2 4.1 5 8 5s6.8-3 8-5c-1.2-2-4.1-5-8-5zm0 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6z";

/// Three joined dots, in a box of 24 by 24; as `share` in `shapes.ts`.
const SHARE: &str = "M17 2.5a3.5 3.5 0 1 1-2.4 6.05L9.4 11.3a3.5 3.5 0 0 1 0 1.4l5.2 2.75a3.5 3.5 0 1 1-.95 1.76l-5.2-2.75a\
    3.5 3.5 0 1 1 0-4.92l5.2-2.75A3.5 3.5 0 0 1 17 2.5z";

/// Whether the viewer wants to see the chat beside the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChatWish {
    Shown,
    Hidden,
}

/// `GET /`, at `now_s` seconds since 1970.
#[must_use]
pub(crate) fn shell(view: &Snapshot<'_>, sheet: &Sheet, now_s: i64, wish: ChatWish) -> Markup {
    let Snapshot { page, broadcast, last_live, .. } = view;
    let has_chat = page.chat.is_some() && wish == ChatWish::Shown;
    let state = if broadcast.is_some() { "loading" } else { "offline" };
    let logo = page.logo.as_deref().unwrap_or(&entry().mark);
    html! {
        (DOCTYPE)
        html lang="en" data-state=(state) data-socket="closed" {
            (head(view, sheet, logo, !page.search_indexing, SEEN_AT_ONCE))
            body {
                div id="app" {
                    main class="page" data-chat=(has_chat) {
                        @match broadcast {
                            Some(broadcast) => (stage(broadcast, page, logo)),
                            None => (offline(page, logo, last_live.map(|last_live| now_s - last_live))),
                        }
                        @if has_chat { (chat::room()) }
                        (about(view, logo, wish))
                        @if !page.content_html.is_empty() {
                            section id="custom-page-content" class="content" aria-label="About this stream" {
                                div class="prose" dir="auto" { (PreEscaped(&page.content_html)) }
                            }
                        }
                    }
                }
                script type="application/json" id="nixcast-state" { (json(view)) }
            }
        }
    }
}

/// `GET /embed/video`, at `now_s` seconds since 1970: the stage and nothing around it; as `Embed.svelte`. Search engines
/// are led to the page.
#[must_use]
pub(crate) fn embed(view: &Snapshot<'_>, sheet: &Sheet, now_s: i64) -> Markup {
    let Snapshot { page, broadcast, last_live, .. } = view;
    let state = if broadcast.is_some() { "loading" } else { "offline" };
    let logo = page.logo.as_deref().unwrap_or(&entry().mark);
    html! {
        (DOCTYPE)
        html lang="en" data-view="video" data-state=(state) data-socket="closed" {
            (head(view, sheet, logo, true, ALL))
            body {
                div id="app" {
                    div class="embed" {
                        @match broadcast {
                            Some(broadcast) => (stage(broadcast, page, logo)),
                            None => (offline(page, logo, last_live.map(|last_live| now_s - last_live))),
                        }
                    }
                }
                script type="application/json" id="nixcast-state" { (json(view)) }
            }
        }
    }
}

/// Nothing is painted before the element `seen_at_once` is there as a whole.
fn head(view: &Snapshot<'_>, sheet: &Sheet, logo: &str, is_hidden: bool, seen_at_once: &str) -> Markup {
    let entry = entry();
    let Snapshot { page, title, broadcast, .. } = view;
    let heading = if title.is_empty() { page.name.clone() } else { format!("{title} · {}", page.name) };
    let description = if page.summary.is_empty() { &page.name } else { &page.summary };
    let background = Colours::of(&page.theme).background();
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content";
            title { (heading) }
            meta name="description" content=(description);
            @for (scheme, colour) in FRAME {
                meta name="theme-color" media=(format!("(prefers-color-scheme: {scheme})"))
                    content=(background.unwrap_or(colour)) data-default=(colour);
            }
            meta property="og:type" content="website";
            meta property="og:site_name" content=(page.name);
            meta property="og:title" content=(heading);
            meta property="og:description" content=(description);
            meta name="twitter:card" content="summary";
            @if let Some(public) = &page.public_url { (addresses(public, logo, broadcast.is_some())) }
            @if is_hidden { meta name="robots" content="noindex"; }
            @if page.nsfw { meta name="rating" content="adult"; }
            link rel="icon" href=(logo);
            (sheet.markup())
            link rel="expect" href={ "#" (seen_at_once) } blocking="render";
            @if let Some(custom) = &page.custom_css { link rel="stylesheet" href=(custom) id="custom-css"; }
            @for module in &entry.preloads { link rel="modulepreload" href=(module); }
            @if broadcast.is_some() {
                @for module in &entry.player_preloads { link rel="modulepreload" href=(module); }
            }
            script type="module" src=(entry.script) {}
        }
    }
}

/// What other sites show of a running broadcast. Without stills the logo is at this address as well.
const THUMBNAIL: &str = "/thumbnail.jpg";

/// What only makes sense as whole addresses: other sites read it.
fn addresses(public_url: &str, logo: &str, is_live: bool) -> Markup {
    let picture = format!("{public_url}{}", if is_live { THUMBNAIL } else { logo });
    html! {
        link rel="canonical" href={ (public_url) "/" };
        meta property="og:url" content={ (public_url) "/" };
        meta property="og:image" content=(picture);
        @if is_live {
            meta property="og:video" content={ (public_url) (PLAYLIST) };
            meta property="og:video:type" content="application/x-mpegURL";
        }
        meta name="twitter:url" content={ (public_url) "/" };
        meta name="twitter:image" content=(picture);
    }
}

/// The stage while a broadcast is on. Playing takes the script; without it there is a link for another player.
fn stage(broadcast: &BroadcastView, page: &PageView, logo: &str) -> Markup {
    html! {
        section class="stage player" aria-label="Stream" {
            div class="poster" { img src={ (THUMBNAIL) "?broadcast=" (broadcast.id) } alt=""; }
            @if broadcast.variants.is_empty() { (sound_alone(page, logo)) }
            div class="wait" {
                noscript {
                    p class="nojs" {
                        "The stream is live. Without JavaScript, "
                        a href=(broadcast.playlist) { "open it in a media player" }
                        "."
                    }
                }
            }
        }
    }
}

/// What is shown of a broadcast without pictures; as in `Player.svelte`.
fn sound_alone(page: &PageView, logo: &str) -> Markup {
    html! {
        div class="sound-alone" {
            img src=(logo) alt="" width="96" height="96";
            p class="sound-alone-name" dir="auto" { (page.name) }
            p { "This stream is sound alone." }
        }
    }
}

/// The stage while nobody publishes; as `Offline.svelte`. `since` is how many seconds ago the last broadcast ended.
fn offline(page: &PageView, logo: &str, since: Option<i64>) -> Markup {
    let starts = if page.autoplay == Autoplay::Always { "starts" } else { "appears" };
    html! {
        section id="offline-banner" class="stage stage-offline" aria-label="Stream" {
            div class="offline" {
                div class="rings" aria-hidden="true" {}
                img class="offline-logo" src=(logo) alt="" width="96" height="96";
                p class="offline-label" { "Offline" }
                div class="offline-message prose" dir="auto" {
                    @if page.offline_html.is_empty() { p { "This stream is not currently live." } }
                    @else { (PreEscaped(&page.offline_html)) }
                }
                @if let Some(since) = since { p class="offline-last" { "Last live " (ago::ago(since)) } }
                p class="offline-hint" { "Leave this page open: the stream " (starts) " here by itself." }
                noscript {
                    p class="offline-hint" {
                        "Without JavaScript, reload now and then, or watch "
                        a href="/hls/stream.m3u8" { "in a media player" }
                        " once the stream is on."
                    }
                }
            }
        }
    }
}

/// Who this is; as `About.svelte`.
fn about(Snapshot { page, title, broadcast, viewers, .. }: &Snapshot<'_>, logo: &str, wish: ChatWish) -> Markup {
    html! {
        header class="about" id=(SEEN_AT_ONCE) {
            img class="logo" src=(logo) alt="" width="72" height="72";
            div class="about-text" {
                div class="title" {
                    div class="title-words" {
                        h1 id="global-header-text" class="header-title" dir="auto" { (page.name) }
                        @if broadcast.is_some() || page.nsfw {
                            div class="facts" {
                                @if let Some(broadcast) = broadcast {
                                    p class="badge" data-away=(broadcast.reconnecting.is_some()) {
                                        span class="dot" {}
                                        @if broadcast.reconnecting.is_some() { "Reconnecting" } @else { "Live" }
                                    }
                                    @if let Some(viewers) = viewers { (audience(*viewers)) }
                                }
                                @if page.nsfw { p class="mature" { "Mature content" } }
                            }
                        }
                    }
                    button class="share" type="button" aria-haspopup="dialog" { (icon(SHARE)) span { "Share" } }
                    @if page.chat.is_some() && wish == ChatWish::Hidden { (chat::button()) }
                }
                @if !title.is_empty() { p class="stream-title" dir="auto" { (title) } }
                (actions::actions(&page.external_actions))
                @if !page.summary.is_empty() { p class="summary header-subtitle" dir="auto" { (page.summary) } }
                @if !page.tags.is_empty() {
                    ul class="tags" aria-label="Tags" { @for tag in &page.tags { li dir="auto" { "#" (tag) } } }
                }
                @if !page.social_handles.is_empty() { (links(page)) }
            }
        }
    }
}

/// How many watch; as `Viewers.svelte`.
fn audience(viewers: usize) -> Markup {
    let number = grouped(viewers);
    let label = format!("{number} {}", if viewers == 1 { "viewer" } else { "viewers" });
    html! {
        p class="viewers" title=(label) {
            (icon(EYE)) span aria-hidden="true" { (number) } span class="unseen" { (label) }
        }
    }
}

/// A number as English writes it: "12,345".
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// As `Icon.svelte`.
fn icon(shape: &str) -> Markup {
    html! {
        svg class="icon" viewBox="0 0 24 24" aria-hidden="true" { path d=(shape) {} }
    }
}

fn links(page: &PageView) -> Markup {
    html! {
        ul class="links" aria-label="Elsewhere" {
            @for handle in &page.social_handles {
                li {
                    a href=(handle.url) rel="noopener noreferrer me" target="_blank" {
                        svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" { path d=(LINK) {} }
                        bdi { (handle.platform) }
                    }
                }
            }
        }
    }
}

/// JSON for a script element. Only `<` can end such an element or open a comment in it, and JSON has it nowhere but in
/// strings, where it may be written as an escape.
fn json(view: &Snapshot<'_>) -> Markup {
    let text = serde_json::to_string(view).expect("strings, numbers and lists always have a JSON form");
    PreEscaped(text.replace('<', "\\u003c"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::web::view::{ActionView, VariantView};
    use nixcast_core::control::Page;
    use nixcast_schema::SocialHandle;

    const HOSTILE: &str = "\"'></script><!--<script><img src=x onerror=alert(1)>&amp;\u{2028}";

    fn page(text: &str) -> PageView {
        PageView {
            name: text.to_owned(),
            summary: text.to_owned(),
            tags: vec![text.to_owned()],
            social_handles: vec![SocialHandle { platform: text.to_owned(), url: format!("https://x.example/{text}") }],
            logo: Some(format!("/logo?v={text}")),
            external_actions: vec![ActionView {
                title: text.to_owned(),
                url: format!("https://x.example/{text}"),
                description: text.to_owned(),
                colour: None,
                open_externally: false,
                frame: Some(format!("/action/0?v={text}")),
            }],
            custom_css: Some(format!("/custom.css?v={text}")),
            custom_javascript: Some(format!("/custom.js?v={text}")),
            public_url: Some(format!("https://x.example{text}")),
            search_indexing: true,
            ..PageView::default()
        }
    }

    fn view(page: &PageView, broadcast: Option<BroadcastView>) -> Snapshot<'_> {
        Snapshot { page, title: String::new(), broadcast, viewers: None, last_live: None }
    }

    fn broadcast(text: &str) -> BroadcastView {
        BroadcastView {
            id: text.to_owned(),
            started_at: 1,
            reconnecting: None,
            playlist: format!("/hls/{text}"),
            ladder_revision: 0,
            variants: vec![VariantView { name: text.to_owned(), width: 640, height: 360 }],
        }
    }

    fn shown(view: &Snapshot<'_>, now_s: i64) -> Markup {
        shell(view, &Sheet::default(), now_s, ChatWish::Shown)
    }

    fn framed(view: &Snapshot<'_>, now_s: i64) -> Markup {
        embed(view, &Sheet::default(), now_s)
    }

    /// The text between `id="nixcast-state">` and the first end tag after it, as a browser would see it.
    fn state_of(html: &str) -> serde_json::Value {
        let from = html.find("id=\"nixcast-state\">").unwrap() + "id=\"nixcast-state\">".len();
        let rest = &html[from..];
        serde_json::from_str(&rest[..rest.find("</script").unwrap()]).unwrap()
    }

    #[test]
    fn hostile_strings_stay_text_in_every_field() {
        for (live, render) in [
            (None, shown as fn(&Snapshot<'_>, i64) -> Markup),
            (Some(broadcast(HOSTILE)), shown),
            (None, |view, _now_s| chat_page(view, &Sheet::default(), ChatPage::Moderate)),
            (None, framed),
            (Some(broadcast(HOSTILE)), framed),
        ] {
            let page = page(HOSTILE);
            let view = Snapshot { title: HOSTILE.to_owned(), ..view(&page, live) };
            let html = render(&view, 0).into_string();
            let scripts = html.matches("<script").count();
            assert_eq!((scripts, html.matches("</script").count()), (2, 2), "{html}");
            assert!(!html.contains("<img src=x") && !html.contains("<!--"), "{html}");
            assert!(!html.contains("style=") && !html.contains(" onerror=alert(1)\""), "{html}");
            assert_eq!(state_of(&html), serde_json::to_value(&view).unwrap());
        }
    }

    #[test]
    fn an_address_that_would_run_is_neither_a_link_nor_in_the_state() {
        let declared = Page {
            name: "n".to_owned(),
            summary: String::new(),
            tags: Vec::new(),
            social_handles: vec![SocialHandle { platform: "p".to_owned(), url: "JavaScript:alert(1)".to_owned() }],
            public_url: Some("javascript:alert(1)".to_owned()),
            page_content: "[x](javascript:alert(1))".to_owned(),
            ..Page::default()
        };
        let html = shown(&view(&PageView::of(&declared, None), None), 0).into_string();
        assert!(!html.to_lowercase().contains("javascript:"), "{html}");
    }

    #[test]
    fn the_first_paint_tells_who_and_whether() {
        let page = page("Night Radio");
        let off = shown(&view(&page, None), 0).into_string();
        assert!(
            off.contains("<title>Night Radio</title>")
                && off.contains("<h1 id=\"global-header-text\" class=\"header-title\" dir=\"auto\">Night Radio</h1>")
        );
        let named = Snapshot { title: "Tide <tables>".to_owned(), ..view(&page, None) };
        assert!(shown(&named, 0).into_string().contains("<title>Tide &lt;tables&gt; · Night Radio</title>"));
        assert!(off.contains("data-state=\"offline\"") && off.contains("offline-message"));
        assert!(!off.contains("rel=\"modulepreload\" href=\"/assets/hls"));
        let (offline, sheet) = (view(&page, None), Sheet::default());
        let chat = chat_page(&offline, &sheet, ChatPage::Stage).into_string();
        for html in [off, embed(&offline, &sheet, 0).into_string(), chat] {
            let (awaited, _) = html.split_once("\" blocking=\"render\"").unwrap();
            let (_, id) = awaited.rsplit_once("href=\"#").unwrap();
            assert!(html.contains(&format!(" id=\"{id}\"")), "{id}");
        }
        let on = shown(&view(&page, Some(broadcast("a"))), 0).into_string();
        assert!(on.contains("data-state=\"loading\"") && on.contains("Live") && on.contains("href=\"/hls/a\""));
        assert!(on.contains("rel=\"modulepreload\" href=\"/assets/hls"));
    }

    #[test]
    fn the_policy_allows_nothing_inline_and_nothing_from_elsewhere() {
        let policy = SECURITY_HEADERS.iter().find(|(name, _)| *name == "content-security-policy").unwrap().1;
        for word in ["unsafe", "http:", "https:", "*", "data:"] {
            assert!(!policy.contains(word), "{word}");
        }
        for rule in
            ["default-src 'none'", "require-trusted-types-for 'script'", "frame-ancestors 'self'", "frame-src 'self'"]
        {
            assert!(policy.contains(rule), "{rule}");
        }
    }

    #[test]
    fn a_frame_in_another_page_holds_the_player_alone() {
        let page = page("Night Radio");
        for live in [None, Some(broadcast("a"))] {
            let html = framed(&view(&page, live), 0).into_string();
            assert!(html.contains("data-view=\"video\"") && html.contains("class=\"stage"), "{html}");
            assert!(html.contains("noindex") && !html.contains("class=\"about\""), "{html}");
        }
        let policy = EMBED_HEADERS.iter().find(|(name, _)| *name == "content-security-policy").unwrap().1;
        for rule in ["default-src 'none'", "require-trusted-types-for 'script'", "frame-ancestors *"] {
            assert!(policy.contains(rule), "{rule}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("frame-src"), "{policy}");
    }

    #[test]
    fn other_sites_show_the_picture_of_a_running_broadcast() {
        let page = PageView { public_url: Some("https://live.example".to_owned()), ..page("n") };
        let told = shown(&view(&page, Some(broadcast("x"))), 0).into_string();
        assert!(told.contains("<meta property=\"og:image\" content=\"https://live.example/thumbnail.jpg\">"), "{told}");
    }

    #[test]
    fn machines_are_told_what_the_page_is() {
        let mut page = page("n");
        let quiet = shown(&view(&PageView { public_url: None, ..page.clone() }, None), 0).into_string();
        for part in ["canonical", "og:url", "og:image", "twitter:image", "noindex", "rating"] {
            assert!(!quiet.contains(part), "{part} in {quiet}");
        }
        page.public_url = Some("https://live.example".to_owned());
        page.search_indexing = false;
        page.nsfw = true;
        let told = shown(&view(&page, None), 0).into_string();
        for part in [
            "<link rel=\"canonical\" href=\"https://live.example/\">",
            "<meta property=\"og:url\" content=\"https://live.example/\">",
            "<meta property=\"og:image\" content=\"https://live.example/logo?v=n\">",
            "<meta name=\"twitter:image\" content=\"https://live.example/logo?v=n\">",
            "<meta name=\"robots\" content=\"noindex\">",
            "<meta name=\"rating\" content=\"adult\">",
            "<link rel=\"stylesheet\" href=\"/custom.css?v=n\" id=\"custom-css\">",
            "Mature content",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }

    #[test]
    fn sanitised_markdown_is_markup_and_all_else_is_text() {
        let page = PageView {
            content_html: "<h2>Schedule</h2>".to_owned(),
            offline_html: "<p>Back at <em>nine</em></p>".to_owned(),
            ..page("n")
        };
        let html = shown(&view(&page, None), 0).into_string();
        assert!(html.contains("<div class=\"prose\" dir=\"auto\"><h2>Schedule</h2></div>"), "{html}");
        assert!(
            html.contains("<div class=\"offline-message prose\" dir=\"auto\"><p>Back at <em>nine</em></p></div>"),
            "{html}"
        );
    }

    #[test]
    fn room_is_left_for_a_chat_where_there_is_one_and_it_is_wanted() {
        let rules = nixcast_core::chat::rules::ChatRules::default();
        let page = PageView { chat: crate::web::view::ChatView::of(&rules), ..page("n") };
        let html = shown(&view(&page, None), 0).into_string();
        assert!(
            html.contains("data-chat=\"true\"") && html.contains("<aside id=\"chat-container\" class=\"chat\""),
            "{html}"
        );
        assert!(!html.contains("show-chat\""), "{html}");
        let alone = shell(&view(&page, None), &Sheet::default(), 0, ChatWish::Hidden).into_string();
        assert!(alone.contains("data-chat=\"false\"") && !alone.contains("<aside"), "{alone}");
        assert!(alone.contains("class=\"share show-chat\""), "{alone}");
        for wish in [ChatWish::Shown, ChatWish::Hidden] {
            let quiet = PageView { chat: None, ..page.clone() };
            let quiet = shell(&view(&quiet, None), &Sheet::default(), 0, wish).into_string();
            assert!(quiet.contains("data-chat=\"false\"") && !quiet.contains("<aside"), "{quiet}");
            assert!(!quiet.contains("show-chat\""), "{quiet}");
        }
    }

    #[test]
    fn pages_of_the_chat_alone_say_which_they_are_and_are_for_no_search_engine() {
        let page = page("Night Radio");
        for (which, name) in [
            (ChatPage::ReadOnly, "chat-readonly"),
            (ChatPage::ReadWrite, "chat-readwrite"),
            (ChatPage::Moderate, "moderate"),
            (ChatPage::Stage, "stage"),
        ] {
            let html = chat_page(&view(&page, Some(broadcast("a"))), &Sheet::default(), which).into_string();
            assert!(html.contains(&format!("data-view=\"{name}\"")) && html.contains("noindex"), "{html}");
            assert!(html.contains("needs JavaScript") && !html.contains("class=\"stage"), "{html}");
            assert!(!html.contains("rel=\"modulepreload\" href=\"/assets/hls"), "{html}");
        }
    }

    #[test]
    fn an_offline_page_says_when_something_was_on() {
        let page = page("n");
        let told = |last_live| shown(&Snapshot { last_live, ..view(&page, None) }, 100_000).into_string();
        assert!(told(Some(89_000)).contains("Last live 3 hours ago"));
        assert!(!told(None).contains("Last live"));
    }

    #[test]
    fn viewers_are_counted_as_english_writes_numbers() {
        for (viewers, expected) in
            [(0, "0 viewers"), (1, "1 viewer"), (999, "999 viewers"), (1_234_567, "1,234,567 viewers")]
        {
            assert!(audience(viewers).into_string().contains(expected), "{expected}");
        }
        let page = page("n");
        let with = |viewers, live| shown(&Snapshot { viewers, ..view(&page, live) }, 0).into_string();
        assert!(with(Some(3), Some(broadcast("a"))).contains("3 viewers"));
        assert!(!with(None, Some(broadcast("a"))).contains("class=\"viewers\""));
    }
}
