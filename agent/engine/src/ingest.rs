//! RTMP connections, with and without TLS: bytes between a socket and the sans-I/O session, with a deadline for every
//! stage.
//!
//! Whatever a publisher sends can end only its own connection. A stream key is passed on in a buffer that is wiped,
//! and appears in no log line.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nixcast_core::admission::Refusal;
use nixcast_core::flv::FlvError;
use nixcast_core::ids::SessionId;
use nixcast_core::lifecycle::Departure;
use nixcast_core::rtmp::{Event, Limits, Session, SessionError, Stage};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;
use zeroize::{Zeroize as _, Zeroizing};

use crate::broadcast::{ChannelClosed, ChannelHandle, FromPublisher, Line, Publish, Pulse, Welcome};
use crate::counts;
use crate::tasks::{self, chain};

mod media;
mod tls;
mod wire;

pub(crate) use tls::Tls;
use wire::Wire;

/// Publisher connections served at once, admitted or not: one publishes, the rest are retries and strangers.
pub(crate) const MOST_CONNECTIONS: usize = 64;

/// Time for the whole handshake, that of TLS included, and for everything up to `publish`: OBS needs two round trips for
/// each.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);
const PUBLISH_DEADLINE: Duration = Duration::from_secs(10);

/// First byte of a plain RTMP connection (RTMP 1.0, section 5.2.2).
const RTMP_VERSION: u8 = 3;

/// Bytes read at once: what the session's bounds on events and answers are made for.
const READ_BYTES: usize = 32 * 1024;

/// Silence after which a publisher counts as gone. OBS on a stalled network gives up after about as long.
const SILENCE_DEADLINE: Duration = Duration::from_secs(30);

/// Time for a client to take what we send it, the reason of a refusal above all.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);

/// How long a refused client may take to read the reason before the connection is closed under it.
const PARTING_DEADLINE: Duration = Duration::from_secs(2);

