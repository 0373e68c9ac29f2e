//! Who is let in: publishers over RTMP, whoever reads figures or the admin's status over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use nixcast_tests::http;
use serde_json::{Value, json};

use super::{Recipe, one, require};
use crate::effects::stage::Stage;

/// A client behind a reverse proxy (an address for documentation, RFC 5737).
const STRANGER: &str = "203.0.113.9";

pub(super) fn recipes() -> Vec<Recipe> {
    vec![
        // Believed, the proxy's word makes a stranger of the client, who may not read the figures.
        Recipe::of(
            "http.trustedProxies",
            |_| vec![json!([])],
            |stage, value| {
                let is_believed = value.as_array().is_some_and(|networks| !networks.is_empty());
                metrics(stage, Some(STRANGER), !is_believed)
            },
        ),
        Recipe::of("metrics.enable", |_| one(false), |stage, value| metrics(stage, None, value == true)),
        Recipe::of(
            "metrics.allowFrom",
            |_| vec![json!(["192.0.2.0/24"])],
            |stage, value| metrics(stage, None, value[0] == "127.0.0.0/8"),
        ),
        Recipe::of(
            "admin.user",
            |_| one("operator"),
            |stage, value| {
                let (_, password) = stage.secret("password");
                let other = if value == "admin" { "operator" } else { "admin" };
                login(stage, other, &password, 401)?;
                login(stage, value.as_str().unwrap_or_default(), &password, 200)
            },
        ),
        Recipe::of(
            "admin.passwordFile",
            |stage| vec![json!(stage.secret("password-rotated").0), Value::Null],
            password,
        ),
        Recipe::of(
            "streamKeys.<name>.name",
            |_| one("dozing"),
            |stage, value| {
                refused(stage, &stage.server.keys["resting"], &format!("the stream key {value} is disabled"))
            },
        )
        .at("resting"),
        Recipe::of(
            "streamKeys.<name>.keyFile",
            |stage| one(stage.secret("guest-rotated").0),
            |stage, value| {
                let (rotated, guest) = (stage.secret("guest-rotated"), stage.secret("guest.key"));
                let (good, bad) = if *value == rotated.0 { (rotated.1, guest.1) } else { (guest.1, rotated.1) };
                refused(stage, &good, KNOWN)?;
                refused(stage, &bad, "the stream key is wrong")
            },
        )
        .at("guest"),
        Recipe::of(
            "streamKeys.<name>.enable",
            |_| one(false),
            |stage, value| {
                let reason = if value == true { KNOWN } else { "is disabled" };
                refused(stage, &stage.server.keys["guest"], reason)
            },
        )
        .at("guest"),
        Recipe::of(
            "streamKeys.<name>.expires",
            |_| one("2001-01-01T00:00:00Z"),
            |stage, value| {
                let reason = if value.is_null() { KNOWN } else { "has expired" };
                refused(stage, &stage.server.keys["guest"], reason)
            },
        )
        .at("guest"),
        // Of the key in use: a session outlives both.
        Recipe::of(
            "streamKeys.<name>.comment",
            |_| one("the one in use"),
            |stage, value| {
                let status = stage.agent().status()?;
                let comment = &status["engine"]["streamKeys"]["main"]["comment"];
                require(comment == value, || format!("status says {comment}"))
            },
        )
        .at("main"),
        Recipe::of(
            "streamKeys.<name>.expires",
            |_| one("2100-01-01T00:00:00Z"),
            |stage, value| {
                let expires = stage.observed().stream_keys["main"].expires_at;
                require(expires.is_none() == value.is_null(), || format!("the engine holds {expires:?}"))
            },
        )
        .at("main"),
    ]
}

/// What the owner of a good key reads while somebody else publishes.
const KNOWN: &str = "somebody else is publishing";

fn refused(stage: &Stage, key: &str, reason: &str) -> Result<(), String> {
    let log = stage.refusal(key);
    require(log.contains(reason), || format!("a publisher did not read {reason:?}:\n{log}"))
}

/// Whether the figures are given, also to a client that a proxy speaks for.
fn metrics(stage: &Stage, on_behalf_of: Option<&str>, is_given: bool) -> Result<(), String> {
    let headers: Vec<(&str, &str)> = on_behalf_of.map(|client| ("x-forwarded-for", client)).into_iter().collect();
    let reply = http::get_with(stage.server.http_port(), "/metrics", &headers).map_err(|error| error.to_string())?;
    let is_right = if is_given {
        reply.status == 200 && reply.text().contains("# TYPE nixcast_")
    } else {
        (400..500).contains(&reply.status)
    };
    require(is_right, || format!("/metrics: status {}, wanted to be given: {is_given}", reply.status))
}

fn login(stage: &Stage, user: &str, password: &str, wanted: u16) -> Result<(), String> {
    let credential = format!("Basic {}", BASE64.encode(format!("{user}:{password}")));
    let reply =
        http::get_with(stage.server.http_port(), "/api/admin/status", &[("authorization", credential.as_str())])
            .map_err(|error| error.to_string())?;
    require(reply.status == wanted, || format!("{user:?} gets status {}, wanted {wanted}", reply.status))
}

fn password(stage: &Stage, value: &Value) -> Result<(), String> {
    let (first, second) = (stage.secret("password"), stage.secret("password-rotated"));
    let (good, bad) = match value.as_str() {
        None => return login(stage, "admin", &first.1, 403),
        Some(path) if path == first.0 => (first, second),
        Some(_) => (second, first),
    };
    login(stage, "admin", &bad.1, 401)?;
    login(stage, "admin", &good.1, 200)
}

/// The admin's status, for whoever logs in with what is declared.
pub(super) fn admin_status(stage: &Stage) -> Result<Value, String> {
    admin_get(stage, "status")
}

/// What the operator is told at this address below `/api/admin/`.
pub(super) fn admin_get(stage: &Stage, path: &str) -> Result<Value, String> {
    let (_, password) = stage.secret("password");
    let credential = format!("Basic {}", BASE64.encode(format!("admin:{password}")));
    let reply =
        http::get_with(stage.server.http_port(), &format!("/api/admin/{path}"), &[("authorization", &credential)])
            .map_err(|error| error.to_string())?;
    require(reply.status == 200, || format!("/api/admin/{path}: status {}", reply.status))?;
    serde_json::from_slice(&reply.body).map_err(|error| error.to_string())
}
