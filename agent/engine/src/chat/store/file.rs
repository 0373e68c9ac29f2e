//! The database file: opened, looked at, and put aside when it cannot be trusted.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::rows::{self, USER};
use super::schema::{self, VersionError};
use crate::tasks::chain;

/// Name of the file in the engine's state folder.
pub(super) const NAME: &str = "chat.sqlite";

/// What SQLite keeps beside a file.
const WAL: &str = "-wal";
const INDEX: &str = "-shm";

/// After the name of a file that was put aside. The last one stays: whoever wants to save it has it, and a disk that
/// breaks every file is not filled with them.
const DAMAGED: &str = ".damaged";

/// Messages and hashes of tokens are nobody else's business.
const MODE: u32 = 0o600;

/// How long to wait for somebody who looks into the file by hand.
const BUSY: Duration = Duration::from_secs(2);

/// How large the log of what is not yet in the file may stay, bytes.
const LOG_BYTES: i64 = 16 * 1024 * 1024;

/// Different statements here, with room to spare.
const STATEMENTS: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    File(PathBuf),
    Memory,
}

/// An open database.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// What the operator should know: a file was put aside, or is not used.
    pub(super) trouble: Option<String>,
    /// Why it is not known who was banned before.
    pub(super) bans_unknown: Option<String>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error("it cannot be made or opened")]
    Io(#[from] io::Error),
    #[error("it cannot be opened")]
    Sqlite(#[from] rusqlite::Error),
}

impl Unusable {
    /// Whether another file in its place would do.
    fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Version(VersionError::Failed(error)) | Self::Sqlite(error) => is_damage(error),
            Self::Version(VersionError::Newer) | Self::Io(_) => false,
        }
    }
}

/// Whether an error says that the file is no good database any more.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Opens what is there. A damaged file is put aside and another one begun. When there can be no file, everything is kept
/// in memory for as long as the engine lives.
pub(super) fn open(place: &Place) -> Result<Opened, rusqlite::Error> {
    let Place::File(path) = place else { return in_memory(None) };
    let unusable = match open_file(path) {
        Ok(connection) => return Ok(Opened { connection, trouble: None, bans_unknown: None }),
        Err(unusable) => unusable,
    };
    if !unusable.is_damage() {
        return in_memory(Some(chain(&unusable)));
    }
    let trouble = put_aside(path, &chain(&unusable));
    match open_file(path) {
        Ok(connection) => {
            let bans_unknown = save_bans(path, &connection).err();
            Ok(Opened { connection, trouble: Some(trouble), bans_unknown })
        }
        Err(error) => in_memory(Some(chain(&error))),
    }
}

fn in_memory(why: Option<String>) -> Result<Opened, rusqlite::Error> {
    let mut connection = Connection::open_in_memory()?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    schema::prepare(&mut connection).map_err(|error| match error {
        VersionError::Failed(error) => error,
        VersionError::Newer => rusqlite::Error::InvalidQuery,
    })?;
    let trouble = why.map(|why| {
        tracing::error!(reason = why, "the chat's file is not used: all is forgotten when the engine ends");
        format!("the chat is kept in memory until the engine is started anew, because of {NAME}: {why}")
    });
    let bans_unknown = trouble.as_ref().map(|_why| format!("{NAME} is not used; mend or remove it and start anew"));
    Ok(Opened { connection, trouble, bans_unknown })
}

/// Puts into a new file who was banned and who moderated in the one that was put aside: most damage is elsewhere.
pub(super) fn save_bans(path: &Path, new: &Connection) -> Result<(), String> {
    let saved = || -> rusqlite::Result<()> {
        let old = Connection::open_with_flags(beside(path, DAMAGED), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let sql = format!("SELECT {USER} FROM users u WHERE u.is_viewer = 0 OR u.disabled_ms IS NOT NULL");
        for user in old.prepare(&sql)?.query_map([], rows::user)? {
            rows::put_user(new, &user?)?;
        }
        for ban in old.prepare(rows::BANS)?.query_map([], rows::ban)? {
            rows::put_ban(new, &ban?)?;
        }
        Ok(())
    };
    saved().map_err(|error| format!("they cannot be read from {NAME}{DAMAGED} ({error}); start anew to go on without"))
}

fn open_file(path: &Path) -> Result<Connection, Unusable> {
    // Made here, because SQLite would let others read it; what it puts beside it has the same mode.
    drop(fs::OpenOptions::new().write(true).create(true).truncate(false).mode(MODE).open(path)?);
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_mode| Ok(()))?;
    // A power cut may take the last moments; what is left is whole.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_limit| Ok(()))?;
    // What was deleted is to be gone, as far as that costs nothing.
    connection.pragma_update_and_check(None, "secure_delete", "fast", |_mode| Ok(()))?;
    let found: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if found != "ok" {
        return Err(Unusable::Damaged(found));
    }
    schema::prepare(&mut connection)?;
    Ok(connection)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Gives a file another name and says so. The connection to it is closed.
pub(super) fn put_aside(path: &Path, why: &str) -> String {
    let beside = |end: &str| beside(path, end);
    let aside = beside(DAMAGED);
    let moved = fs::rename(path, &aside).and_then(|()| {
        // The log belongs to the file: beside a new one it would be taken for its own.
        match fs::rename(beside(WAL), beside(&format!("{DAMAGED}{WAL}"))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::remove_file(beside(&format!("{DAMAGED}{WAL}")))
            }
            moved => moved,
        }
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
    });
    // Made anew by whoever opens the file.
    let _is_removed = fs::remove_file(beside(INDEX));
    match moved {
        Ok(()) => {
            tracing::error!(reason = why, aside = %aside.display(), "the chat's file was put aside, a new one is begun");
            format!("{NAME} was put aside as {NAME}{DAMAGED}, and the chat began anew: {why}")
        }
        Err(error) => {
            tracing::error!(reason = why, %error, "the chat's file cannot be used and cannot be put aside");
            format!("{NAME} cannot be used ({why}) and cannot be put aside: {error}")
        }
    }
}
