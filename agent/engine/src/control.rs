//! The control socket: observes the engine and performs the agent's steps, each object on its own.
//!
//! One task owns listeners and settings; connections hand it requests. Who may connect is the socket's file mode and
//! its folder's.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use nixcast_core::chat::rules::ChatRules;
use nixcast_core::control::{
    Action, Listener, MAX_LINE_BYTES, ObjectId, Observed, Outcome, OutcomeResult, PictureRef, Request, Response, Step,
    Webhook, Word,
};
use nixcast_core::webhooks::SigningSecret;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::broadcast::{ChannelFacts, ChannelHandle, unix_millis};
use crate::chat::{ChatError, DeclaredEmoji};
use crate::counts;
use crate::declared::{Declared, Moderators};
use crate::ingest::{self, Ingest, Tls};
use crate::listeners::Port;
use crate::tasks;
use crate::web::{self, Site};

/// Agents and curious operators connected at once.
const MOST_CLIENTS: usize = 16;

/// Requests waiting for the control task; a client waits for its answer before it asks again.
const QUEUE: usize = MOST_CLIENTS;

/// Time for a client to take an answer.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);

/// Time for the page to be made before a listener opens: it takes some milliseconds, unless its text is very long.
const FIRST_PAGE_DEADLINE: Duration = Duration::from_millis(100);

/// Owner and group may connect: the agent runs under another user of the same group.
const SOCKET_MODE: u32 = 0o660;

type Question = (Request, oneshot::Sender<Response>);

/// What was applied last, for those who may ask over the web.
#[derive(Clone, Debug, Default)]
pub(crate) struct Applied {
    /// 0: nothing yet.
    pub(crate) generation: u64,
    pub(crate) listeners: BTreeMap<Listener, SocketAddr>,
    /// What the agent said last; none: it has not spoken, or is of an older build.
    pub(crate) word: Option<Arc<Word>>,
}

/// The task that owns what the agent may change.
pub(crate) struct Control {
    pub(crate) settings: watch::Sender<Arc<Declared>>,
    pub(crate) channel: ChannelHandle,
    pub(crate) ingest: Ingest,
    tls: Tls,
    pub(crate) site: Site,
    applied: watch::Sender<Applied>,
    ports: BTreeMap<Listener, Port>,
    rtmp_permits: Arc<Semaphore>,
    http_permits: Arc<Semaphore>,
}

impl Control {
    pub(crate) fn new(
        settings: watch::Sender<Arc<Declared>>,
        channel: ChannelHandle,
        ingest: Ingest,
        site: Site,
        applied: watch::Sender<Applied>,
    ) -> Self {
        Self {
            settings,
            channel,
            ingest,
            tls: Tls::default(),
            site,
            applied,
            ports: BTreeMap::new(),
            rtmp_permits: Arc::new(Semaphore::new(ingest::MOST_CONNECTIONS)),
            http_permits: Arc::new(Semaphore::new(web::MOST_CONNECTIONS)),
        }
    }

    /// Answers questions until nobody can ask any more.
    pub(crate) async fn run(mut self, mut questions: mpsc::Receiver<Question>) {
        while let Some((request, reply)) = questions.recv().await {
            let response = match request {
                Request::Observe => Response::Observed(Box::new(self.observe())),
                Request::Apply { generation, digest, steps } => {
                    let outcomes = self.apply(steps).await;
                    counts::APPLIES.add(1);
                    let listeners = self.addresses();
                    self.applied.send_modify(|applied| {
                        applied.generation = generation;
                        applied.listeners = listeners;
                    });
                    tracing::info!(generation, digest, objects = outcomes.len(), "settings applied");
                    Response::Applied { outcomes }
                }
                Request::Tell(word) => {
                    self.applied.send_modify(|applied| applied.word = Some(Arc::new(*word)));
                    Response::Told
                }
            };
            // The agent may have gone away; what was applied stays applied, and it will observe it.
            let _is_awaited = reply.send(response);
        }
    }

    fn observe(&self) -> Observed {
        let declared = Arc::clone(&self.settings.borrow());
        let facts = self.channel.facts();
        Observed {
            engine_pid: std::process::id(),
            engine_version: env!("CARGO_PKG_VERSION").to_owned(),
            generation: self.applied.borrow().generation,
            listeners: self.addresses(),
            certificate: declared.certificate.clone(),
            trusted_proxies: declared.trusted_proxies.clone(),
            stream_keys: declared.stream_keys.clone(),
            admin: declared.admin.clone(),
            page: declared.page.clone(),
            latency_level: declared.latency_level,
            encoder: declared.encoder,
            when_overloaded: declared.when_overloaded,
            stills: declared.stills,
            broadcast_rules: declared.broadcast_rules.clone(),
            chat: declared.chat.as_ref().map(|_spoken| ChatRules::clone(&self.site.chat().rules())),
            emoji: declared.emoji.clone(),
            moderators: declared.moderators.0.clone(),
            ladder: declared.ladder.clone(),
            webhooks: declared.webhooks.clone(),
            access_tokens: declared.access_tokens.observed(),
            metrics: declared.metrics.clone(),
            pending: self.pending(&facts),
            broadcast: facts.broadcast,
            conditions: facts
                .conditions
                .into_iter()
                .chain(self.site.webhooks().conditions())
                .chain(self.site.chat().conditions())
                .collect(),
        }
    }

