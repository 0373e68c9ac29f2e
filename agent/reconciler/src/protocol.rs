//! What commands and agent say to each other over the agent's socket.
//!
//! Wire: one JSON object per line, request then response, in order. Only `watch` is answered by many lines: the
//! status now and after each change, until the client goes. Who may connect is decided by the socket's file mode.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ledger::{Entry, HistoryEvent};
use crate::report::{ApplyReport, PlanReport, Refusal, Status};

/// Longest request, bytes: a document of a megabyte inside a JSON string.
pub(crate) const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// Longest response a client accepts, bytes.
pub(crate) const MAX_RESPONSE_BYTES: usize = 8 * 1024 * 1024;

/// Asked by a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "request")]
pub enum AgentRequest {
    /// What would change: for the given document, else for the source's current content.
    Plan {
        settings: Option<HandedIn>,
    },
    /// Accepts the given document, else the source's current content, and waits for the engine to run it.
    #[serde(rename_all = "camelCase")]
    Apply {
        settings: Option<HandedIn>,
        wait_seconds: Option<u32>,
    },
    Status,
    Watch,
    History,
    /// The document of a generation; none: the newest.
    Document {
        generation: Option<u64>,
    },
}

/// A document sent along with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandedIn {
    pub text: String,
    /// Where the client read it, for the ledger.
    pub path: Option<PathBuf>,
    pub store_path: Option<PathBuf>,
}

/// Answered by the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "response")]
pub enum AgentResponse {
    Planned(PlanReport),
    Applied(Box<ApplyReport>),
    Refused(Refusal),
    Status(Box<Status>),
    /// Oldest first.
    History {
        events: Vec<HistoryEvent>,
    },
    /// A document as it was accepted.
    Document {
        entry: Entry,
        text: String,
    },
    /// There is no such generation, or its document is damaged.
    NotFound {
        reason: String,
    },
    /// The engine is needed for the answer and does not answer.
    EngineUnreachable {
        reason: String,
    },
    /// The request made no sense or there are too many clients.
    Rejected {
        reason: String,
    },
}
