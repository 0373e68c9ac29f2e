//! Who may read what viewers may not: HTTP Basic (RFC 7617) against the declared name and password, or the session of
//! somebody who logged in with them.
//!
//! Nothing is remembered that outlives the declaration it was checked against: a changed password or name is in force
//! with the next request. Checking costs 20 ms and 19 MiB on purpose, so it happens aside, few at a time, and not at
//! any speed a stranger likes.

mod attempts;
pub(crate) mod logins;
mod operator;
mod sessions;

pub(super) use operator::{Operator, SESSION_COOKIE, cookie, unkept};
pub(super) use sessions::{LONGEST as LONGEST_SESSION, Opened};

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use nixcast_core::control::AdminGrant;
use nixcast_core::passwords;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::counts;
use crate::tasks;
use attempts::Attempts;
use sessions::Sessions;

/// Passwords checked at once. With [`CHECK_SLOT`] that is ten a second, a fifth of one core, whoever asks.
const MOST_CHECKS: usize = 2;

/// Each check keeps its place at least this long.
const CHECK_SLOT: Duration = Duration::from_millis(200);

/// How long a request waits for its password to be looked at.
const QUEUE_DEADLINE: Duration = Duration::from_secs(5);

/// Why somebody may not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No admin is declared.
    Nobody,
    /// No name and password came along, or none that can be read.
    Unnamed,
    /// The same of a page, which has a form for it: a browser that is challenged would ask in a window of its own.
    LoggedOut,
    Wrong,
    /// Too many wrong passwords came from this address; the next is looked at after this time.
    TooMany(Duration),
    /// Others log in just now.
    Busy,
}

/// The door. Clones are the same door.
#[derive(Clone, Debug)]
pub(super) struct Access(Arc<Door>);

#[derive(Debug)]
struct Door {
    checks: Arc<Semaphore>,
    /// Random, new with each engine; none if the machine had no randomness, and then nothing is remembered.
    key: Option<Zeroizing<[u8; 32]>>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Code of the credential last accepted together with the grant that accepted it.
    accepted: Option<[u8; 32]>,
    attempts: Attempts,
    sessions: Sessions,
}

impl Default for Access {
    fn default() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        let key = getrandom::fill(key.as_mut()).is_ok().then_some(key);
        Self(Arc::new(Door { checks: Arc::new(Semaphore::new(MOST_CHECKS)), key, known: Mutex::default() }))
    }
}

impl Access {
    /// Lets whoever asks from `client` pass if the request's name and password are those of `grant`.
    pub(super) async fn admit(
        &self,
        grant: Option<&AdminGrant>,
        client: IpAddr,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let Some(grant) = grant else { return Err(Refusal::Nobody) };
        let Some(credential) = Credential::of(headers) else { return Err(Refusal::Unnamed) };
        self.check(grant, client, credential).await
    }

    /// Opens a session for whoever knows the name and password of `grant`.
    pub(super) async fn log_in(
        &self,
        grant: &AdminGrant,
        client: IpAddr,
        credential: Credential,
    ) -> Result<Opened, Refusal> {
        self.check(grant, client, credential).await?;
        let code = self.grant_code(grant).ok_or(Refusal::Busy)?;
        self.known().sessions.open(code, Instant::now()).ok_or(Refusal::Busy)
    }

    /// Whether `token` is that of a session which `grant` has opened.
    pub(super) fn is_logged_in(&self, grant: &AdminGrant, token: &str) -> bool {
        let code = self.grant_code(grant);
        code.is_some_and(|code| self.known().sessions.is_open(token, &code, Instant::now()))
    }

    pub(super) fn log_out(&self, token: &str) {
        self.known().sessions.close(token);
    }

    /// What a page that holds the cookie `value` shows to be the page that was given it; none without randomness.
    pub(super) fn form_token(&self, value: &str) -> Option<String> {
        self.mac([b"form".as_slice(), value.as_bytes()]).map(|code| sessions::written(&code))
    }

    async fn check(&self, grant: &AdminGrant, client: IpAddr, credential: Credential) -> Result<(), Refusal> {
        // Before anything is compared: while a stranger has to wait, even the right password tells it nothing.
        self.may_try(client)?;
        let code = self.code(&credential, grant);
        if self.is_accepted(code.as_ref()) {
            return Ok(());
        }
        let slot = Instant::now() + CHECK_SLOT;
        let permit = tokio::time::timeout(QUEUE_DEADLINE, Arc::clone(&self.0.checks).acquire_owned());
        let Ok(Ok(permit)) = permit.await else { return Err(Refusal::Busy) };
        // Others from the same address may have failed meanwhile.
        self.may_try(client)?;
        let checked = grant.clone();
        let verdict = tokio::task::spawn_blocking(move || credential.is_of(&checked)).await;
        tasks::spawn("password-check", async move {
            tokio::time::sleep_until(slot.into()).await;
            drop(permit);
        });
        self.conclude(client, code, verdict.unwrap_or(false))
    }

