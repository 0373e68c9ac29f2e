//! The connection to one receiver. It is kept for a moment after each message: to shake hands anew for every word of a
//! lively chat would cost both sides more than the words.
//!
//! Certificates are checked against what the machine trusts when the connection is opened, or a minute before at most.

use std::io;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::delivery::DeliveryError;

/// Time to reach the receiver, for each of its addresses together.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Most bytes of an answer's head.
const MOST_HEAD_BYTES: usize = 16 * 1024;

/// How long a connection waits for the next message. Node.js and Apache close theirs after five seconds: a message should
/// not meet one that is just being closed.
const KEPT_FOR: Duration = Duration::from_secs(4);

/// After this the receiver is looked up anew and its certificate checked again, even if messages never cease.
const LONGEST_USE: Duration = Duration::from_secs(60);

/// The way to the receiver of one webhook, with one connection at most.
#[derive(Debug, Default)]
pub(super) struct Connection(Option<Open>);

#[derive(Debug)]
struct Open {
    /// Scheme and authority of it are where the connection leads.
    uri: Uri,
    client: Way,
    since: Instant,
}

#[derive(Debug)]
enum Way {
    Plain(Client<HttpConnector, Body>),
    Tls(Client<HttpsConnector<HttpConnector>, Body>),
}

impl Connection {
    /// Sends `request` and gives the answer's head. The connection is kept for the next message once the answer's body
    /// was read; one on which something went wrong, or whose answer nobody waits for any more, is closed.
    pub(super) async fn exchange(&mut self, request: Request<Body>) -> Result<Response<Incoming>, DeliveryError> {
        let open = match self.0.take().filter(|open| open.is_good_for(request.uri())) {
            Some(open) => open,
            None => Open::to(request.uri().clone()).await?,
        };
        let answer = open.client.request(request).await.map_err(DeliveryError::Unreachable)?;
        self.0 = Some(open);
        Ok(answer)
    }
}

impl Open {
    async fn to(uri: Uri) -> Result<Self, DeliveryError> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_DEADLINE));
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_max_idle_per_host(1).pool_idle_timeout(KEPT_FOR).pool_timer(TokioTimer::new());
        client.http1_max_buf_size(MOST_HEAD_BYTES);
        let client = if uri.scheme_str() == Some("https") {
            tcp.enforce_http(false);
            let roots = tokio::task::spawn_blocking(|| HttpsConnectorBuilder::new().with_native_roots());
            let roots = roots.await.map_err(io::Error::other).flatten().map_err(DeliveryError::Certificates)?;
            Way::Tls(client.build(roots.https_only().enable_http1().wrap_connector(tcp)))
        } else {
            Way::Plain(client.build(tcp))
        };
        Ok(Self { uri, client, since: Instant::now() })
    }

    fn is_good_for(&self, uri: &Uri) -> bool {
        let is_there = (self.uri.scheme(), self.uri.authority()) == (uri.scheme(), uri.authority());
        is_there && self.since.elapsed() < LONGEST_USE
    }
}

impl Way {
    async fn request(&self, request: Request<Body>) -> Result<Response<Incoming>, legacy::Error> {
        match self {
            Self::Plain(client) => client.request(request).await,
            Self::Tls(client) => client.request(request).await,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::*;

    /// However busy the machine is.
    const PATIENCE: Duration = Duration::from_secs(60);

    const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    const LAST: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    struct Receiver(TcpListener);

    impl Receiver {
        async fn open() -> Self {
            Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
        }

        fn request(&self) -> Request<Body> {
            let address = self.0.local_addr().unwrap();
            Request::post(format!("http://{address}/told")).body(Body::from("x")).unwrap()
        }

        async fn accept(&self) -> TcpStream {
            timeout(PATIENCE, self.0.accept()).await.unwrap().unwrap().0
        }
    }

    /// Reads one message and answers.
    async fn take(stream: &mut TcpStream, answer: &str) {
        let (mut read, mut byte) = (Vec::new(), [0]);
        while !read.ends_with(b"\r\n\r\nx") {
            timeout(PATIENCE, stream.read_exact(&mut byte)).await.unwrap().unwrap();
            read.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    async fn told(connection: &mut Connection, receiver: &Receiver) {
        let answer = connection.exchange(receiver.request()).await.unwrap();
        assert_eq!(answer.status(), 200);
        axum::body::to_bytes(Body::new(answer.into_body()), 1024).await.unwrap();
    }

    #[track_caller]
    fn assert_closed(read: Result<std::io::Result<usize>, tokio::time::error::Elapsed>) {
        assert_eq!(read.unwrap().unwrap_or(0), 0, "something was sent instead");
    }

    #[tokio::test]
    async fn messages_share_a_connection_which_is_closed_when_no_more_come() {
        let (receiver, mut connection) = (Receiver::open().await, Connection::default());
        let taking = async {
            let mut stream = receiver.accept().await;
            for _message in 0..3 {
                take(&mut stream, TAKEN).await;
            }
            stream
        };
        let telling = async {
            for _message in 0..3 {
                told(&mut connection, &receiver).await;
            }
        };
        let (mut stream, ()) = tokio::join!(taking, telling);
        assert_closed(timeout(PATIENCE, stream.read(&mut [0])).await);
        let taking = async { take(&mut receiver.accept().await, TAKEN).await };
        tokio::join!(taking, told(&mut connection, &receiver));
    }

    #[tokio::test]
    async fn a_receiver_that_closes_is_connected_to_again() {
        let (receiver, mut connection) = (Receiver::open().await, Connection::default());
        for _message in 0..3 {
            let taking = async { take(&mut receiver.accept().await, LAST).await };
            tokio::join!(taking, told(&mut connection, &receiver));
        }
    }

    #[tokio::test]
    async fn another_address_gets_a_connection_of_its_own_and_the_old_one_is_closed() {
        let (before, after, mut connection) = (Receiver::open().await, Receiver::open().await, Connection::default());
        let taking = async {
            let mut stream = before.accept().await;
            take(&mut stream, TAKEN).await;
            stream
        };
        let (mut stream, ()) = tokio::join!(taking, told(&mut connection, &before));
        let taking = async { take(&mut after.accept().await, TAKEN).await };
        tokio::join!(taking, told(&mut connection, &after));
        assert_closed(timeout(PATIENCE, stream.read(&mut [0])).await);
    }

    #[tokio::test]
    async fn nothing_is_sent_after_a_message_that_was_not_answered() {
        let (receiver, mut connection) = (Receiver::open().await, Connection::default());
        let mut stream = tokio::select! {
            // Who is given up is dropped half way.
            answer = connection.exchange(receiver.request()) => unreachable!("nobody answered, and yet: {answer:?}"),
            stream = receiver.accept() => stream,
        };
        let mut sent = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut sent)).await.unwrap().unwrap();
        let taking = async { take(&mut receiver.accept().await, TAKEN).await };
        tokio::join!(taking, told(&mut connection, &receiver));
    }
}
