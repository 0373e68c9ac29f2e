//! Finding the agent and asking it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nixcast_reconciler::{AgentClient, AgentRequest, AgentResponse, ClientError, HandedIn};

use crate::args::Ask;
use crate::run::DEFAULT_STATE_DIR;

const SYSTEM_SOCKET: &str = "/run/nixcast-agent/agent.sock";

/// Longest an agent may think: a Nix evaluation, and the longest wait an operator can declare on top.
const DEADLINE: Duration = Duration::from_secs(240);

/// The named socket, else the service's, else that of `nixcast run` in this folder.
pub(crate) fn find(ask: &Ask) -> PathBuf {
    let local = Path::new(DEFAULT_STATE_DIR).join("agent.sock");
    match &ask.agent_socket {
        Some(named) => named.clone(),
        None if !Path::new(SYSTEM_SOCKET).exists() && local.exists() => local,
        None => SYSTEM_SOCKET.into(),
    }
}

/// Asks one thing. `wait` comes on top of the usual deadline.
pub(crate) async fn ask(ask: &Ask, request: &AgentRequest, wait: Duration) -> Result<AgentResponse, ClientError> {
    let mut client = AgentClient::connect(&find(ask)).await?;
    client.ask(request, DEADLINE + wait).await
}

/// Reads a document to send along.
pub(crate) fn hand_in(path: &Path) -> std::io::Result<HandedIn> {
    let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
    Ok(HandedIn { text, path: std::path::absolute(path).ok(), store_path: path.canonicalize().ok() })
}