    /// What was taken and is not to be seen yet.
    fn pending(&self, facts: &ChannelFacts) -> Vec<ObjectId> {
        let page = (!self.site.is_settled()).then_some(ObjectId::Page);
        facts.pending.iter().cloned().chain(page).collect()
    }

    fn addresses(&self) -> BTreeMap<Listener, SocketAddr> {
        self.ports.iter().map(|(listener, port)| (*listener, port.address())).collect()
    }

    async fn apply(&mut self, steps: Vec<Step>) -> Vec<Outcome> {
        let mut declared = Declared::clone(&self.settings.borrow());
        let mut outcomes = Vec::with_capacity(steps.len());
        for Step { object, action, .. } in steps {
            let result = match action {
                Action::Bind { listener, address } => {
                    if !self.ports.contains_key(&listener) {
                        self.prepare_to_open(&declared).await;
                    }
                    self.bind(listener, address).await
                }
                Action::Unbind { listener } => self.unbind(listener).await,
                Action::SetCertificate { certificate, chain, private_key } => {
                    match self.tls.show(&chain, &private_key) {
                        Ok(()) => {
                            declared.certificate = Some(certificate);
                            OutcomeResult::Applied
                        }
                        Err(error) => OutcomeResult::Held { reason: tasks::chain(&error) },
                    }
                }
                Action::RemoveCertificate => {
                    self.tls.hide();
                    declared.certificate = None;
                    OutcomeResult::Applied
                }
                Action::SetChat { rules } => self.set_chat(&mut declared, rules).await,
                Action::SetEmoji { emoji, pictures } => self.set_emoji(&mut declared, emoji, pictures),
                Action::PutModerator { name, grant } => {
                    let mut moderators = declared.moderators.clone();
                    moderators.0.insert(name, grant);
                    self.set_moderators(&mut declared, moderators).await
                }
                Action::RemoveModerator { name } => {
                    let mut moderators = declared.moderators.clone();
                    moderators.0.remove(&name);
                    self.set_moderators(&mut declared, moderators).await
                }
                action => declare(&mut declared, action),
            };
            if let OutcomeResult::Held { reason } = &result {
                tracing::warn!(object = %object, reason, "held");
            }
            outcomes.push(Outcome { object, result });
        }
        if let Err(error) = self.greet(&declared, declared.chat.as_ref()).await {
            tracing::warn!(error = tasks::chain(&error), "newcomers to the chat are welcomed as before");
        }
        self.settings.send_replace(Arc::new(declared));
        self.channel.settle().await;
        self.site.settle().await;
        let pending = self.pending(&self.channel.facts());
        for outcome in &mut outcomes {
            if outcome.result == OutcomeResult::Applied && pending.contains(&outcome.object) {
                outcome.result = OutcomeResult::Pending;
            }
        }
        outcomes
    }

    /// Puts in force what has been declared so far: whoever comes in by a listener that opens must find it.
    async fn prepare_to_open(&self, declared: &Declared) {
        self.settings.send_replace(Arc::new(declared.clone()));
        // The page as it is declared would be nice to have as well, but players do not wait for it.
        let _is_settled = self.site.settles_within(FIRST_PAGE_DEADLINE).await;
    }

    /// The welcome comes first: it alone can be refused.
    async fn set_chat(&self, declared: &mut Declared, rules: ChatRules) -> OutcomeResult {
        if let Err(error) = self.greet(declared, Some(&rules)).await {
            let reason = format!("{}.welcomeMessage: {}", ObjectId::Chat, tasks::chain(&error));
            return OutcomeResult::Held { reason };
        }
        match self.site.chat().declare(rules.clone(), declared.moderators.for_chat()).await {
            Ok(()) => {
                declared.chat = Some(rules);
                OutcomeResult::Applied
            }
            Err(error) => OutcomeResult::Held { reason: tasks::chain(&error) },
        }
    }

