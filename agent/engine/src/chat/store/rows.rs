//! Rows of the tables as the values that core knows, and back.

use nixcast_core::chat::bans::NetworkBan;
use nixcast_core::chat::ids::{MessageId, UserId};
use nixcast_core::chat::records::{Content, Hidden, HiddenBecause, Message};
use nixcast_core::chat::users::{Role, User};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) const MESSAGE: &str = "m.id, m.at_ms, m.kind, m.user, m.author, m.raw, m.body, m.nonce, m.reply_to, \
                                  m.hidden_ms, m.hidden_because, m.revised";
const MESSAGE_COLUMNS: usize = 12;

pub(super) const USER: &str = "u.id, u.name, u.colour, u.created_ms, u.previous_names, u.name_changed_ms, \
                               u.disabled_ms, u.timed_out_until_ms, u.role, u.authenticated";

/// A text in a column that says nothing it could say.
fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(&row.get::<_, String>(column)?).map_err(|error| unreadable(column, error))
}

pub(super) fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

pub(super) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<MessageId> {
    row.get::<_, String>(column)?.parse().map_err(|error| unreadable(column, error))
}

pub(super) fn optional_id(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<MessageId>> {
    let text = row.get::<_, Option<String>>(column)?;
    text.map(|text| text.parse().map_err(|error| unreadable(column, error))).transpose()
}

/// From the columns of [`MESSAGE`].
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let content = match row.get_ref(2)?.as_str()? {
        "chat" => Content::Chat {
            user: UserId(row.get(3)?),
            raw: row.get(5)?,
            nonce: row.get(7)?,
            reply_to: optional_id(row, 8)?,
        },
        "system" => Content::System { author: row.get(4)? },
        _action => Content::Action,
    };
    let because = match row.get_ref(10)?.as_str_or_null()? {
        Some("ban") => HiddenBecause::Ban,
        _ => HiddenBecause::Message,
    };
    let hidden = row.get::<_, Option<i64>>(9)?.map(|at_ms| Hidden { at_ms, because });
    Ok(Message {
        id: id(row, 0)?,
        at_ms: row.get(1)?,
        body: row.get(6)?,
        content,
        hidden,
        revised: optional_id(row, 11)?,
    })
}

/// From the columns of [`USER`], which follow `first` others; none where there is no such user.
pub(super) fn optional_user(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<User>> {
    let Some(id) = row.get(first)? else { return Ok(None) };
    Ok(Some(User {
        id: UserId(id),
        name: row.get(first + 1)?,
        colour: row.get(first + 2)?,
        created_ms: row.get(first + 3)?,
        previous_names: json(row, first + 4)?,
        name_changed_ms: row.get(first + 5)?,
        disabled_ms: row.get(first + 6)?,
        timed_out_until_ms: row.get(first + 7)?,
        role: json(row, first + 8)?,
        authenticated: row.get(first + 9)?,
    }))
}

/// After the columns of a message.
pub(super) fn author(row: &Row<'_>) -> rusqlite::Result<Option<User>> {
    optional_user(row, MESSAGE_COLUMNS)
}

pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    optional_user(row, 0)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

pub(super) const BANS: &str = "SELECT network, at_ms, until_ms, note FROM bans";

/// From the columns of [`BANS`].
pub(super) fn ban(row: &Row<'_>) -> rusqlite::Result<NetworkBan> {
    Ok(NetworkBan { network: row.get(0)?, at_ms: row.get(1)?, until_ms: row.get(2)?, note: row.get(3)? })
}

pub(super) fn put_ban(connection: &Connection, ban: &NetworkBan) -> rusqlite::Result<usize> {
    let sql = "INSERT OR REPLACE INTO bans (network, at_ms, until_ms, note) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![ban.network, ban.at_ms, ban.until_ms, ban.note])
}

pub(super) const fn because(hidden: HiddenBecause) -> &'static str {
    match hidden {
        HiddenBecause::Message => "message",
        HiddenBecause::Ban => "ban",
    }
}

pub(super) fn put_message(connection: &Connection, message: &Message) -> rusqlite::Result<usize> {
    let Message { id, at_ms, body, content, hidden, revised } = message;
    let (kind, user, author, raw, nonce, reply_to) = match content {
        Content::Chat { user, raw, nonce, reply_to } => {
            ("chat", Some(&user.0), None, Some(raw), nonce.as_ref(), reply_to.map(|id| id.to_string()))
        }
        Content::System { author } => ("system", None, Some(author), None, None, None),
        Content::Action => ("action", None, None, None, None, None),
    };
    let sql = "INSERT OR REPLACE INTO messages (id, at_ms, kind, user, author, raw, body, nonce, reply_to, hidden_ms, \
               hidden_because, revised) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    connection.prepare_cached(sql)?.execute(params![
        id.to_string(),
        at_ms,
        kind,
        user,
        author,
        raw,
        body,
        nonce,
        reply_to,
        hidden.map(|hidden| hidden.at_ms),
        hidden.map(|hidden| because(hidden.because)),
        revised.map(|id| id.to_string()),
    ])
}

pub(super) fn put_user(connection: &Connection, user: &User) -> rusqlite::Result<usize> {
    let User {
        id,
        name,
        colour,
        created_ms,
        previous_names,
        name_changed_ms,
        disabled_ms,
        timed_out_until_ms,
        role,
        authenticated,
    } = user;
    let sql = "INSERT OR REPLACE INTO users (id, name, colour, created_ms, previous_names, name_changed_ms, disabled_ms, \
               timed_out_until_ms, role, is_viewer, authenticated) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    connection.prepare_cached(sql)?.execute(params![
        id.0,
        name,
        colour,
        created_ms,
        to_json(previous_names)?,
        name_changed_ms,
        disabled_ms,
        timed_out_until_ms,
        to_json(role)?,
        *role == Role::Viewer,
        authenticated,
    ])
}
