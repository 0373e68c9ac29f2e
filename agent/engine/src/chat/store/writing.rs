//! The store's thread: writes what waits, answers what is asked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nixcast_core::chat::bounds::MAX_HISTORY;
use nixcast_core::chat::ids::MessageId;
use nixcast_core::chat::records::{Hidden, Record};
use rusqlite::{Connection, ErrorCode, params};

use super::file::{self, Opened, Place};
use super::queue::{Queue, Work};
use super::reading::Reader;
use super::rows::{because, put_ban, put_message, put_user, to_json};
use super::{AccessToken, Write};

/// Between two tries to write while it fails.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Entries of the audit log that are kept.
const MOST_AUDIT: i64 = 10_000;

const DAY_MS: i64 = 24 * 3_600_000;

/// How long a token lasts that nobody shows: most come back within a season or never.
const TOKEN_MS: i64 = 90 * DAY_MS;

/// The same for one that was given and never shown, which is how scripts leave them.
const UNUSED_TOKEN_MS: i64 = DAY_MS;

/// Owner of the open file.
pub(super) struct Keeper {
    place: Place,
    queue: Arc<Queue>,
    /// None: all is well.
    trouble: Option<Trouble>,
}

/// Writing fails.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    pause: Duration,
    next_try: Instant,
}

impl Keeper {
    pub(super) fn new(place: Place, queue: Arc<Queue>) -> Self {
        Self { place, queue, trouble: None }
    }

    /// Works until there is nothing to do any more.
    pub(super) fn run(mut self) {
        let mut open = self.open();
        while let Some(connection) = open.take() {
            let pause = self.trouble.map(|trouble| trouble.next_try.saturating_duration_since(Instant::now()));
            let Some(Work { writes, queries }) = self.queue.take(pause) else { return };
            let Some(connection) = self.write(connection, writes) else { break };
            let reader = Reader { connection: &connection, queue: &self.queue };
            queries.into_iter().for_each(|query| query(&reader));
            if self.trouble.is_some() && self.queue.is_finishing() {
                tracing::error!("the last entries of the chat could not be written down");
                break;
            }
            open = Some(connection);
        }
        self.queue.abandon();
    }

    fn open(&self) -> Option<Connection> {
        match file::open(&self.place) {
            Ok(Opened { connection, trouble, bans_unknown }) => {
                self.queue.note(|standing| {
                    standing.damaged = trouble.or(standing.damaged.take());
                    standing.bans_unknown = bans_unknown;
                });
                Some(connection)
            }
            Err(error) => {
                tracing::error!(%error, "the chat has no memory at all");
                self.queue.note(|standing| standing.failing = Some(error.to_string()));
                None
            }
        }
    }

    /// Gives back the connection to go on with; none: there can be none.
    fn write(&mut self, mut connection: Connection, writes: VecDeque<Write>) -> Option<Connection> {
        if writes.is_empty() {
            return Some(connection);
        }
        let is_pausing = self.trouble.is_some_and(|trouble| Instant::now() < trouble.next_try);
        if is_pausing && !self.queue.is_finishing() {
            self.queue.put_back(writes);
            return Some(connection);
        }
        match write_all(&mut connection, &writes) {
            Ok(lost) => {
                self.recovered(lost);
                Some(connection)
            }
            Err(error) => {
                self.failed(&error);
                self.queue.put_back(writes);
                let is_lost = file::is_damage(&error) && self.place != Place::Memory;
                if is_lost { self.begin_anew(connection, &error) } else { Some(connection) }
            }
        }
    }

    fn recovered(&mut self, lost: u64) {
        let had_trouble = self.trouble.take().is_some();
        if had_trouble {
            tracing::info!("the chat can be written down again");
        }
        self.queue.note(|standing| {
            standing.lost += lost;
            standing.failing = None;
        });
    }

    fn failed(&mut self, error: &rusqlite::Error) {
        if self.trouble.is_none() {
            tracing::warn!(%error, "the chat cannot be written down: it goes on in memory");
        }
        let message = format!("the chat goes on in memory and is written down when that is possible again: {error}");
        self.queue.note(|standing| standing.failing = Some(message));
        let pause = self.trouble.map_or(FIRST_PAUSE, |trouble| (trouble.pause * 2).min(LONGEST_PAUSE));
        self.trouble = Some(Trouble { pause, next_try: Instant::now() + pause });
    }

    /// The file went bad while it was in use.
    fn begin_anew(&self, connection: Connection, error: &rusqlite::Error) -> Option<Connection> {
        drop(connection);
        let Place::File(path) = &self.place else { return self.open() };
        let trouble = file::put_aside(path, &error.to_string());
        self.queue.note(|standing| standing.damaged = Some(trouble));
        let connection = self.open()?;
        // The room knows them still; the next one would not.
        if let Err(why) = file::save_bans(path, &connection) {
            tracing::error!(why, "bans are forgotten when the engine ends");
        }
        Some(connection)
    }
}