    fn conclude(&self, client: IpAddr, code: Option<[u8; 32]>, is_right: bool) -> Result<(), Refusal> {
        let mut known = self.known();
        if is_right {
            known.accepted = code;
            known.attempts.succeeded(client);
            return Ok(());
        }
        counts::LOGINS_FAILED.add(1);
        if known.attempts.failed(client, Instant::now()) {
            tracing::warn!("many wrong admin passwords from one address: it has to wait longer with each");
        }
        Err(Refusal::Wrong)
    }

    fn may_try(&self, client: IpAddr) -> Result<(), Refusal> {
        self.known().attempts.wait(client, Instant::now()).map_or(Ok(()), |wait| Err(Refusal::TooMany(wait)))
    }

    fn is_accepted(&self, code: Option<&[u8; 32]>) -> bool {
        let known = self.known();
        known.accepted.as_ref().zip(code).is_some_and(|(accepted, code)| accepted.ct_eq(code).into())
    }

    /// Stands for a credential and the grant it is held against: another password, name or hash has another code.
    fn code(&self, credential: &Credential, grant: &AdminGrant) -> Option<[u8; 32]> {
        self.mac([credential.0.as_slice(), grant.user.as_bytes(), grant.password_hash.as_bytes()])
    }

    /// Stands for a grant: one of another name or hash has another code.
    fn grant_code(&self, grant: &AdminGrant) -> Option<[u8; 32]> {
        self.mac([b"session".as_slice(), grant.user.as_bytes(), grant.password_hash.as_bytes()])
    }

    fn mac<const PARTS: usize>(&self, parts: [&[u8]; PARTS]) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.key.as_ref()?.as_slice()).ok()?;
        for part in parts {
            mac.update(&part.len().to_le_bytes());
            mac.update(part);
        }
        Some(mac.finalize().into_bytes().into())
    }

    /// Locked for the length of one look, never across an await.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// "name:password" as it was sent, wiped when dropped.
pub(super) struct Credential(Zeroizing<Vec<u8>>);

