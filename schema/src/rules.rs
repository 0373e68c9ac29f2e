//! What the options have to be to each other.
//!
//! The rules look at the raw document and pass over whatever has the wrong shape, which the schema's walk reports:
//! so a document with both kinds of problem has all of them told at once.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use crate::check::quote;
use crate::path::Path;
use crate::problem::Found;

/// With fewer names to draw from, the same one would soon be drawn again (as in Owncast).
const LEAST_SUGGESTED: usize = 10;

/// Adds every problem between options.
pub(crate) fn cross_check(document: &Value, found: &mut Found) {
    let root = Path::default();
    listeners(document, &root, found);
    rtmps(&document["rtmps"], &root.name("rtmps"), found);
    stream_keys(&document["streamKeys"], &root.name("streamKeys"), found);
    instance(&document["instance"], &root.name("instance"), found);
    public_url(&document["publicUrl"], &root.name("publicUrl"), found);
    chat(&document["chat"], &root.name("chat"), found);
    webhooks(&document["webhooks"], &root.name("webhooks"), found);
    let tokens = &document["integrations"]["accessTokens"];
    access_tokens(tokens, &root.name("integrations").name("accessTokens"), found);
    ladder(&document["video"]["variants"], &root.name("video").name("variants"), found);
}

/// Two listeners on one port clash if their addresses overlap; "::" and "0.0.0.0" overlap with every address, since
/// an IPv6 wildcard listener also takes IPv4 connections. One that is off clashes with nothing.
fn listeners(document: &Value, root: &Path, found: &mut Found) {
    let listener =
        |section: &Value| Some((section["address"].as_str()?.parse::<IpAddr>().ok()?, section["port"].as_u64()?));
    let mut taken: Vec<(&str, &str, IpAddr, u64)> = Vec::new();
    for (section, what) in [("http", "the page"), ("rtmp", "plain RTMP"), ("rtmps", "RTMPS")] {
        if section == "rtmps" && document[section]["enable"] != true {
            continue;
        }
        let Some((address, port)) = listener(&document[section]) else { continue };
        let overlap = |other: &IpAddr| {
            other.to_canonical() == address.to_canonical() || other.is_unspecified() || address.is_unspecified()
        };
        if let Some((other, owner, ..)) = taken.iter().find(|(_, _, other, owned)| *owned == port && overlap(other)) {
            found.add(
                &root.name(section).name("port"),
                format!("port {port} is also the port of {owner}"),
                format!("choose another {section}.port or {other}.port, or addresses that do not overlap"),
            );
        }
        taken.push((section, what, address, port));
    }
}

/// TLS needs both files.
fn rtmps(rtmps: &Value, at: &Path, found: &mut Found) {
    if rtmps["enable"] != true {
        return;
    }
    for (option, what) in [("certificateFile", "certificate"), ("keyFile", "private key")] {
        if rtmps[option].is_null() && rtmps.get(option).is_some() {
            found.add(
                &at.name(option),
                format!("is null, so publishers with TLS cannot be served: there is no {what}"),
                format!("name the file of the {what}, or turn rtmps.enable off"),
            );
        }
    }
}

fn stream_keys(keys: &Value, at: &Path, found: &mut Found) {
    duplicate_names(keys, at, "stream key", found);
    shared_files(keys, at, ("keyFile", "key"), found);
}

/// Of entries that are recognised by their secret.
fn shared_files(list: &Value, at: &Path, (option, what): (&str, &str), found: &mut Found) {
    let mut owners = BTreeMap::new();
    for (index, entry) in entries(list) {
        let (name, Some(file)) = (entry["name"].as_str(), entry[option].as_str()) else { continue };
        let place = at.entry(index, name);
        if let Some(owner) = owners.insert(file, place.clone()) {
            found.add(
                &place.name(option),
                format!("is the same file as that of {owner}"),
                format!("give each {what} a file of its own: with one secret the two could not be told apart"),
            );
        }
    }
}

fn instance(instance: &Value, at: &Path, found: &mut Found) {
    single_line(&instance["name"], &at.name("name"), found);
    let mut tags = BTreeMap::new();
    for (index, tag) in entries(&instance["tags"]) {
        let place = at.name("tags").index(index);
        let Some(text) = tag.as_str() else { continue };
        single_line(tag, &place, found);
        if let Some(first) = tags.insert(text.to_lowercase(), index) {
            found.add(&place, format!("{} is already there as entry [{first}]", quote(text)), "remove one of the two");
        }
    }
    for (index, handle) in entries(&instance["socialHandles"]) {
        single_line(&handle["platform"], &at.name("socialHandles").index(index).name("platform"), found);
    }
    for (index, action) in entries(&instance["externalActions"]) {
        single_line(&action["title"], &at.name("externalActions").index(index).name("title"), found);
    }
}

/// Paths are appended to it.
fn public_url(url: &Value, at: &Path, found: &mut Found) {
    if url.as_str().is_some_and(|url| url.contains(['?', '#']) || url.ends_with('/')) {
        found.add(at, "is not a bare address", "leave out \"?\", \"#\" and a slash at the end");
    }
}