/// All of it in one transaction, or nothing. Gives how much could not be written for its own fault.
fn write_all(connection: &mut Connection, writes: &VecDeque<Write>) -> rusqlite::Result<u64> {
    let transaction = connection.transaction()?;
    let mut lost = 0;
    for write in writes {
        match write_one(&transaction, write) {
            Err(error) if is_own_fault(&error) => {
                tracing::error!(%error, "an entry of the chat cannot be written down");
                lost += 1;
            }
            written => drop(written?),
        }
    }
    transaction.commit()?;
    Ok(lost)
}

/// Whether it would fail another time as well.
fn is_own_fault(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error_code()
        .is_none_or(|code| matches!(code, ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig))
}

fn write_one(db: &Connection, write: &Write) -> rusqlite::Result<()> {
    match write {
        Write::Record(record) => write_record(db, record)?,
        Write::Prune { before, now_ms } => prune(db, *before, *now_ms)?,
        Write::Audit(entry) => {
            run(db, "INSERT INTO audit (entry) VALUES (?1)", params![to_json(entry)?])?;
        }
        Write::Token { hash, user, at_ms } => {
            let sql = "INSERT OR REPLACE INTO tokens (hash, user, created_ms, used_ms) VALUES (?1, ?2, ?3, NULL)";
            run(db, sql, params![hash.0, user.0, at_ms])?;
        }
        Write::TokenUsed { hash, at_ms } => {
            run(db, "UPDATE tokens SET used_ms = ?2 WHERE hash = ?1", params![hash.0, at_ms])?;
        }
        Write::AccessToken(AccessToken { name, hash, scopes, created_ms, used_ms }) => {
            let sql = "INSERT OR REPLACE INTO access_tokens (name, hash, scopes, created_ms, used_ms) \
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            run(db, sql, params![name, hash.0, to_json(scopes)?, created_ms, used_ms])?;
        }
        Write::AccessTokenUsed { name, at_ms } => {
            run(db, "UPDATE access_tokens SET used_ms = ?2 WHERE name = ?1", params![name, at_ms])?;
        }
        Write::RemoveAccessToken { name } => {
            run(db, "DELETE FROM access_tokens WHERE name = ?1", params![name])?;
        }
        Write::Title(title) => {
            run(db, "INSERT OR REPLACE INTO facts (name, value) VALUES ('title', ?1)", params![title])?;
        }
        Write::LastId(id) => put_greatest(db, "lastId", *id)?,
    }
    Ok(())
}

fn write_record(db: &Connection, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::User { user } => drop(put_user(db, user)?),
        Record::DeleteUser { user } => delete_user(db, &user.0)?,
        Record::EndLogins { user } => drop(run(db, "DELETE FROM tokens WHERE user = ?1", params![user.0])?),
        Record::Message { message } => drop(put_message(db, message)?),
        Record::Visibility { ids, hidden, revised } => {
            let sql = "UPDATE messages SET hidden_ms = ?2, hidden_because = ?3, revised = ?4 WHERE id = ?1";
            let (at_ms, why) = (hidden.map(|hidden| hidden.at_ms), hidden.map(|hidden| because(hidden.because)));
            for id in ids {
                run(db, sql, params![id.to_string(), at_ms, why, revised.to_string()])?;
            }
        }
        Record::HideAllOf { user, hidden: Hidden { at_ms, because: why } } => {
            // What a ban has hidden becomes a moderator's doing if this is; nothing else is hidden twice.
            let sql = "UPDATE messages SET hidden_ms = ?2, hidden_because = ?3 WHERE user = ?1 AND \
                       (hidden_because IS NULL OR (hidden_because = 'ban' AND ?3 = 'message'))";
            run(db, sql, params![user.0, at_ms, because(*why)])?;
        }
        Record::ShowAllOf { user } => {
            let sql = "UPDATE messages SET hidden_ms = NULL, hidden_because = NULL \
                       WHERE user = ?1 AND hidden_because = 'ban'";
            run(db, sql, params![user.0])?;
        }
        Record::Question { message, is_question: true } => {
            run(db, "INSERT OR IGNORE INTO questions (message) VALUES (?1)", params![message.to_string()])?;
        }
        Record::Question { message, is_question: false } => {
            run(db, "DELETE FROM votes WHERE question = ?1", params![message.to_string()])?;
            run(db, "DELETE FROM questions WHERE message = ?1", params![message.to_string()])?;
        }
        Record::Vote { question, user, given: true } => {
            let sql = "INSERT OR IGNORE INTO votes (question, user) VALUES (?1, ?2)";
            run(db, sql, params![question.to_string(), user.0])?;
        }
        Record::Vote { question, user, given: false } => {
            let sql = "DELETE FROM votes WHERE question = ?1 AND user = ?2";
            run(db, sql, params![question.to_string(), user.0])?;
        }
        Record::Answered { question, at_ms } => {
            let sql = "UPDATE questions SET answered_ms = ?2 WHERE message = ?1";
            run(db, sql, params![question.to_string(), at_ms])?;
        }
        Record::Ban { ban } => drop(put_ban(db, ban)?),
        Record::Unban { network } => {
            run(db, "DELETE FROM bans WHERE network = ?1", params![network])?;
        }
        Record::Stream { stream } => {
            let sql = "INSERT OR REPLACE INTO facts (name, value) VALUES ('stream', ?1)";
            run(db, sql, params![to_json(stream)?])?;
        }
        Record::Prune { before } => delete_messages_before(db, *before)?,
    }
    Ok(())
}