impl Credential {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let clear = scheme.eq_ignore_ascii_case("basic").then(|| BASE64.decode(rest.trim()).ok())??;
        let credential = Self(Zeroizing::new(clear));
        credential.0.contains(&b':').then_some(credential)
    }

    /// None of a name with a colon, which nobody can have.
    pub(super) fn new(user: &str, password: &str) -> Option<Self> {
        let clear = [user.as_bytes(), b":", password.as_bytes()].concat();
        (!user.contains(':')).then_some(Self(Zeroizing::new(clear)))
    }

    /// Takes as long for a wrong name as for a wrong password.
    fn is_of(&self, grant: &AdminGrant) -> bool {
        let mut parts = self.0.splitn(2, |byte| *byte == b':');
        let (user, password) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let is_password = passwords::verify(&grant.password_hash, password);
        let is_user: bool = user.ct_eq(grant.user.as_bytes()).into();
        is_user & is_password
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Nobody => (StatusCode::FORBIDDEN, "nobody can log in: declare services.nixcast.admin.passwordFile\n"),
            Self::Unnamed => (
                StatusCode::UNAUTHORIZED,
                "Unauthorized: log in with the name and password of services.nixcast.admin\n",
            ),
            Self::LoggedOut => (StatusCode::UNAUTHORIZED, "Unauthorized: log in at /admin\n"),
            Self::Wrong => (StatusCode::UNAUTHORIZED, "Unauthorized: wrong name or password\n"),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too many wrong passwords from this address\n"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "too many logins at this moment\n"),
        };
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Unnamed | Self::Wrong => {
                let challenge = HeaderValue::from_static("Basic realm=\"nixcast\", charset=\"UTF-8\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            Self::TooMany(wait) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
            }
            Self::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from(QUEUE_DEADLINE.as_secs()));
            }
            Self::Nobody | Self::LoggedOut => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// Cheap hashes made with argon2-cffi: `hash_secret(password, b"0123456789abcdef", 1, 64, 1, 32, Type.ID)`.
    fn grant(user: &str, password: &str) -> AdminGrant {
        let hash = match password {
            "correct horse" => "MjZP1+1U9JUbDWvDvtLyEsZiNXOKEUxfi6O2oe46uxA",
            _battery_staple => "gbf/SFxMMbGdacBN7IhMnP5qQZ1Lml+OVTsOtCvCWWc",
        };
        let password_hash = format!("$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg${hash}");
        AdminGrant { user: user.to_owned(), password_hash }
    }

    fn sent(credential: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", BASE64.encode(credential));
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[tokio::test]
    async fn only_the_declared_name_and_password_pass() {
        let (access, grant) = (Access::default(), grant("operator", "correct horse"));
        for (credential, verdict) in [
            ("operator:correct horse", Ok(())),
            ("operator:correct horse", Ok(())),
            ("admin:correct horse", Err(Refusal::Wrong)),
            ("operator:correct horsf", Err(Refusal::Wrong)),
            ("operator:", Err(Refusal::Wrong)),
            ("operator", Err(Refusal::Unnamed)),
            ("operator:correct horse", Ok(())),
        ] {
            assert_eq!(access.admit(Some(&grant), HERE, &sent(credential)).await, verdict, "{credential}");
        }
        assert_eq!(access.admit(None, HERE, &sent("operator:correct horse")).await, Err(Refusal::Nobody));
        assert_eq!(access.admit(Some(&grant), HERE, &HeaderMap::new()).await, Err(Refusal::Unnamed));
        let mut bearer = HeaderMap::new();
        bearer.insert(AUTHORIZATION, "Bearer b3BlcmF0b3I6Y29ycmVjdCBob3JzZQ==".parse().unwrap());
        assert_eq!(access.admit(Some(&grant), HERE, &bearer).await, Err(Refusal::Unnamed));
    }

    #[tokio::test]
    async fn what_was_accepted_is_forgotten_with_the_declaration_that_accepted_it() {
        let access = Access::default();
        let old = sent("operator:correct horse");
        assert_eq!(access.admit(Some(&grant("operator", "correct horse")), HERE, &old).await, Ok(()));
        let rotated = grant("operator", "battery staple");
        assert_eq!(access.admit(Some(&rotated), HERE, &old).await, Err(Refusal::Wrong));
        assert_eq!(access.admit(Some(&rotated), HERE, &sent("operator:battery staple")).await, Ok(()));
        let renamed = AdminGrant { user: "other".to_owned(), ..rotated };
        assert_eq!(access.admit(Some(&renamed), HERE, &sent("operator:battery staple")).await, Err(Refusal::Wrong));
        assert_eq!(access.admit(Some(&renamed), HERE, &sent("other:battery staple")).await, Ok(()));
    }

    #[tokio::test]
    async fn guessing_is_slowed_down_for_the_guesser_alone() {
        let (access, grant) = (Access::default(), grant("operator", "correct horse"));
        let there = IpAddr::from([192, 0, 2, 1]);
        let mut refused = Vec::new();
        for _guess in 0..7 {
            refused.push(access.admit(Some(&grant), there, &sent("operator:wrong horse")).await);
        }
        assert!(refused.contains(&Err(Refusal::Wrong)));
        assert!(matches!(refused.last(), Some(Err(Refusal::TooMany(_)))), "{refused:?}");
        let right = sent("operator:correct horse");
        assert!(matches!(access.admit(Some(&grant), there, &right).await, Err(Refusal::TooMany(_))));
        assert_eq!(access.admit(Some(&grant), HERE, &right).await, Ok(()));
        assert!(
            matches!(access.admit(Some(&grant), there, &right).await, Err(Refusal::TooMany(_))),
            "what was accepted elsewhere opens nothing for a guesser"
        );
    }

    #[tokio::test]
    async fn a_session_ends_with_the_grant_that_opened_it() {
        let (access, grant) = (Access::default(), grant("operator", "correct horse"));
        let credential = |password: &str| Credential::new("operator", password).unwrap();
        assert!(matches!(access.log_in(&grant, HERE, credential("wrong horse")).await, Err(Refusal::Wrong)));
        let opened = access.log_in(&grant, HERE, credential("correct horse")).await.unwrap();
        let token = opened.token.as_str();
        assert!(access.is_logged_in(&grant, token) && !access.is_logged_in(&grant, "another"));
        let renamed = AdminGrant { user: "other".to_owned(), ..grant.clone() };
        assert!(!access.is_logged_in(&renamed, token));
        let rotated = self::grant("operator", "battery staple");
        assert!(!access.is_logged_in(&rotated, token));
        assert!(!access.is_logged_in(&grant, token), "a password that comes back does not bring its sessions back");
        assert_ne!(access.form_token(token), access.form_token("another"));
        assert!(Credential::new("oper:ator", "x").is_none());
    }

    #[test]
    fn nothing_that_is_secret_can_be_printed_and_refusals_say_what_to_do() {
        let printed = format!("{:?}", grant("operator", "correct horse"));
        assert!(!printed.contains("argon2id"), "{printed}");
        let answer = |refusal: Refusal| refusal.into_response();
        assert_eq!(answer(Refusal::Nobody).status(), StatusCode::FORBIDDEN);
        assert!(answer(Refusal::Unnamed).headers().contains_key(WWW_AUTHENTICATE));
        assert_eq!(answer(Refusal::TooMany(Duration::from_millis(1500))).headers()[RETRY_AFTER], "2");
    }
}