/// How often the channel is told how the connection fares.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Serves RTMP connections of all listeners.
#[derive(Clone, Debug)]
pub(crate) struct Ingest {
    channel: ChannelHandle,
    next_session: Arc<AtomicU64>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the client closed the connection")]
    Closed,
    #[error("TLS handshake failed")]
    Handshake(#[source] io::Error),
    #[error("plain RTMP came to the port for RTMPS: enter an address that begins with \"rtmps://\" in the encoder")]
    PlainToTls,
    #[error(
        "TLS came to the port for plain RTMP: enter an address that begins with \"rtmp://\" in the encoder, or the port for RTMPS"
    )]
    TlsToPlain,
    #[error("the client unpublished")]
    Unpublished,
    #[error("the client wanted something other than to publish")]
    Unwanted,
    #[error("nothing arrived within {0:?}")]
    Silent(Duration),
    #[error("the client does not read what it is sent")]
    Deaf,
    #[error("refused")]
    Refused(#[source] Refusal),
    #[error("protocol error")]
    Protocol(#[from] SessionError),
    #[error("media error")]
    Media(#[from] FlvError),
    #[error("connection error")]
    Connection(#[from] io::Error),
    #[error("the engine is going down")]
    Closing(#[from] ChannelClosed),
}

impl Ended {
    /// OBS and ffmpeg unpublish when they are told to stop; whatever else ends a connection was not meant to.
    fn departure(&self) -> Departure {
        match self {
            Self::Unpublished => Departure::Orderly,
            _ => Departure::Lost,
        }
    }
}

impl Ingest {
    pub(crate) fn new(channel: ChannelHandle) -> Self {
        Self { channel, next_session: Arc::new(AtomicU64::new(1)) }
    }

    /// Takes over an accepted connection for as long as it lasts.
    pub(crate) fn serve(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let (connection, withdrawn) = self.connection(stream, Instant::now());
        tasks::spawn("rtmp-session", async move {
            connection.run(withdrawn).await;
            drop(permit);
        });
    }

    /// As [`Self::serve`], for a connection that begins with TLS.
    pub(crate) fn serve_tls(&self, stream: TcpStream, tls: &Tls, permit: OwnedSemaphorePermit) {
        let (ingest, tls, opened) = (self.clone(), tls.clone(), Instant::now());
        tasks::spawn("rtmps-session", async move {
            match handshake(stream, &tls, opened).await {
                Ok(stream) => {
                    let (connection, withdrawn) = ingest.connection(stream, opened);
                    connection.run(withdrawn).await;
                }
                Err(ended) => log_stranger(None, &ended),
            }
            drop(permit);
        });
    }

    fn connection<S>(&self, stream: S, opened: Instant) -> (Connection<S>, oneshot::Receiver<Refusal>) {
        let (end, withdrawn) = oneshot::channel();
        let connection = Connection {
            id: SessionId(self.next_session.fetch_add(1, Ordering::Relaxed)),
            channel: self.channel.clone(),
            stream,
            opened,
            rtmp: Session::new(Limits::default()),
            media: media::MediaReader::default(),
            pulse: Pulse::new(),
            told_at: None,
            end: Some(end),
            is_admitted: false,
        };
        (connection, withdrawn)
    }
}

/// Whoever begins with RTMP's version is told apart from other strangers: that is somebody's encoder.
async fn handshake(stream: TcpStream, tls: &Tls, opened: Instant) -> Result<TlsStream<TcpStream>, Ended> {
    let greet = async {
        let mut first = [0];
        match stream.peek(&mut first).await? {
            0 => Err(Ended::Closed),
            _ if first == [RTMP_VERSION] => Err(Ended::PlainToTls),
            _ => tls.accept(stream).await.map_err(Ended::Handshake),
        }
    };
    let late = |_elapsed| Ended::Silent(HANDSHAKE_DEADLINE);
    tokio::time::timeout_at(opened + HANDSHAKE_DEADLINE, greet).await.map_err(late)?
}

/// An end before anything was admitted. Strangers are many and say nothing to an operator, except where an encoder was
/// set up for the other port.
fn log_stranger(session: Option<SessionId>, ended: &Ended) {
    let session = session.map(|session| session.0);
    match ended {
        // Said with its reason when it was refused.
        Ended::Refused(_) => {}
        Ended::PlainToTls | Ended::TlsToPlain => {
            tracing::info!(session, reason = chain(ended), "RTMP connection ended");
        }
        _ => tracing::debug!(session, reason = chain(ended), "RTMP connection ended"),
    }
}

struct Connection<S> {
    id: SessionId,
    channel: ChannelHandle,
    stream: S,
    opened: Instant,
    rtmp: Session,
    media: media::MediaReader,
    pulse: Pulse,
    /// When the channel was last told how the connection fares.
    told_at: Option<Instant>,
    /// Handed to the channel at `publish`.
    end: Option<oneshot::Sender<Refusal>>,
    is_admitted: bool,
}

impl<S: Wire> Connection<S> {
    async fn run(mut self, withdrawn: oneshot::Receiver<Refusal>) {
        let ended = match self.serve(withdrawn).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        };
        if self.is_admitted {
            self.channel.gone(self.id, ended.departure()).await;
        }
        self.part(&ended).await;
        if self.is_admitted {
            let damaged_tags = self.media.damaged();
            tracing::info!(session = %self.id, reason = chain(&ended), damaged_tags, "publisher left");
        } else {
            log_stranger(Some(self.id), &ended);
        }
    }

    async fn serve(&mut self, mut withdrawn: oneshot::Receiver<Refusal>) -> Result<std::convert::Infallible, Ended> {
        let opened = self.opened;
        // The key comes through here, and once more when some encoders end: wiped with the connection.
        let mut buffer = Zeroizing::new(vec![0_u8; READ_BYTES]);
        loop {
            let (deadline, patience) = match self.rtmp.stage() {
                Stage::Handshake => (opened + HANDSHAKE_DEADLINE, HANDSHAKE_DEADLINE),
                Stage::Publishing => (Instant::now() + SILENCE_DEADLINE, SILENCE_DEADLINE),
                _ => (opened + PUBLISH_DEADLINE, PUBLISH_DEADLINE),
            };
            // A read that loses to the other arms has taken nothing from the socket.
            let read = tokio::select! {
                read = self.stream.read(&mut buffer) => match read {
                    // A client with TLS that hangs up without a word.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
                    read => read?,
                },
                refusal = &mut withdrawn, if self.is_admitted => {
                    return Err(refusal.map_or(Ended::Closing(ChannelClosed), Ended::Refused));
                }
                () = tokio::time::sleep_until(deadline) => return Err(Ended::Silent(patience)),
            };
            if read == 0 {
                return Err(Ended::Closed);
            }
            self.pulse.beat();
            counts::INGEST_BYTES.add(u64::try_from(read).unwrap_or(0));
            let may_hold_key = self.rtmp.stage() != Stage::Publishing;
            let received = self.rtmp.receive(&buffer[..read]);
            if may_hold_key {
                buffer[..read].zeroize();
            }
            while let Some(event) = self.rtmp.next_event() {
                self.take(event).await?;
            }
            self.tell_of_connection().await?;
            self.send().await?;
            received.map_err(|error| match error {
                SessionError::Version { version: tls::FIRST_BYTE } => Ended::TlsToPlain,
                error => Ended::Protocol(error),
            })?;
            if self.rtmp.stage() == Stage::Closing {
                return Err(Ended::Unwanted);
            }
        }
    }

    async fn take(&mut self, event: Event) -> Result<(), Ended> {
        match event {
            Event::PublishRequested { app, key } => {
                let key = Zeroizing::new(key.expose().as_bytes().to_vec());
                self.ask_to_publish(app, key).await
            }
            Event::Metadata(metadata) if self.is_admitted => {
                Ok(self.channel.media(self.id, FromPublisher::Claims(metadata)).await?)
            }
            Event::Metadata(_) => Ok(()),
            Event::Video { timestamp_ms, payload } => {
                let media = self.media.video(timestamp_ms, &payload)?;
                self.pass_on(media).await?;
                while let Some(silence) = self.media.missing_sound() {
                    self.channel.media(self.id, silence).await?;
                }
                Ok(())
            }
            Event::Audio { timestamp_ms, payload } => {
                let media = self.media.audio(timestamp_ms, &payload)?;
                self.pass_on(media).await
            }
            Event::Unpublished => Err(Ended::Unpublished),
        }
    }

    async fn pass_on(&self, media: Option<FromPublisher>) -> Result<(), Ended> {
        match &media {
            Some(FromPublisher::Video(_)) if self.is_admitted => counts::INGEST_PICTURES.add(1),
            Some(FromPublisher::Audio(_)) if self.is_admitted => counts::INGEST_SOUND_FRAMES.add(1),
            _ => {}
        }
        match media {
            Some(media) => Ok(self.channel.media(self.id, media).await?),
            None => Ok(()),
        }
    }

    async fn tell_of_connection(&mut self) -> Result<(), Ended> {
        let is_due = self.told_at.is_none_or(|told_at| told_at.elapsed() >= TELL_EVERY);
        if !self.is_admitted || !is_due {
            return Ok(());
        }
        self.told_at = Some(Instant::now());
        let (timestamp_jumps, damaged_tags) = (self.media.jumps(), self.media.damaged());
        let line = Line { network: self.stream.network(), timestamp_jumps, damaged_tags };
        Ok(self.channel.media(self.id, FromPublisher::Line(line)).await?)
    }

    async fn ask_to_publish(&mut self, app: String, key: Zeroizing<Vec<u8>>) -> Result<(), Ended> {
        // The protocol session lets a connection ask once.
        let Some(end) = self.end.take() else { return Err(Ended::Unpublished) };
        let (reply, decided) = oneshot::channel();
        let pulse = self.pulse.clone();
        self.channel.publish(Publish { session: self.id, app, key, pulse, end, reply }).await?;
        match decided.await.map_err(|_closed| ChannelClosed)? {
            Ok(Welcome { starts_at_90k }) => {
                self.is_admitted = true;
                self.media.start_at(starts_at_90k);
                self.rtmp.accept_publish();
                Ok(())
            }
            Err(refusal) => Err(Ended::Refused(refusal)),
        }
    }

    async fn send(&mut self) -> Result<(), Ended> {
        let output = self.rtmp.take_output();
        if output.is_empty() {
            return Ok(());
        }
        let write = async {
            self.stream.write_all(&output).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(WRITE_DEADLINE, write).await {
            Ok(written) => Ok(written?),
            Err(_elapsed) => Err(Ended::Deaf),
        }
    }

    /// Tells the client why, and gives it a moment to read that before the connection goes.
    async fn part(&mut self, ended: &Ended) {
        let reason = match ended {
            Ended::Refused(refusal) => refusal.to_string(),
            Ended::Media(error) => error.to_string(),
            Ended::Silent(patience) => format!("nothing arrived within {} seconds", patience.as_secs()),
            _ => return,
        };
        if self.is_admitted {
            self.rtmp.end(&reason);
        } else {
            self.rtmp.refuse_publish(&reason);
        }
        if self.send().await.is_ok() {
            take_leave(&mut self.stream, PARTING_DEADLINE).await;
        }
    }
}

/// Waits until the client has closed its end as well, `within` this time: closing with unread input would reset the
/// connection and take the reason with it. With TLS our own end is a message too, which a client that reads nothing
/// never takes.
async fn take_leave<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, within: Duration) {
    let parting = async {
        stream.shutdown().await?;
        let mut rest = Zeroizing::new([0_u8; 16 * 1024]);
        while stream.read(rest.as_mut()).await? > 0 {}
        io::Result::Ok(())
    };
    // Whatever has come of it by then, the connection goes.
    let _is_read = tokio::time::timeout(within, parting).await;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::{BufStream, duplex};

    use super::*;

    #[tokio::test]
    async fn a_client_that_reads_nothing_does_not_keep_its_connection() {
        let (ours, _theirs) = duplex(1);
        // Sent with the end of the stream, as a TLS library does it.
        let mut stream = BufStream::new(ours);
        stream.write_all(b"close notify").await.unwrap();
        let left = tokio::time::timeout(Duration::from_secs(60), take_leave(&mut stream, Duration::from_millis(10)));
        assert!(left.await.is_ok());
    }
}
