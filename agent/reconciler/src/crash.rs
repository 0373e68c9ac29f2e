//! Moments at which a test lets the agent die, to see that what comes up afterwards is whole.
//!
//! Accepting and applying call [`reached`] at each point. A debug build ends itself there, as a crash
//! would, if `NIXCAST_CRASH_AT=POINT:FILE` names the point and the file exists; the end-to-end tests walk through
//! all of them. A release build knows neither the variable nor the names.

macro_rules! points {
    ($($(#[$about:meta])* $point:ident = $name:literal,)*) => {
        /// What accepting or applying a document has just finished.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Point { $($(#[$about])* $point,)* }

        #[cfg(debug_assertions)]
        const NAMES: &[(Point, &str)] = &[$((Point::$point, $name),)*];
    };
}

points! {
    SourceRead = "source-read",
    Parsed = "parsed",
    GenerationCreated = "generation-created",
    GenerationHalfWritten = "generation-half-written",
    GenerationWritten = "generation-written",
    GenerationSynced = "generation-synced",
    GenerationRenamed = "generation-renamed",
    /// The new generation survives a power cut.
    GenerationDurable = "generation-durable",
    OldestForgotten = "oldest-forgotten",
    MaterialRead = "material-read",
    Observed = "observed",
    Planned = "planned",
    RequestHalfSent = "request-half-sent",
    RequestSent = "request-sent",
    RequestAnswered = "request-answered",
    ObservedAgain = "observed-again",
    StatusPublished = "status-published",
    JournalCreated = "journal-created",
    JournalHalfWritten = "journal-half-written",
    JournalWritten = "journal-written",
    JournalSynced = "journal-synced",
    JournalRenamed = "journal-renamed",
    JournalDurable = "journal-durable",
    ClientAnswered = "client-answered",
}

/// Where a test wants the agent to die, and what is wrong with its wish.
#[cfg(debug_assertions)]
mod armed {
    use std::path::PathBuf;
    use std::sync::OnceLock;

    use super::{NAMES, Point};

    const VARIABLE: &str = "NIXCAST_CRASH_AT";

    static AIM: OnceLock<Option<(Point, PathBuf)>> = OnceLock::new();

    /// Reads the variable. The error lists every point.
    pub(crate) fn arm() -> Result<(), String> {
        let Ok(wish) = std::env::var(VARIABLE) else { return Ok(()) };
        let (name, file) = wish.split_once(':').unwrap_or((&wish, ""));
        let Some((point, _)) = NAMES.iter().find(|(_, known)| *known == name) else {
            let names: Vec<&str> = NAMES.iter().map(|(_, name)| *name).collect();
            return Err(format!("{VARIABLE} takes POINT:FILE with one of these points: {}", names.join(" ")));
        };
        AIM.get_or_init(|| Some((*point, PathBuf::from(file))));
        Ok(())
    }

    pub(crate) fn reached(point: Point) {
        if let Some(Some((wanted, file))) = AIM.get()
            && *wanted == point
            && file.exists()
        {
            std::process::abort();
        }
    }
}

#[cfg(not(debug_assertions))]
mod armed {
    pub(crate) const fn arm() -> Result<(), String> {
        Ok(())
    }

    pub(crate) const fn reached(_point: super::Point) {}
}

pub(crate) use armed::{arm, reached};

/// [`reached`], for a point that only counts in some cases.
pub(crate) fn reached_if(counts: bool, point: Point) {
    if counts {
        reached(point);
    }
}
