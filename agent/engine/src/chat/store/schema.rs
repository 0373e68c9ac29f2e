//! The tables, and how a file of an older version becomes one of this.

use rusqlite::{Connection, TransactionBehavior};

/// One step a version; a file says in `user_version` how many it has behind it. What is written here never changes: what
/// comes later is another step.
const STEPS: &[&str] = &[
    "
    CREATE TABLE users (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        colour INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        previous_names TEXT NOT NULL, -- JSON
        name_changed_ms INTEGER,
        disabled_ms INTEGER,
        timed_out_until_ms INTEGER,
        role TEXT NOT NULL, -- JSON
        is_viewer INTEGER NOT NULL, -- nothing but a viewer
        authenticated INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX users_of_note ON users (id) WHERE is_viewer = 0 OR disabled_ms IS NOT NULL;

    CREATE TABLE tokens (
        hash BLOB PRIMARY KEY,
        user TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        used_ms INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tokens_of_user ON tokens (user);

    CREATE TABLE messages (
        id TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        kind TEXT NOT NULL, -- chat, system or action
        user TEXT, -- of chat
        author TEXT, -- of system
        raw TEXT,
        body TEXT NOT NULL,
        nonce TEXT,
        reply_to TEXT,
        hidden_ms INTEGER,
        hidden_because TEXT, -- message or ban
        revised TEXT
    ) STRICT;
    CREATE INDEX messages_of_user ON messages (user, id);

    CREATE TABLE questions (
        message TEXT PRIMARY KEY,
        answered_ms INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE votes (
        question TEXT NOT NULL,
        user TEXT NOT NULL,
        PRIMARY KEY (question, user)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE bans (
        network TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        until_ms INTEGER,
        note TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE access_tokens (
        name TEXT PRIMARY KEY,
        hash BLOB NOT NULL,
        scopes TEXT NOT NULL, -- JSON
        created_ms INTEGER NOT NULL,
        used_ms INTEGER
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE audit (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        entry TEXT NOT NULL -- JSON
    ) STRICT;

    CREATE TABLE facts (
        name TEXT PRIMARY KEY, -- stream, lastId, dropped or title
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    "
    CREATE INDEX audit_at ON audit (entry ->> '$.at');
    CREATE INDEX audit_target ON audit (entry ->> '$.target');
",
];

/// What is the matter with the version of a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum VersionError {
    #[error("it was written by a newer version of nixcast")]
    Newer,
    #[error(transparent)]
    Failed(#[from] rusqlite::Error),
}

/// Brings the tables up to this version.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), VersionError> {
    // Immediate, so that nobody else changes the version between reading and writing it.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let taken = usize::try_from(version).map_err(|_negative| VersionError::Newer)?;
    let missing = STEPS.get(taken..).ok_or(VersionError::Newer)?;
    for step in missing {
        transaction.execute_batch(step)?;
    }
    if !missing.is_empty() {
        let version = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
        transaction.pragma_update(None, "user_version", version)?;
    }
    Ok(transaction.commit()?)
}
