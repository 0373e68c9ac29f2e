//! Faults of a document: a list of all of them, each with the option to mend.

use std::fmt;

use serde::Serialize;

use crate::path::Path;

/// Problems kept of one document. A megabyte of nonsense must not become a hundred megabytes of report; nobody
/// reads past this many before mending the first.
const MAX_PROBLEMS: usize = 100;

/// One fault of a settings document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The NixOS option to mend, for example `services.nixcast.video.variants."720p".width`.
    pub option: String,
    /// What is wrong with it. Never holds the value of a secret option.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.option, self.message, self.hint)
    }
}

/// Every fault of a settings document, at least one, in the document's order with the cross-checks last.
/// Documents with more than 100 faults end with one that counts the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems as a slice, never empty.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }

    /// Iterates over the problems.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// A single problem of the document as a whole.
    pub(crate) fn document(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let mut found = Found::default();
        found.add(&Path::default(), message, hint);
        Self(found.problems)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// The problems found so far while a document is looked through.
#[derive(Debug, Default)]
pub(crate) struct Found {
    problems: Vec<Problem>,
    left_out: usize,
}

impl Found {
    pub(crate) fn add(&mut self, at: &Path, message: impl Into<String>, hint: impl Into<String>) {
        if self.problems.len() == MAX_PROBLEMS {
            self.left_out += 1;
            return;
        }
        self.problems.push(Problem { option: at.to_string(), message: message.into(), hint: hint.into() });
    }

    /// The problems, if there are any.
    pub(crate) fn into_result(mut self) -> Result<(), Problems> {
        if self.problems.is_empty() {
            return Ok(());
        }
        if self.left_out > 0 {
            self.problems.push(Problem {
                option: Path::default().to_string(),
                message: format!("{} further problems are not listed", self.left_out),
                hint: "mend the listed ones first".to_owned(),
            });
        }
        Err(Problems(self.problems))
    }
}
