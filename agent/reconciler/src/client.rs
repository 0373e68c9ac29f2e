//! The commands' side of the agent's socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::line::{LineError, read_line};
use crate::protocol::{AgentRequest, AgentResponse, MAX_RESPONSE_BYTES};

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Why the agent did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the agent does not answer at {}", path.display())]
    Unreachable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("the agent did not answer within {} s", waited.as_secs())]
    TimedOut { waited: Duration },
    #[error("the agent went away before it answered")]
    Gone,
    #[error("the agent answered in a way this build does not understand")]
    Garbled,
}

/// A connection to the agent.
#[derive(Debug)]
pub struct AgentClient {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl AgentClient {
    /// Connects to the agent's socket.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let unreachable = |cause| ClientError::Unreachable { path: path.to_owned(), cause };
        let stream = timeout(CONNECT_DEADLINE, UnixStream::connect(path))
            .await
            .map_err(|_| unreachable(io::ErrorKind::TimedOut.into()))?
            .map_err(unreachable)?;
        let (read, write) = stream.into_split();
        Ok(Self { read: BufReader::new(read), write })
    }

    /// Asks one thing.
    pub async fn ask(&mut self, request: &AgentRequest, deadline: Duration) -> Result<AgentResponse, ClientError> {
        timeout(deadline, async {
            self.send(request).await?;
            self.receive().await
        })
        .await
        .map_err(|_| ClientError::TimedOut { waited: deadline })?
    }

    /// Sends a request whose answers are taken with [`Self::receive`].
    pub async fn send(&mut self, request: &AgentRequest) -> Result<(), ClientError> {
        let mut line = serde_json::to_vec(request).map_err(|_| ClientError::Garbled)?;
        line.push(b'\n');
        self.write.write_all(&line).await.map_err(|_| ClientError::Gone)
    }

    /// The next answer. Must not be dropped half way and called again.
    pub async fn receive(&mut self) -> Result<AgentResponse, ClientError> {
        let line = match read_line(&mut self.read, MAX_RESPONSE_BYTES).await {
            Ok(Some(line)) => line,
            Ok(None) | Err(LineError::Lost { .. }) => return Err(ClientError::Gone),
            Err(LineError::TooLong { .. }) => return Err(ClientError::Garbled),
        };
        serde_json::from_slice(&line).map_err(|_| ClientError::Garbled)
    }
}
