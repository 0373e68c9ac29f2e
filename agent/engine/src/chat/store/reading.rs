//! Queries.

use std::collections::BTreeSet;

use nixcast_core::chat::audit::{AuditAction, AuditEntry};
use nixcast_core::chat::bans::NetworkBan;
use nixcast_core::chat::bounds::{MAX_BANS, MAX_QUESTIONS, MAX_USERS};
use nixcast_core::chat::ids::{MessageId, UserId};
use nixcast_core::chat::records::{Content, Message, Snapshot, StoredQuestion, TakenNonce};
use nixcast_core::chat::room::NONCE_MS;
use nixcast_core::chat::stamp::Stamp;
use nixcast_core::chat::users::User;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};
use serde::Serialize;

use super::queue::Queue;
use super::rows::{self, MESSAGE, USER};
use super::writing::most_history;
use super::{AccessToken, Bearer, TokenHash};

/// Messages that a search looks through, newest first: a month of a busy chat takes half a second.
const MOST_SEARCHED: i64 = 100_000;

/// Rows that one query gives at most, whatever is asked for.
const MOST_ROWS: u32 = 1_000;

/// What is kept from a message on.
#[cfg(test)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Since {
    /// Oldest first, hidden ones too.
    pub(crate) messages: Vec<Message>,
    /// Whether that is all there was.
    pub(crate) is_complete: bool,
}

/// What a moderator looks for in what people wrote; what is none or empty matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Search {
    /// In the message as typed, or in the author's name.
    pub(crate) text: String,
    pub(crate) user: Option<UserId>,
    /// Older than this message.
    pub(crate) before: Option<MessageId>,
    pub(crate) limit: u32,
}

/// A message with its author, if it has one who is still known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) message: Message,
    pub(crate) author: Option<User>,
}

/// Which users are listed; what is none or empty matches everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UsersPage {
    /// In the name of now.
    pub(crate) name: String,
    pub(crate) of: Option<UsersOf>,
    pub(crate) offset: u32,
    pub(crate) limit: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsersOf {
    Banned,
    Moderators,
    Bots,
}

/// What queries read from.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) connection: &'a Connection,
    pub(super) queue: &'a Queue,
}

