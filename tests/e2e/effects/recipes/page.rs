//! What the page says: in the answer of `/api/page`, on the event socket of the open page, and in what the server
//! draws itself.

use std::fs;
use std::time::Duration;

use nixcast_tests::{http, wait};
use serde_json::{Value, json};

use super::{Recipe, one, require};
use crate::effects::stage::{SEEN_WITHIN, Stage};

const CSS: &str = ".tide { color: #123456 }";
const SCRIPT: &str = "export const tide = 'high';";

pub(super) fn recipes() -> Vec<Recipe> {
    let colour = |leaf, shows| Recipe::of(leaf, |_| one("#1a2B3c"), shows);
    vec![
        Recipe::of("publicUrl", |_| one("https://live.example.org"), public_url),
        Recipe::of(
            "instance.name",
            |_| one("Harbour & Sons"),
            |stage, value| {
                shown(stage, "/name", value)?;
                drawn(stage, "<title>Harbour &amp; Sons", value == "Harbour & Sons")
            },
        ),
        Recipe::of("instance.summary", |_| one("Ships, live"), |stage, value| shown(stage, "/summary", value)),
        Recipe::of("instance.logo", |stage| one(stage.picture.clone()), logo),
        Recipe::of("instance.tags", |_| vec![json!(["sea", "ship"])], |stage, value| shown(stage, "/tags", value)),
        Recipe::of(
            "instance.socialHandles.*.platform",
            |_| one("peertube"),
            |stage, value| shown(stage, "/socialHandles/0/platform", value),
        )
        .at("0"),
        Recipe::of(
            "instance.socialHandles.*.url",
            |_| one("https://example.net/harbour"),
            |stage, value| shown(stage, "/socialHandles/0/url", value),
        )
        .at("0"),
        Recipe::of(
            "instance.offlineMessage",
            |_| one("Back at **high** tide"),
            |stage, value| {
                let html = if value == "" { "" } else { "<strong>high</strong> tide" };
                shown_html(stage, "/offlineHtml", html)
            },
        ),
        Recipe::of(
            "instance.pageContent",
            |_| one("A [map](https://example.org/map) of the _harbour_"),
            |stage, value| {
                let html = if value == "" { "" } else { "<em>harbour</em>" };
                shown_html(stage, "/contentHtml", html)
            },
        ),
        Recipe::of("instance.customCss", |_| one(CSS), |stage, value| added(stage, "/customCss", "/custom.css", value)),
        Recipe::of(
            "instance.customJavascript",
            |_| one(SCRIPT),
            |stage, value| added(stage, "/customJavascript", "/custom.js", value),
        ),
        Recipe::of("instance.externalActions.*.title", |_| one("Seats"), |stage, value| action(stage, "title", value))
            .at("0"),
        Recipe::of(
            "instance.externalActions.*.url",
            |_| one("https://example.net/"),
            |stage, value| action(stage, "url", value),
        )
        .at("0"),
        Recipe::of(
            "instance.externalActions.*.description",
            |_| one("For all nights"),
            |stage, value| action(stage, "description", value),
        )
        .at("0"),
        Recipe::of(
            "instance.externalActions.*.colour",
            |_| one("#abcdef"),
            |stage, value| action(stage, "colour", value),
        )
        .at("0"),
        Recipe::of("instance.externalActions.*.openExternally", |_| one(false), opens_externally).at("0"),
        Recipe::of(
            "instance.searchIndexing",
            |_| one(false),
            |stage, value| {
                shown(stage, "/searchIndexing", value)?;
                drawn(stage, "noindex", value == false)
            },
        ),
        Recipe::of("instance.showViewerCount", |_| one(false), viewer_count),
        Recipe::of(
            "instance.autoplay",
            |_| vec![json!("off"), json!("soundOnly")],
            |stage, value| shown(stage, "/autoplay", value),
        ),
        Recipe::of(
            "instance.nsfw",
            |_| one(true),
            |stage, value| {
                shown(stage, "/nsfw", value)?;
                drawn(stage, "name=\"rating\"", value == true)
            },
        ),
        colour("instance.theme.background", |stage, value| theme(stage, "background", value)),
        colour("instance.theme.surface", |stage, value| theme(stage, "surface", value)),
        colour("instance.theme.text", |stage, value| theme(stage, "text", value)),
        colour("instance.theme.mutedText", |stage, value| theme(stage, "mutedText", value)),
        colour("instance.theme.accent", |stage, value| theme(stage, "accent", value)),
        colour("instance.theme.accentText", |stage, value| theme(stage, "accentText", value)),
        Recipe::of(
            "instance.theme.cornerRadius",
            |_| vec![json!(0), json!(17)],
            |stage, value| {
                shown(stage, "/theme/cornerRadius", value)?;
                styled(stage, "17px", value == 17)
            },
        ),
    ]
}