    /// Pictures that do not come along are held already.
    fn set_emoji(
        &self,
        declared: &mut Declared,
        emoji: BTreeMap<String, PictureRef>,
        pictures: BTreeMap<String, String>,
    ) -> OutcomeResult {
        let mut bytes = BTreeMap::new();
        for (digest, text) in pictures {
            match BASE64.decode(text) {
                Ok(picture) => drop(bytes.insert(digest, Bytes::from(picture))),
                Err(error) => return OutcomeResult::Held { reason: format!("an emoji is not base64: {error}") },
            }
        }
        let mut offered = Vec::with_capacity(emoji.len());
        for (name, PictureRef { digest, media_type }) in &emoji {
            let Some(picture) = bytes.get(digest).or_else(|| declared.emoji_pictures.get(digest)).cloned() else {
                return OutcomeResult::Held { reason: format!("the picture of {name} did not come along") };
            };
            bytes.insert(digest.clone(), picture.clone());
            offered.push(DeclaredEmoji { name: name.clone(), media_type: media_type.clone(), picture });
        }
        for (name, error) in self.site.chat().declare_emoji(offered) {
            tracing::warn!(name, error = tasks::chain(&error), "an emoji is not offered");
        }
        declared.emoji = Some(emoji);
        declared.emoji_pictures = bytes;
        OutcomeResult::Applied
    }

    /// Whoever is no longer among them goes on as a guest, and whose secret is another has to log in again, at once.
    async fn set_moderators(&self, declared: &mut Declared, moderators: Moderators) -> OutcomeResult {
        match self.site.chat().declare_moderators(moderators.for_chat()).await {
            Ok(()) => {
                declared.moderators = moderators;
                OutcomeResult::Applied
            }
            Err(error) => OutcomeResult::Held { reason: tasks::chain(&error) },
        }
    }

    /// Has newcomers welcomed as `rules` say, in the name of the page.
    async fn greet(&self, declared: &Declared, rules: Option<&ChatRules>) -> Result<(), ChatError> {
        let Some(rules) = rules else { return Ok(()) };
        let author = declared.page.as_ref().map(|page| page.name.clone()).unwrap_or_default();
        self.site.chat().greet(author, &rules.welcome_message).await
    }

    /// Moves a listener. The new port is open before the old one closes, except where both cannot be open at once:
    /// the same port on overlapping addresses. Then the old one is opened again if the new one cannot be.
    async fn bind(&mut self, listener: Listener, address: SocketAddr) -> OutcomeResult {
        if listener == Listener::Rtmps && !self.tls.has_certificate() {
            return OutcomeResult::Held { reason: format!("waits for {}", ObjectId::Certificate) };
        }
        let old = self.ports.get(&listener).map(Port::address);
        if old == Some(address) {
            return OutcomeResult::Applied;
        }
        let opened = match (self.open(listener, address), old) {
            (Err(error), Some(old)) if error.kind() == io::ErrorKind::AddrInUse && old.port() == address.port() => {
                self.replace_in_place(listener, old, address).await
            }
            (opened, _) => opened,
        };
        match opened {
            Ok(port) => {
                tracing::info!(?listener, address = %port.address(), "listening");
                self.ports.insert(listener, port);
                OutcomeResult::Applied
            }
            Err(error) => OutcomeResult::Held { reason: format!("cannot listen on {address}: {error}") },
        }
    }

    async fn unbind(&mut self, listener: Listener) -> OutcomeResult {
        if let Some(port) = self.ports.remove(&listener) {
            tracing::info!(?listener, address = %port.address(), "no longer listening");
            port.close().await;
        }
        OutcomeResult::Applied
    }

    async fn replace_in_place(&mut self, listener: Listener, old: SocketAddr, new: SocketAddr) -> io::Result<Port> {
        if let Some(port) = self.ports.remove(&listener) {
            port.close().await;
        }
        match self.open(listener, new) {
            Ok(port) => Ok(port),
            Err(error) => {
                match self.open(listener, old) {
                    Ok(port) => {
                        self.ports.insert(listener, port);
                    }
                    Err(lost) => tracing::error!(?listener, address = %old, error = %lost, "listener lost"),
                }
                Err(error)
            }
        }
    }

    fn open(&self, listener: Listener, address: SocketAddr) -> io::Result<Port> {
        match listener {
            Listener::Rtmp => {
                let ingest = self.ingest.clone();
                Port::open("rtmp-listener", address, Arc::clone(&self.rtmp_permits), move |stream, permit| {
                    ingest.serve(stream, permit);
                })
            }
            Listener::Rtmps => {
                let (ingest, tls) = (self.ingest.clone(), self.tls.clone());
                Port::open("rtmps-listener", address, Arc::clone(&self.rtmp_permits), move |stream, permit| {
                    ingest.serve_tls(stream, &tls, permit);
                })
            }
            Listener::Http => {
                let door = self.site.door();
                Port::open("http-listener", address, Arc::clone(&self.http_permits), move |stream, permit| {
                    door.serve(stream, permit);
                })
            }
        }
    }
}