impl Reader<'_> {
    fn all<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.connection.prepare_cached(sql)?.query_map(values, read)?.collect()
    }

    fn one<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.connection.prepare_cached(sql)?.query_row(values, read).optional()
    }

    fn fact(&self, name: &str) -> rusqlite::Result<Option<String>> {
        self.one("SELECT value FROM facts WHERE name = ?1", params![name], |row| row.get(0))
    }

    pub(super) fn title(&self) -> rusqlite::Result<Option<String>> {
        self.fact("title")
    }

    pub(super) fn snapshot(&self, now_ms: i64) -> rusqlite::Result<Snapshot> {
        let newest = format!("SELECT {MESSAGE} FROM messages m ORDER BY m.id DESC LIMIT ?1");
        let messages = self.all(&newest, params![most_history()], rows::message)?;
        let questions = self.questions()?;
        let beyond = "SELECT id FROM messages ORDER BY id DESC LIMIT 1 OFFSET ?1";
        let beyond = self.one(beyond, params![most_history()], |row| rows::id(row, 0))?;
        let parsed = |text: Option<String>| text.and_then(|id| id.parse().ok());
        let dropped = beyond.max(parsed(self.fact("dropped")?));
        let stream = self.fact("stream")?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Ok(Snapshot {
            users: self.users_for(&messages, &questions)?,
            nonces: self.nonces(now_ms.saturating_sub(NONCE_MS))?,
            bans: self.bans()?,
            last_id: self.last_id()?.max(parsed(self.fact("lastId")?)).max(dropped),
            messages,
            questions,
            dropped,
            stream,
        })
    }

    fn last_id(&self) -> rusqlite::Result<Option<MessageId>> {
        let sql = "SELECT max(coalesce((SELECT max(id) FROM messages), ''), \
                   coalesce((SELECT max(revised) FROM messages), ''))";
        let greatest = self.one(sql, [], |row| row.get::<_, String>(0))?;
        Ok(greatest.and_then(|id| id.parse().ok()))
    }

    /// Those of note, and the authors of what the room starts with.
    fn users_for(&self, messages: &[Message], questions: &[StoredQuestion]) -> rusqlite::Result<Vec<User>> {
        let sql = format!("SELECT {USER} FROM users u WHERE u.is_viewer = 0 OR u.disabled_ms IS NOT NULL LIMIT ?1");
        let mut users = self.all(&sql, params![i64::try_from(MAX_USERS / 2).unwrap_or(0)], rows::user)?;
        let known: BTreeSet<UserId> = users.iter().map(|user| user.id.clone()).collect();
        let asked = questions.iter().map(|question| &question.message);
        let authors: BTreeSet<&UserId> = messages.iter().chain(asked).filter_map(Message::author).collect();
        for author in authors.into_iter().filter(|author| !known.contains(*author)) {
            users.extend(self.user(author)?);
        }
        Ok(users)
    }

    fn questions(&self) -> rusqlite::Result<Vec<StoredQuestion>> {
        let sql = format!(
            "SELECT {MESSAGE}, q.answered_ms FROM questions q JOIN messages m ON m.id = q.message \
             ORDER BY m.id DESC LIMIT ?1"
        );
        let limit = i64::try_from(MAX_QUESTIONS).unwrap_or(0);
        let mut questions = self.all(&sql, params![limit], |row| {
            Ok(StoredQuestion { message: rows::message(row)?, answered_ms: row.get(12)?, voters: Vec::new() })
        })?;
        for question in &mut questions {
            let sql = "SELECT user FROM votes WHERE question = ?1";
            let of = question.message.id.to_string();
            question.voters = self.all(sql, params![of], |row| row.get(0).map(UserId))?;
        }
        Ok(questions)
    }

    fn nonces(&self, since_ms: i64) -> rusqlite::Result<Vec<TakenNonce>> {
        // By id, which has an index and the same order.
        let sql = format!("SELECT {MESSAGE} FROM messages m WHERE m.id >= ?1 AND m.nonce IS NOT NULL");
        let messages = self.all(&sql, params![MessageId::first_of(since_ms).to_string()], rows::message)?;
        let nonce = |message: Message| match message.content {
            Content::Chat { user, nonce: Some(nonce), .. } => {
                Some(TakenNonce { at_ms: message.at_ms, user, nonce, message: message.id })
            }
            _ => None,
        };
        Ok(messages.into_iter().filter_map(nonce).collect())
    }

    fn bans(&self) -> rusqlite::Result<Vec<NetworkBan>> {
        let limit = i64::try_from(MAX_BANS).unwrap_or(0);
        self.all(&format!("{} LIMIT ?1", rows::BANS), params![limit], rows::ban)
    }

    pub(super) fn bearer(&self, hash: &TokenHash) -> rusqlite::Result<Option<Bearer>> {
        if let Some(waiting) = self.queue.waiting_bearer(hash) {
            return Ok(Some(waiting));
        }
        let sql = format!("SELECT {USER}, t.used_ms FROM tokens t JOIN users u ON u.id = t.user WHERE t.hash = ?1");
        let bearer = self.one(&sql, params![hash.0], |row| {
            let user = rows::user(row)?;
            Ok(Bearer { user: user.id.clone(), stored: Some(user), used_ms: row.get(10)? })
        })?;
        Ok(bearer.filter(|bearer| !self.queue.waits_to_end_logins_of(&bearer.user)))
    }

    pub(super) fn user(&self, id: &UserId) -> rusqlite::Result<Option<User>> {
        self.one(&format!("SELECT {USER} FROM users u WHERE u.id = ?1"), params![id.0], rows::user)
    }

    pub(super) fn find_users(&self, text: &str, limit: u32) -> rusqlite::Result<Vec<User>> {
        let sql = format!(
            "SELECT {USER} FROM users u WHERE u.name LIKE ?1 ESCAPE '\\' OR u.previous_names LIKE ?1 ESCAPE '\\' \
             ORDER BY u.created_ms DESC LIMIT ?2"
        );
        self.all(&sql, params![containing(text), limit.min(MOST_ROWS)], rows::user)
    }

    #[cfg(test)]
    pub(super) fn since(&self, since: MessageId, limit: u32) -> rusqlite::Result<Since> {
        let limit = limit.min(MOST_ROWS);
        let sql = format!("SELECT {MESSAGE} FROM messages m WHERE m.id > ?1 ORDER BY m.id LIMIT ?2");
        // One more shows whether there is more.
        let mut messages = self.all(&sql, params![since.to_string(), i64::from(limit) + 1], rows::message)?;
        let kept = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_all = messages.len() <= kept;
        messages.truncate(kept);
        let dropped: Option<MessageId> = self.fact("dropped")?.and_then(|id| id.parse().ok());
        Ok(Since { messages, is_complete: is_all && dropped.is_none_or(|dropped| dropped <= since) })
    }

    #[cfg(test)]
    pub(super) fn messages_of(&self, user: &UserId, limit: u32) -> rusqlite::Result<Vec<Message>> {
        let sql = format!("SELECT {MESSAGE} FROM messages m WHERE m.user = ?1 ORDER BY m.id DESC LIMIT ?2");
        self.all(&sql, params![user.0, limit.min(MOST_ROWS)], rows::message)
    }

    pub(super) fn search(&self, search: &Search) -> rusqlite::Result<Vec<Found>> {
        let Search { text, user, before, limit } = search;
        let sql = format!(
            "SELECT {MESSAGE}, {USER} FROM ( \
                 SELECT * FROM messages WHERE kind = 'chat' AND (?2 IS NULL OR user = ?2) AND (?3 IS NULL OR id < ?3) \
                 ORDER BY id DESC LIMIT ?5 \
             ) m LEFT JOIN users u ON u.id = m.user \
             WHERE m.raw LIKE ?1 ESCAPE '\\' OR u.name LIKE ?1 ESCAPE '\\' \
             ORDER BY m.id DESC LIMIT ?4"
        );
        let user = user.as_ref().map(|user| &user.0);
        let before = before.map(|id| id.to_string());
        let values = params![containing(text), user, before, (*limit).min(MOST_ROWS), MOST_SEARCHED];
        self.all(&sql, values, |row| Ok(Found { message: rows::message(row)?, author: rows::author(row)? }))
    }

    pub(super) fn audit(&self, before: Option<i64>, limit: u32) -> rusqlite::Result<Vec<(i64, AuditEntry)>> {
        let sql = "SELECT number, entry FROM audit WHERE number < ?1 ORDER BY number DESC LIMIT ?2";
        let values = params![before.unwrap_or(i64::MAX), limit.min(MOST_ROWS)];
        self.all(sql, values, |row| Ok((row.get(0)?, rows::json(row, 1)?)))
    }

    /// Whatever was done at these moments, in any order.
    pub(super) fn audit_at(&self, moments: &[Stamp]) -> rusqlite::Result<Vec<AuditEntry>> {
        let mut entries = Vec::new();
        for moment in moments {
            let sql = "SELECT entry FROM audit WHERE entry ->> '$.at' = ?1 LIMIT ?2";
            entries.extend(self.all(sql, params![text(moment), MOST_ROWS], |row| rows::json(row, 0))?);
        }
        Ok(entries)
    }

    /// For each of `targets` what was done to it last among `actions`, as far as the log goes back.
    pub(super) fn audit_of(&self, targets: &[String], actions: &[AuditAction]) -> rusqlite::Result<Vec<AuditEntry>> {
        let actions =
            format!("({})", actions.iter().map(|action| format!("'{}'", text(action))).collect::<Vec<_>>().join(", "));
        let sql = format!(
            "SELECT entry FROM audit WHERE entry ->> '$.target' = ?1 AND entry ->> '$.action' IN {actions} \
             ORDER BY number DESC LIMIT 1"
        );
        let found = targets.iter().map(|target| self.one(&sql, params![target], |row| rows::json(row, 0)));
        found.filter_map(Result::transpose).collect()
    }

    /// The banned, last to be banned first.
    pub(super) fn banned(&self) -> rusqlite::Result<Vec<User>> {
        let sql =
            format!("SELECT {USER} FROM users u WHERE u.disabled_ms IS NOT NULL ORDER BY u.disabled_ms DESC LIMIT ?1");
        self.all(&sql, params![MOST_ROWS], rows::user)
    }

    /// The last to register first, and how many there are in all.
    pub(super) fn users_page(&self, page: &UsersPage) -> rusqlite::Result<(Vec<User>, i64)> {
        let UsersPage { name, of, offset, limit } = page;
        let of = match of {
            None => "TRUE",
            Some(UsersOf::Banned) => "u.disabled_ms IS NOT NULL",
            Some(UsersOf::Moderators) => "u.role ->> '$.is' IN ('moderator', 'declared')",
            Some(UsersOf::Bots) => "u.role ->> '$.is' = 'bot'",
        };
        let condition = format!("u.name LIKE ?1 ESCAPE '\\' AND {of}");
        let sql = format!("SELECT count(*) FROM users u WHERE {condition}");
        let total = self.one(&sql, params![containing(name)], |row| row.get(0))?.unwrap_or(0);
        let sql =
            format!("SELECT {USER} FROM users u WHERE {condition} ORDER BY u.created_ms DESC, u.id LIMIT ?2 OFFSET ?3");
        let users = self.all(&sql, params![containing(name), (*limit).min(MOST_ROWS), offset], rows::user)?;
        Ok((users, total))
    }

    pub(super) fn access_tokens(&self) -> rusqlite::Result<Vec<AccessToken>> {
        let sql = "SELECT name, hash, scopes, created_ms, used_ms FROM access_tokens ORDER BY name LIMIT ?1";
        self.all(sql, params![MOST_ROWS], |row| {
            Ok(AccessToken {
                name: row.get(0)?,
                hash: TokenHash(row.get(1)?),
                scopes: rows::json(row, 2)?,
                created_ms: row.get(3)?,
                used_ms: row.get(4)?,
            })
        })
    }
}

/// How a value that is a text is written in an entry.
fn text(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The pattern of `LIKE` for whatever contains `text`, taken literally.
fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for char in text.chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}
