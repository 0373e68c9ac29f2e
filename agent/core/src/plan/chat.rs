//! The chat's rules: one object, because a message is judged by all of them at once.

use serde_json::json;

use super::change::{Change, Fields};
use super::{Desired, Plan};
use crate::chat::rules::ChatRules;
use crate::control::{Action, ObjectId, Observed, Phase};

/// Before a listener opens, so that nobody who comes back to a restarted engine is told that there is no chat.
const PHASE: Phase = Phase::Prepare;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let had = observed.chat.as_ref().map(fields);
    if let Some(change) = Change::between(ObjectId::Chat, had, Some(fields(&desired.chat))) {
        plan.push(PHASE, Action::SetChat { rules: desired.chat.clone() }, change);
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