/// `/api/page` and the event socket both say so. Texts are made into a page aside, so this may take a moment.
fn told(stage: &Stage, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<(), String> {
    wait::within(SEEN_WITHIN, || is_so(&state(stage).ok()?["page"]).then_some(()))
        .ok_or_else(|| format!("/api/page has not {what}: {:?}", state(stage)))?;
    stage
        .page
        .within(SEEN_WITHIN, |shown| is_so(&shown.page).then_some(()))
        .ok_or_else(|| format!("the open page was not told {what}: {}", stage.page.shown().page))
}

fn state(stage: &Stage) -> Result<Value, String> {
    let reply = fetch(stage, "/api/page")?;
    serde_json::from_slice(&reply.body).map_err(|error| format!("/api/page: {error}"))
}

fn fetch(stage: &Stage, path: &str) -> Result<http::Reply, String> {
    let reply = http::get(stage.server.http_port(), path).map_err(|error| format!("{path}: {error}"))?;
    require(reply.status == 200, || format!("{path}: status {}", reply.status))?;
    Ok(reply)
}

pub(super) fn shown(stage: &Stage, place: &str, value: &Value) -> Result<(), String> {
    told(stage, &format!("{value} at {place}"), |page| page.pointer(place) == Some(value))
}

/// HTML made of Markdown: this piece, or nothing at all.
fn shown_html(stage: &Stage, place: &str, piece: &str) -> Result<(), String> {
    told(stage, &format!("{piece:?} at {place}"), |page| {
        let html = page.pointer(place).and_then(Value::as_str);
        html.is_some_and(|html| if piece.is_empty() { html.is_empty() } else { html.contains(piece) })
    })
}

/// Whether the shell, as a browser without script gets it, holds this.
fn drawn(stage: &Stage, piece: &str, is_wanted: bool) -> Result<(), String> {
    let text = fetch(stage, "/")?.text();
    require(text.contains(piece) == is_wanted, || format!("{piece:?} in the shell: wanted {is_wanted}"))
}

fn styled(stage: &Stage, piece: &str, is_wanted: bool) -> Result<(), String> {
    let shell = fetch(stage, "/")?.text();
    let css = shell.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).unwrap_or_default().0;
    let css = css.to_lowercase();
    require(css.contains(piece) == is_wanted, || {
        format!("{piece:?} in the style of the shell: wanted {is_wanted}\n{css}")
    })
}

fn theme(stage: &Stage, name: &str, value: &Value) -> Result<(), String> {
    shown(stage, &format!("/theme/{name}"), value)?;
    styled(stage, "#1a2b3c", !value.is_null())
}

fn public_url(stage: &Stage, value: &Value) -> Result<(), String> {
    shown(stage, "/publicUrl", value)?;
    let link = |address: &str| format!("rel=\"canonical\" href=\"{address}");
    match value.as_str() {
        Some(address) => drawn(stage, &link(address), true),
        None => drawn(stage, "rel=\"canonical\"", false),
    }
}

fn logo(stage: &Stage, value: &Value) -> Result<(), String> {
    let Some(path) = value.as_str() else {
        shown(stage, "/logo", &Value::Null)?;
        return require(stage.server.get("/logo").status == 404, || "/logo is still there".to_owned());
    };
    told(stage, "a logo", |page| page["logo"].is_string())?;
    let address = state(stage)?["page"]["logo"].as_str().unwrap_or_default().to_owned();
    let picture = fs::read(path).map_err(|error| error.to_string())?;
    require(fetch(stage, &address)?.body == picture, || format!("{address} is another picture"))
}

/// Something of the operator's own, under an address that is new with each content.
fn added(stage: &Stage, place: &str, stem: &str, value: &Value) -> Result<(), String> {
    let content = value.as_str().unwrap_or_default();
    if content.is_empty() {
        return shown(stage, place, &Value::Null);
    }
    told(stage, &format!("an address at {place}"), |page| {
        page.pointer(place).and_then(Value::as_str).is_some_and(|address| address.starts_with(stem))
    })?;
    let state = state(stage)?;
    let address = state["page"].pointer(place).and_then(Value::as_str).unwrap_or_default();
    let text = fetch(stage, address)?.text();
    require(text.contains(content), || format!("{address} holds {text:?}"))
}

fn action(stage: &Stage, name: &str, value: &Value) -> Result<(), String> {
    shown(stage, &format!("/externalActions/0/{name}"), value)
}

/// What is shown inside the page has a frame on this server.
fn opens_externally(stage: &Stage, value: &Value) -> Result<(), String> {
    action(stage, "openExternally", value)?;
    let state = state(stage)?;
    match (value == true, state["page"]["externalActions"][0]["frame"].as_str()) {
        (true, None) => Ok(()),
        (false, Some(frame)) => {
            let text = fetch(stage, frame)?.text();
            require(text.contains("https://example.org/tickets"), || format!("{frame} frames something else: {text}"))
        }
        (_, frame) => Err(format!("openExternally is {value} and the frame is {frame:?}")),
    }
}

/// The watcher is a viewer; the page is told so, or nothing at all.
fn viewer_count(stage: &Stage, value: &Value) -> Result<(), String> {
    shown(stage, "/showViewerCount", value)?;
    let is_right = |viewers: &Value| if value == true { viewers.as_u64() >= Some(1) } else { viewers.is_null() };
    wait::within(SEEN_WITHIN, || is_right(&state(stage).ok()?["viewers"]).then_some(()))
        .ok_or_else(|| format!("/api/page tells of {} viewers", state(stage).unwrap_or_default()["viewers"]))?;
    // The count goes out by itself, at most every two seconds.
    stage
        .page
        .within(SEEN_WITHIN + Duration::from_secs(2), |shown| is_right(&shown.viewers).then_some(()))
        .ok_or_else(|| format!("the open page was told of {} viewers", stage.page.shown().viewers))
}
