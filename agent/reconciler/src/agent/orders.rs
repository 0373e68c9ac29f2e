//! What clients ask of the loop.

use tokio::sync::oneshot;

use super::Agent;
use crate::protocol::{AgentResponse, HandedIn};
use crate::report::{Refusal, chain};

/// An order with its way back. A client that has gone does not stop the order.
#[derive(Debug)]
pub(crate) enum Order {
    /// Read the source anew, accept what it holds, compare.
    ApplySource(oneshot::Sender<Taken>),
    ApplyHandedIn(HandedIn, oneshot::Sender<Taken>),
    Plan(PlanFor, oneshot::Sender<AgentResponse>),
    /// Bring the status up to date.
    Refresh(oneshot::Sender<()>),
    History(oneshot::Sender<AgentResponse>),
    /// The document of a generation; none: the newest.
    Document(Option<u64>, oneshot::Sender<AgentResponse>),
}

/// The text to plan for.
#[derive(Debug)]
pub(crate) enum PlanFor {
    HandedIn(String),
    /// What the source holds now.
    Source(String),
}

/// What became of a document: the comparison after which it is in force or reported, or why not.
pub(crate) type Taken = Result<TakenIn, Refusal>;

/// A document was accepted, or was accepted already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TakenIn {
    /// `Status::passes` when it was taken; later ones are about it.
    pub(crate) passes: u64,
}

impl Agent {
    pub(super) async fn obey(&mut self, order: Order) {
        // Whoever has gone needs no answer, so that failed sends are dropped.
        match order {
            Order::ApplySource(answer) => self.reading.start_for(answer),
            Order::ApplyHandedIn(document, answer) => {
                let taken = self.acceptance.take_handed_in(document);
                let taken = taken.map(|()| TakenIn { passes: self.comparer.passes });
                let is_taken = taken.is_ok();
                drop(answer.send(taken));
                if is_taken {
                    self.backoff.reset();
                    self.compare("SettingsHandedIn", true).await;
                }
            }
            Order::Plan(text, answer) => drop(answer.send(self.plan(text).await)),
            Order::Refresh(answer) => {
                self.comparer.look_only(&self.link).await;
                self.publish_status();
                answer.send(()).unwrap_or_default();
            }
            Order::History(answer) => drop(answer.send(match self.acceptance.history() {
                Ok(events) => AgentResponse::History { events },
                Err(error) => AgentResponse::Rejected { reason: chain(&error) },
            })),
            Order::Document(generation, answer) => drop(answer.send(match self.acceptance.document(generation) {
                Ok((entry, text)) => AgentResponse::Document { entry, text },
                Err(reason) => AgentResponse::NotFound { reason },
            })),
        }
    }

    /// What became of the source, for clients that asked to apply it.
    pub(super) fn taken(&self) -> Taken {
        match self.acceptance.refusal() {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(TakenIn { passes: self.comparer.passes }),
        }
    }

    async fn plan(&mut self, text: PlanFor) -> AgentResponse {
        let document = match text {
            PlanFor::HandedIn(text) => crate::document::Document::parse(&text).map_err(Refusal::of_problems),
            PlanFor::Source(text) => self.acceptance.preview(&text),
        };
        let document = match document {
            Ok(document) => document,
            Err(refusal) => return AgentResponse::Refused(refusal),
        };
        match self.comparer.preview(&document, &self.link).await {
            Ok(report) => AgentResponse::Planned(report),
            Err(error) => AgentResponse::EngineUnreachable { reason: error.to_string() },
        }
    }
}
