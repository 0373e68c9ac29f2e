//! The chat: its rules are one object, because a message is judged by all of them at once, and each moderator is one.
//!
//! A declared moderator whose secret cannot be had keeps the one that the engine holds; one who never had one cannot log
//! in. One who is no longer declared goes at once.

use std::collections::BTreeMap;

use serde_json::json;

use super::change::{Change, Fields};
use super::keys::{MASKED, MASKED_OTHER};
use super::{Desired, DesiredEmoji, Plan};
use crate::chat::rules::ChatRules;
use crate::control::{Action, Fingerprint, ObjectId, Observed, Phase, PictureRef};
use crate::keys::Salt;

/// Before a listener opens, so that nobody who comes back to a restarted engine is told that there is no chat.
const PHASE: Phase = Phase::Prepare;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let had = observed.chat.as_ref().map(fields);
    if let Some(change) = Change::between(ObjectId::Chat, had, Some(fields(&desired.chat))) {
        plan.push(PHASE, Action::SetChat { rules: desired.chat.clone() }, change);
    }
    emoji(desired, observed, plan);
    moderators(desired, observed, plan);
}

/// Some of them may be refused; the others are offered all the same.
fn emoji(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let DesiredEmoji { pictures, refused } = &desired.emoji;
    if let Some(reason) = refused {
        plan.hold(ObjectId::Emoji, reason.clone());
    }
    let Some(wanted) = pictures else { return };
    let emoji: BTreeMap<String, PictureRef> =
        wanted.iter().map(|(name, picture)| (name.clone(), picture.logo.clone())).collect();
    let fields = |emoji: &BTreeMap<String, PictureRef>| {
        let shown: Vec<String> =
            emoji.iter().map(|(name, picture)| format!("{name} {}", short(&picture.digest))).collect();
        vec![(ObjectId::Emoji.to_string(), json!(shown))]
    };
    let had = observed.emoji.as_ref();
    if let Some(change) = Change::between(ObjectId::Emoji, had.map(fields), Some(fields(&emoji))) {
        let is_held = |digest: &str| had.is_some_and(|had| had.values().any(|picture| picture.digest == digest));
        let fresh = wanted.values().filter(|picture| !is_held(&picture.logo.digest));
        let pictures = fresh.map(|picture| (picture.logo.digest.clone(), picture.base64.clone())).collect();
        plan.push(Phase::Switch, Action::SetEmoji { emoji, pictures }, change);
    }
}

fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}

fn moderators(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let fields = |object: &ObjectId, shown: &str| Some(vec![(format!("{object}.secretFile"), json!(shown))]);
    for name in observed.moderators.keys().filter(|name| !desired.moderators.contains_key(*name)) {
        let object = ObjectId::Moderator(name.clone());
        let had = fields(&object, MASKED);
        if let Some(change) = Change::between(object, had, None) {
            plan.push(Phase::Switch, Action::RemoveModerator { name: name.clone() }, change);
        }
    }
    for (name, (secret, fresh_salt)) in &desired.moderators {
        let object = ObjectId::Moderator(name.clone());
        let have = observed.moderators.get(name);
        let secret = match secret {
            Ok(secret) => secret,
            Err(reason) => {
                plan.hold(object, reason.clone());
                continue;
            }
        };
        let is_of =
            |held: &&Fingerprint| Salt::from_hex(&held.salt).is_some_and(|salt| secret.hash(&salt) == held.hash);
        if have.filter(is_of).is_some() {
            continue;
        }
        let (had, want) = match have {
            Some(_) => (fields(&object, MASKED), fields(&object, MASKED_OTHER)),
            None => (None, fields(&object, MASKED)),
        };
        let grant = Fingerprint { salt: fresh_salt.to_hex(), hash: secret.hash(fresh_salt) };
        if let Some(change) = Change::between(object, had, want) {
            plan.push(Phase::Switch, Action::PutModerator { name: name.clone(), grant }, change);
        }
    }
}

fn fields(rules: &ChatRules) -> Fields {
    let ChatRules {
        enable,
        join_messages,
        welcome_message,
        established_users_only,
        established_after_minutes,
        forbidden_names,
        suggested_names,
        spam_protection,
        slow_mode_seconds,
        max_message_bytes,
        history_messages,
        history_hours,
        questions,
    } = rules;
    [
        ("enable", json!(enable)),
        ("joinMessages", json!(join_messages)),
        ("welcomeMessage", json!(welcome_message)),
        ("establishedUsersOnly", json!(established_users_only)),
        ("establishedAfterMinutes", json!(established_after_minutes)),
        ("forbiddenNames", json!(forbidden_names)),
        ("suggestedNames", json!(suggested_names)),
        ("spamProtection", json!(spam_protection)),
        ("slowModeSeconds", json!(slow_mode_seconds)),
        ("maxMessageBytes", json!(max_message_bytes)),
        ("historyMessages", json!(history_messages)),
        ("historyHours", json!(history_hours)),
        ("questions", json!(questions)),
    ]
    .map(|(leaf, value)| (format!("{}.{leaf}", ObjectId::Chat), value))
    .into()
}
