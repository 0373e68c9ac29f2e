//! What the person at the terminal is told: where to watch and publish, what was refused, what is held.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use nixcast_core::control::Listener;
use nixcast_core::plan::Colour;
use nixcast_reconciler::{
    AgentClient, AgentRequest, AgentResponse, ConditionKind, ObjectState, Refusal, Status, held_sentence,
};
use tokio::time::sleep;

use crate::output;

/// Between two looks for an agent that is starting.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// Follows the agent's status for ever, through restarts of the agent.
pub(super) async fn tell(agent_socket: &Path, is_json: bool) {
    let mut told = Told::default();
    loop {
        if let Ok(mut client) = AgentClient::connect(agent_socket).await
            && client.send(&AgentRequest::Watch).await.is_ok()
        {
            while let Ok(AgentResponse::Status(status)) = client.receive().await {
                if is_json {
                    let line = serde_json::to_string(&status).expect("a status is plain data with text keys");
                    output::put(&(line + "\n"));
                } else {
                    output::put(&told.news(&status, output::colour()));
                }
            }
        }
        sleep(RECONNECT_PAUSE).await;
    }
}

/// What was said already.
#[derive(Debug, Default)]
struct Told {
    addresses: Option<(SocketAddr, SocketAddr)>,
    generation: u64,
    refusal: Option<Refusal>,
    held: Vec<String>,
}

impl Told {
    /// Text for whatever is new in `status`; empty if nothing is.
    fn news(&mut self, status: &Status, colour: Colour) -> String {
        let mut text = String::new();
        if self.refusal != status.source.refusal {
            match &status.source.refusal {
                Some(refusal) => {
                    text.push_str(&output::render_refusal(refusal, colour));
                    text.push_str(self.what_goes_on(status));
                }
                None => text.push_str("The settings are good again.\n"),
            }
            self.refusal.clone_from(&status.source.refusal);
        }
        let held: Vec<String> = status.objects.iter().filter_map(held_line).collect();
        if held != self.held {
            for line in held.iter().filter(|line| !self.held.contains(line)) {
                text.push_str(&format!("{} {line}\n", colour.paint("33", "Held:")));
            }
            self.held = held;
        }
        if status.is(ConditionKind::Converged) {
            self.greet(status, colour, &mut text);
        }
        text
    }

    fn what_goes_on(&self, status: &Status) -> &'static str {
        if status.accepted.is_some() {
            "The last good settings go on running.\n"
        } else {
            "Nothing runs yet. Mend the file; it is read again as soon as it is saved.\n"
        }
    }

    fn greet(&mut self, status: &Status, colour: Colour, text: &mut String) {
        let generation = status.accepted.as_ref().map_or(0, |accepted| accepted.generation);
        let listeners = status.engine.as_ref().map(|engine| &engine.listeners);
        let address = |listener| listeners.and_then(|listeners| listeners.get(&listener)).copied();
        let (Some(http), Some(rtmp)) = (address(Listener::Http), address(Listener::Rtmp)) else { return };
        if self.addresses != Some((http, rtmp)) {
            let is_first = self.addresses.is_none();
            self.addresses = Some((http, rtmp));
            text.push_str(if is_first {
                "\nnixcast is up.\n\n"
            } else {
                "\nThe addresses changed; nobody was cut off.\n\n"
            });
            text.push_str(&format!("  watch    {}\n", colour.paint("1", &format!("http://{}/", reachable(http)))));
            text.push_str(&format!("  publish  {}\n", colour.paint("1", &format!("rtmp://{}/live", reachable(rtmp)))));
            text.push_str(&format!(
                "  settings {} (edit it; changes take hold as they are saved)\n\n",
                status.source.path.display()
            ));
        } else if self.generation != generation {
            text.push_str(&format!("Generation {generation} runs.\n"));
        }
        self.generation = generation;
    }
}

fn held_line(object: &nixcast_reconciler::ObjectStatus) -> Option<String> {
    match &object.state {
        ObjectState::Held { reason } => Some(held_sentence(&object.option, reason)),
        _ => None,
    }
}

/// An address a browser on this machine can open: "every address" is none.
fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::collections::BTreeMap;

    use nixcast_reconciler::{Condition, EngineStatus, RefusalReason};

    use super::*;

    fn status(http: &str) -> Status {
        let listeners =
            BTreeMap::from([(Listener::Http, http.parse().unwrap()), (Listener::Rtmp, "[::]:1935".parse().unwrap())]);
        Status {
            conditions: vec![Condition {
                kind: ConditionKind::Converged,
                is_true: true,
                reason: String::new(),
                message: String::new(),
                last_transition_time: String::new(),
            }],
            engine: Some(EngineStatus {
                pid: 1,
                version: String::new(),
                listeners,
                stream_keys: BTreeMap::new(),
                conditions: Vec::new(),
            }),
            ..Status::default()
        }
    }

    #[test]
    fn addresses_are_told_once_and_again_when_they_change() {
        let mut told = Told::default();
        let first = told.news(&status("127.0.0.1:8080"), Colour::Plain);
        assert!(first.contains("watch    http://127.0.0.1:8080/\n  publish  rtmp://localhost:1935/live\n"), "{first}");
        assert_eq!(told.news(&status("127.0.0.1:8080"), Colour::Plain), "");
        assert!(told.news(&status("[::1]:81"), Colour::Plain).contains("http://[::1]:81/"));
    }

    #[test]
    fn a_refusal_is_told_as_it_happens_and_when_it_is_over() {
        let mut told = Told::default();
        let mut refused = Status::default();
        let message = "undefined variable 'x'".to_owned();
        refused.source.refusal =
            Some(Refusal { reason: RefusalReason::EvaluationFailed, message, problems: Vec::new() });
        let text = told.news(&refused, Colour::Plain);
        assert!(text.contains("undefined variable 'x'") && text.contains("Nothing runs yet"), "{text}");
        assert_eq!(told.news(&refused, Colour::Plain), "");
        assert_eq!(told.news(&Status::default(), Colour::Plain), "The settings are good again.\n");
    }
}
