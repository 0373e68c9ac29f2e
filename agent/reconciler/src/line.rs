//! Bounded lines, as both sockets of the agent speak them.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    #[error("the line is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("the connection broke")]
    Lost {
        #[source]
        cause: io::Error,
    },
}

/// Reads one line without its `\n`; none at the end. Must not be dropped half way and called again.
pub(crate) async fn read_line(
    read: &mut (impl AsyncBufRead + Unpin),
    limit: usize,
) -> Result<Option<Vec<u8>>, LineError> {
    let mut line = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    read.take(bound).read_until(b'\n', &mut line).await.map_err(|cause| LineError::Lost { cause })?;
    if line.pop_if(|last| *last == b'\n').is_some() {
        return Ok(Some(line));
    }
    match line.len() {
        0 => Ok(None),
        length if length > limit => Err(LineError::TooLong { limit }),
        _ => Err(LineError::Lost { cause: io::ErrorKind::UnexpectedEof.into() }),
    }
}
