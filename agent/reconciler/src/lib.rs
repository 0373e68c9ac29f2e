//! The agent: keeps an engine at the declared settings.
//!
//! Reads the settings document and the secret files (nobody else does), decides with `nixcast_core::plan`, tells the
//! engine over its control socket and reports over its own. Holds no stream: it may stop and start at any time.
#![forbid(unsafe_code)]

mod agent;
mod backoff;
mod client;
mod crash;
mod document;
mod engine_link;
mod ledger;
mod line;
mod material;
mod moment;
pub mod nix;
mod protocol;
mod report;
mod socket;
mod source;
mod watch;

pub use agent::{AgentError, AgentOptions, run_agent, run_agent_until};
pub use backoff::Backoff;
pub use client::{AgentClient, ClientError};
pub use document::Document;
pub use ledger::{Entry, GenerationOutcome, HeldObject, HistoryEvent, Ledger, LedgerError, Origin, RefusedDocument};
pub use protocol::{AgentRequest, AgentResponse, HandedIn};
pub use report::{
    Accepted, ApplyReport, ApplyVerdict, Condition, ConditionKind, DriftCounts, EngineStatus, ObjectState,
    ObjectStatus, PlanReport, ProblemReport, Refusal, RefusalReason, SourceStatus, Status, StreamKeyStatus, chain,
    drift_sentences, held_sentence,
};
pub use source::Source;
