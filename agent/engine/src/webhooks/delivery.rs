//! One POST: a deadline for all of it, and nothing followed, remembered or believed.
//!
//! No redirect is followed and no proxy of the environment is asked, so a message goes where the settings say or
//! nowhere.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{HeaderValue, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use nixcast_core::webhooks::SigningSecret;

use super::connection::Connection;
use super::message::Message;
use crate::broadcast::unix_seconds;

/// Time from the look-up of the name to the head of the answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// Most bytes of an answer's body. It says nothing we need, but closing on a receiver that is still talking would look
/// like an error to it, and the connection could not be kept.
const MOST_BODY_BYTES: usize = 64 * 1024;
const BODY_DEADLINE: Duration = Duration::from_secs(2);

/// Where to, and signed with what.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) url: String,
    pub(super) secret: Option<SigningSecret>,
}

/// Why a message was not taken. Names neither the address nor a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliveryError {
    #[error("its address cannot be used; write it as in a browser")]
    Address,
    #[error("the machine has no certificates to check the receiver's with")]
    Certificates(#[source] std::io::Error),
    #[error("the receiver could not be reached")]
    Unreachable(#[source] legacy::Error),
    #[error("no answer within {} seconds", ANSWER_DEADLINE.as_secs())]
    Silent,
    #[error("the receiver answered {0}, and redirects are not followed: declare the new address")]
    Redirected(StatusCode),
    #[error("the receiver answered {0}")]
    Refused(StatusCode),
}

/// Posts `message` once; any status from 200 to 299 means that it was taken.
pub(super) async fn post(connection: &mut Connection, target: &Target, message: &Message) -> Result<(), DeliveryError> {
    let answered = tokio::time::timeout(ANSWER_DEADLINE, send(connection, target, message));
    let (head, body) = answered.await.map_err(|_elapsed| DeliveryError::Silent)??.into_parts();
    let rest = axum::body::to_bytes(Body::new(body), MOST_BODY_BYTES);
    // Whatever becomes of the body, the head has said all that counts.
    let _is_read = tokio::time::timeout(BODY_DEADLINE, rest).await;
    match head.status {
        status if status.is_success() => Ok(()),
        status if status.is_redirection() => Err(DeliveryError::Redirected(status)),
        status => Err(DeliveryError::Refused(status)),
    }
}

async fn send(
    connection: &mut Connection,
    target: &Target,
    message: &Message,
) -> Result<Response<Incoming>, DeliveryError> {
    let uri = address(&target.url).ok_or(DeliveryError::Address)?;
    let request = request(uri, target.secret.as_ref(), message, unix_seconds()).ok_or(DeliveryError::Address)?;
    connection.exchange(request).await
}

/// The request as Standard Webhooks 1.0.0 has it: the time is that of this try, the id that of the message.
fn request(uri: Uri, secret: Option<&SigningSecret>, message: &Message, now: i64) -> Option<Request<Body>> {
    let host = HeaderValue::from_str(uri.authority()?.as_str()).ok()?;
    let mut request = Request::post(uri)
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("nixcast/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", message.id())
        .header("webhook-timestamp", now);
    if let Some(secret) = secret {
        request = request.header("webhook-signature", secret.sign(message.id(), now, message.body()));
    }
    request.body(Body::from(message.body().clone())).ok()
}

/// The declared address as a browser would send it (WHATWG URL); what follows a "#" is left out.
fn address(url: &str) -> Option<Uri> {
    let mut url = url::Url::parse(url).ok()?;
    url.set_fragment(None);
    url.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Instant;

    use super::*;

    #[test]
    fn addresses_are_sent_as_a_browser_would() {
        let sent = |url: &str| address(url).map(|uri| uri.to_string());
        let same = ["http://127.0.0.1:8080/x?y=z", "https://[::1]/", "https://a.example/p%20q?token=%C3%A4"];
        for url in same {
            assert_eq!(sent(url).as_deref(), Some(url));
        }
        assert_eq!(sent("https://a.example").as_deref(), Some("https://a.example/"));
        assert_eq!(sent("https://a.example/grüße#top").as_deref(), Some("https://a.example/gr%C3%BC%C3%9Fe"));
        assert_eq!(sent("https://bücher.example/").as_deref(), Some("https://xn--bcher-kva.example/"));
        assert_eq!(sent("https://"), None);
    }

    #[test]
    fn a_request_says_who_what_and_when_and_is_signed_only_with_a_secret() {
        let message = Message::of_age("{}", Instant::now());
        let secret = SigningSecret::from_file_content(b"correct-horse").unwrap();
        let header = |request: &Request<Body>, name: &str| {
            request.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let uri = || address("http://a.example:81/x").unwrap();
        let plain = request(uri(), None, &message, 17).unwrap();
        assert_eq!(header(&plain, "webhook-signature"), None);
        assert_eq!(header(&plain, "authorization"), None);
        assert_eq!(header(&plain, "host").as_deref(), Some("a.example:81"));
        let signed = request(uri(), Some(&secret), &message, 17).unwrap();
        assert_eq!(header(&signed, "webhook-id").as_deref(), Some("msg_1"));
        assert_eq!(header(&signed, "webhook-timestamp").as_deref(), Some("17"));
        // python3: base64.b64encode(hmac.new(b"correct-horse", b"msg_1.17.{}", "sha256").digest())
        let expected = "v1,tPrNl77q3MK811t30q0AJxpPP2fmm6g7gU2ypGj2uh0=";
        assert_eq!(header(&signed, "webhook-signature").as_deref(), Some(expected));
    }
}