fn run(db: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
    db.prepare_cached(sql)?.execute(values)
}

fn put_greatest(db: &Connection, name: &str, id: MessageId) -> rusqlite::Result<()> {
    let sql = "INSERT INTO facts (name, value) VALUES (?1, ?2) \
               ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)";
    run(db, sql, params![name, id.to_string()]).map(drop)
}

/// Remembers the greatest id among those that go.
fn note_dropped(db: &Connection, greatest: Option<String>) -> rusqlite::Result<()> {
    match greatest.and_then(|id| id.parse().ok()) {
        Some(id) => put_greatest(db, "dropped", id),
        None => Ok(()),
    }
}

fn delete_messages_before(db: &Connection, before: MessageId) -> rusqlite::Result<()> {
    let condition = "id < ?1 AND NOT EXISTS (SELECT 1 FROM questions WHERE message = messages.id)";
    let before = before.to_string();
    let greatest = db
        .prepare_cached(&format!("SELECT max(id) FROM messages WHERE {condition}"))?
        .query_row(params![before], |row| row.get(0))?;
    note_dropped(db, greatest)?;
    run(db, &format!("DELETE FROM messages WHERE {condition}"), params![before]).map(drop)
}

fn delete_user(db: &Connection, user: &str) -> rusqlite::Result<()> {
    let greatest = db
        .prepare_cached("SELECT max(id) FROM messages WHERE user = ?1")?
        .query_row(params![user], |row| row.get(0))?;
    note_dropped(db, greatest)?;
    let questions = "SELECT message FROM questions WHERE message IN (SELECT id FROM messages WHERE user = ?1)";
    for sql in [
        &format!("DELETE FROM votes WHERE user = ?1 OR question IN ({questions})"),
        &format!("DELETE FROM questions WHERE message IN ({questions})"),
        "DELETE FROM messages WHERE user = ?1",
        "DELETE FROM tokens WHERE user = ?1",
        "DELETE FROM users WHERE id = ?1",
    ] {
        run(db, sql, params![user])?;
    }
    Ok(())
}

/// Besides messages: tokens that nobody shows, viewers who have nothing left, old entries of the audit log. Whoever has a
/// rank, is banned or is on pause stays.
fn prune(db: &Connection, before: MessageId, now_ms: i64) -> rusqlite::Result<()> {
    delete_messages_before(db, before)?;
    let of_note = "SELECT id FROM users WHERE is_viewer = 0 OR disabled_ms IS NOT NULL";
    let sql = format!("DELETE FROM tokens WHERE coalesce(used_ms < ?1, created_ms < ?2) AND user NOT IN ({of_note})");
    run(db, &sql, params![now_ms - TOKEN_MS, now_ms - UNUSED_TOKEN_MS])?;
    let sql = "DELETE FROM users WHERE is_viewer = 1 AND disabled_ms IS NULL \
               AND coalesce(timed_out_until_ms, 0) < ?1 AND created_ms < ?2 \
               AND NOT EXISTS (SELECT 1 FROM tokens WHERE user = users.id) \
               AND NOT EXISTS (SELECT 1 FROM messages WHERE user = users.id)";
    run(db, sql, params![now_ms, now_ms - UNUSED_TOKEN_MS])?;
    let sql = "DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?1";
    run(db, sql, params![MOST_AUDIT])?;
    db.execute_batch("PRAGMA optimize")?;
    Ok(())
}

/// As many messages as a room starts with.
pub(super) fn most_history() -> i64 {
    i64::try_from(MAX_HISTORY).unwrap_or(i64::MAX)
}