fn chat(chat: &Value, at: &Path, found: &mut Found) {
    duplicate_names(&chat["moderators"], &at.name("moderators"), "moderator", found);
    shared_files(&chat["moderators"], &at.name("moderators"), ("secretFile", "moderator"), found);
    for list in ["forbiddenNames", "suggestedNames"] {
        let place = at.name(list);
        let mut seen = BTreeMap::new();
        for (index, name) in entries(&chat[list]) {
            let Some(text) = name.as_str() else { continue };
            single_line(name, &place.index(index), found);
            if let Some(first) = seen.insert(text.to_lowercase(), index) {
                let message = format!("{} is already there as entry [{first}]", quote(text));
                found.add(&place.index(index), message, "remove one of the two");
            }
        }
    }
    let suggested = entries(&chat["suggestedNames"]).count();
    if (1..LEAST_SUGGESTED).contains(&suggested) {
        found.add(
            &at.name("suggestedNames"),
            format!("has {suggested} {}, too few to tell people apart", if suggested == 1 { "name" } else { "names" }),
            format!("write at least {LEAST_SUGGESTED}, or none: then names are made up"),
        );
    }
}

fn webhooks(webhooks: &Value, at: &Path, found: &mut Found) {
    duplicate_names(webhooks, at, "webhook", found);
    for (index, webhook) in entries(webhooks) {
        let place = at.entry(index, webhook["name"].as_str()).name("events");
        let empty = ("is empty, so nothing is ever sent", "name an event, or turn the webhook off with enable");
        choices(&webhook["events"], &place, empty, found);
    }
}

fn access_tokens(tokens: &Value, at: &Path, found: &mut Found) {
    duplicate_names(tokens, at, "access token", found);
    shared_files(tokens, at, ("tokenFile", "access token"), found);
    for (index, token) in entries(tokens) {
        let place = at.entry(index, token["name"].as_str()).name("scopes");
        let empty = ("is empty, so its program may do nothing", "name a scope, or remove the access token");
        choices(&token["scopes"], &place, empty, found);
    }
}

/// A list of choices: at least one, and none of them twice. `empty` is what is said of none, and the hint.
fn choices(list: &Value, at: &Path, empty: (&str, &str), found: &mut Found) {
    let Some(choices) = list.as_array() else { return };
    if choices.is_empty() {
        let (message, hint) = empty;
        found.add(at, message, hint);
    }
    for (index, choice) in choices.iter().enumerate().filter(|(index, choice)| choices[..*index].contains(choice)) {
        found.add(&at.index(index), format!("{choice} is there twice"), "remove one of the two");
    }
}

/// A heading, a tag or a link is one visible line.
fn single_line(value: &Value, at: &Path, found: &mut Found) {
    let Some(text) = value.as_str().filter(|text| !text.is_empty()) else { return };
    if text.trim().is_empty() {
        found.add(at, "is blank", "write at least one visible character");
    } else if text.chars().any(char::is_control) {
        found.add(at, "has a line break or another control character", "write it on one line");
    }
}

fn ladder(variants: &Value, at: &Path, found: &mut Found) {
    duplicate_names(variants, at, "variant", found);
    let Some(rungs) = variants.as_array() else { return };
    let is_on = |rung: &Value, option: &str| rung[option] == true;
    if !rungs.iter().any(|rung| rung["enable"] != false) {
        found.add(at, "no variant is enabled, so there is nothing to watch", "enable at least one");
    }
    let mut source: Option<Path> = None;
    for (index, rung) in entries(variants).filter(|(_, rung)| is_on(rung, "passthrough")) {
        let place = at.entry(index, rung["name"].as_str());
        for option in ["width", "height", "framerate"].into_iter().filter(|option| rung[*option].is_number()) {
            found.add(
                &place.name(option),
                "a pass-through rung has the publisher's own picture",
                format!("leave {option} at null, or turn passthrough off"),
            );
        }
        if !is_on(rung, "enable") {
            continue;
        }
        if let Some(first) = &source {
            found.add(
                &place.name("passthrough"),
                format!("{first} already passes the same picture through"),
                "remove or disable one of the two",
            );
        }
        source.get_or_insert(place);
    }
}

/// Names appear in addresses, file names and metrics, where "Main" and "main" must not be two things.
fn duplicate_names(list: &Value, at: &Path, what: &str, found: &mut Found) {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (_, entry) in entries(list) {
        let Some(name) = entry["name"].as_str() else { continue };
        if let Some(first) = seen.insert(name.to_lowercase(), name) {
            let message = if first == name {
                format!("there are two entries named {}", quote(name))
            } else {
                format!("differs from {} only in upper and lower case", quote(first))
            };
            found.add(&at.name(name), message, format!("give each {what} a name of its own"));
        }
    }
}

fn entries(list: &Value) -> impl Iterator<Item = (usize, &Value)> {
    list.as_array().into_iter().flatten().enumerate()
}