/// One step on the snapshot that is being prepared.
fn declare(declared: &mut Declared, action: Action) -> OutcomeResult {
    match action {
        Action::PutStreamKey { name, grant } => {
            declared.stream_keys.insert(name, grant);
        }
        Action::RemoveStreamKey { name } => {
            declared.stream_keys.remove(&name);
        }
        Action::PutPage { page, logo_base64 } => {
            let logo = match logo_base64.map(|text| BASE64.decode(text)).transpose() {
                Ok(logo) => logo.map(Bytes::from),
                Err(error) => return OutcomeResult::Held { reason: format!("the logo is not base64: {error}") },
            };
            declared.page = Some(page);
            declared.logo = logo;
        }
        Action::SetTrustedProxies { networks } => declared.trusted_proxies = Some(networks),
        Action::SetAdmin { grant } => declared.admin = grant,
        Action::SetMetrics { metrics } => declared.metrics = Some(metrics),
        Action::PutWebhook { name, webhook, signing_secret } => {
            return put_webhook(declared, name, webhook, signing_secret);
        }
        Action::RemoveWebhook { name } => {
            declared.webhooks.remove(&name);
            declared.signing_secrets.remove(&name);
        }
        Action::PutAccessToken { name, access } => declared.access_tokens.put(name, access, unix_millis()),
        Action::RemoveAccessToken { name } => drop(declared.access_tokens.0.remove(&name)),
        Action::SetEncoder { encoder } => declared.encoder = Some(encoder),
        Action::SetOverload { policy } => declared.when_overloaded = Some(policy),
        Action::SetStills { enabled } => declared.stills = Some(enabled),
        Action::SetBroadcastRules { rules } => declared.broadcast_rules = Some(rules),
        Action::SetLatency { level } => declared.latency_level = Some(level),
        Action::PutRung { rung } => {
            declared.ladder.insert(rung.name.clone(), rung);
        }
        Action::RemoveRung { name } => {
            declared.ladder.remove(&name);
        }
        Action::Bind { .. }
        | Action::Unbind { .. }
        | Action::SetCertificate { .. }
        | Action::RemoveCertificate
        | Action::SetChat { .. }
        | Action::SetEmoji { .. }
        | Action::PutModerator { .. }
        | Action::RemoveModerator { .. } => {}
    }
    OutcomeResult::Applied
}

/// A secret that does not come along is the one held already.
fn put_webhook(
    declared: &mut Declared,
    name: String,
    webhook: Webhook,
    signing_secret: Option<SigningSecret>,
) -> OutcomeResult {
    let held = declared.webhooks.get(&name).and_then(|held| held.secret.as_ref());
    match (&webhook.secret, signing_secret) {
        (None, _) => drop(declared.signing_secrets.remove(&name)),
        (Some(_), Some(secret)) => drop(declared.signing_secrets.insert(name.clone(), secret)),
        (wanted, None) if held == wanted.as_ref() => {}
        (Some(_), None) => return OutcomeResult::Held { reason: "its signing secret did not come along".to_owned() },
    }
    declared.webhooks.insert(name, webhook);
    OutcomeResult::Applied
}

/// The bound socket; its file goes when it is dropped.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Binds `path`, replacing the socket a dead engine left there. A living one keeps it.
    pub(crate) async fn bind(path: &Path) -> io::Result<Self> {
        if UnixStream::connect(path).await.is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another engine answers on this socket"));
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Accepts clients and carries their questions to the control task.
    pub(crate) async fn serve(self, control: Control) {
        let (questions, asked) = mpsc::channel(QUEUE);
        tasks::spawn("control", control.run(asked));
        let permits = Arc::new(Semaphore::new(MOST_CLIENTS));
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let questions = questions.clone();
                    tasks::spawn("control-client", async move {
                        if let Err(error) = converse(stream, questions).await {
                            tracing::debug!(error = %error, "control client ended");
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(error = %error, "could not accept a control client");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // A file that is gone already is as good as removed.
        let _is_removed = std::fs::remove_file(&self.path);
    }
}

async fn converse(stream: UnixStream, questions: mpsc::Sender<Question>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let bound = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
    loop {
        let mut line = Vec::new();
        let read = (&mut reader).take(bound).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a request line is too long or cut off"));
        }
        let response = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => {
                let (reply, answer) = oneshot::channel();
                if questions.send((request, reply)).await.is_err() {
                    return Ok(());
                }
                let Ok(answer) = answer.await else { return Ok(()) };
                answer
            }
            // The position, not the text: a request may hold what should not be in a log.
            Err(error) => Response::Rejected {
                reason: format!("not a request this engine knows (line column {})", error.column()),
            },
        };
        let mut text = serde_json::to_vec(&response)?;
        text.push(b'\n');
        tokio::time::timeout(WRITE_DEADLINE, writer.write_all(&text)).await??;
    }
}
