//! The newest log lines, kept in memory for the operator's page.
//!
//! What is logged holds no secret in the first place; this keeps it as it was said. One set for the process, as there
//! is one log. The agent and the workers are processes of their own, and their lines are not in here.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{self, Filtered};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Lines kept; the oldest makes room.
const MOST_LINES: usize = 1000;

/// Warnings and errors kept, so that a busy day does not wash them away.
const MOST_WARNINGS: usize = 500;

/// Bytes of one line. Both sets together take less than 3 MiB.
const MOST_BYTES: usize = 2000;

static LINES: Mutex<Lines> = Mutex::new(Lines::new());

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// Counts from 1, without gaps, since the engine started.
    pub(crate) number: u64,
    pub(crate) time: Timestamp,
    /// As Owncast writes it: "error", "warning", "info", "debug".
    pub(crate) level: &'static str,
    /// What happened, then its fields: "listening listener=Http address=127.0.0.1:8080".
    pub(crate) message: String,
}

#[derive(Debug)]
struct Lines {
    last: u64,
    all: VecDeque<Line>,
    warnings: VecDeque<Line>,
}

/// Keeps what the engine says, from "info" on, and warnings of what it is made of; whatever goes to the log itself.
#[must_use]
pub fn keep<S>() -> Filtered<Keep, filter::Targets, S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let ours = ["nixcast", "nixcast_core", "nixcast_engine", "nixcast_media"].map(|target| (target, Level::INFO));
    Keep.with_filter(filter::Targets::new().with_default(Level::WARN).with_targets(ours))
}

/// A layer that keeps lines.
#[derive(Clone, Copy, Debug)]
pub struct Keep;

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        lines().keep(*event.metadata().level(), text.0, Timestamp::now());
    }
}

/// Lines after `number`, oldest first.
pub(crate) fn after(number: u64) -> Vec<Line> {
    lines().all.iter().filter(|line| line.number > number).cloned().collect()
}

/// Warnings and errors, oldest first.
pub(crate) fn warnings() -> Vec<Line> {
    lines().warnings.iter().cloned().collect()
}

/// Locked for one line or one look, never across an await.
fn lines() -> MutexGuard<'static, Lines> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lines {
    const fn new() -> Self {
        Self { last: 0, all: VecDeque::new(), warnings: VecDeque::new() }
    }

    fn keep(&mut self, level: Level, mut message: String, time: Timestamp) {
        if message.len() > MOST_BYTES {
            message.truncate(message.floor_char_boundary(MOST_BYTES));
            message.push('…');
        }
        self.last += 1;
        let line = Line { number: self.last, time, level: name(level), message };
        if level <= Level::WARN {
            push(&mut self.warnings, line.clone(), MOST_WARNINGS);
        }
        push(&mut self.all, line, MOST_LINES);
    }
}

fn push(lines: &mut VecDeque<Line>, line: Line, most: usize) {
    if lines.len() == most {
        lines.pop_front();
    }
    lines.push_back(line);
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        _ => "debug",
    }
}

/// An event as one line of text.
#[derive(Default)]
struct Text(String);

impl Text {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // A String takes all that is written to it.
        let _always = match field.name() {
            "message" => {
                let fields = std::mem::take(&mut self.0);
                write!(self.0, "{value}{fields}")
            }
            name => write!(self.0, " {name}={value}"),
        };
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn a_line_says_what_happened_and_its_fields() {
        let subscriber = tracing_subscriber::registry().with(keep());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(listener = ?"x", port = 8080, "a line of this test");
            tracing::warn!(reason = "none", "a warning of this test");
            tracing::debug!("a detail of this test");
        });
        let all = after(0);
        let found = |part: &str| all.iter().find(|line| line.message.contains(part));
        let line = found("a line of this test").map(|line| (line.level, line.message.as_str()));
        assert_eq!(line, Some(("info", "a line of this test listener=\"x\" port=8080")));
        assert!(found("a detail of this test").is_none());
        assert!(warnings().iter().any(|line| line.message == "a warning of this test reason=none"));
        assert!(warnings().iter().all(|line| line.level != "info"));
    }

    #[test]
    fn the_oldest_makes_room_warnings_outlast_it_and_no_line_is_endless() {
        let mut lines = Lines::new();
        lines.keep(Level::ERROR, "é".repeat(MOST_BYTES), Timestamp::UNIX_EPOCH);
        for _line in 0..MOST_LINES {
            lines.keep(Level::INFO, "quiet".to_owned(), Timestamp::UNIX_EPOCH);
        }
        assert_eq!((lines.all.len(), lines.all[0].number, lines.warnings.len()), (MOST_LINES, 2, 1));
        assert!(lines.warnings[0].message.len() < MOST_BYTES + 4 && lines.warnings[0].message.ends_with('…'));
    }
}
