//! Many random valid changes while live: how long each takes, and what the publisher and ten viewers notice.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nixcast_schema::{
    AccessToken, Effect, ExternalAction, Moderator, Network, Preset, Scope, Settings, SocialHandle, Variant, Webhook,
    WebhookEvent,
};
use serde_json::Value;

use crate::agent::Statuses;
use crate::certificate::{Authority, KeyKind};
use crate::clip::Clip;
use crate::generate::{Generator, Supplies};
use crate::publish::Publisher;
use crate::random::Random;
use crate::server::{Nixcast, Scene, replace};
use crate::viewer::{Viewer, Watched};

/// Longest a change may take: some segments on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);
const VIEWERS: usize = 10;

/// How long one change took from the moment its file was in place.
#[derive(Clone, Debug)]
pub struct Took {
    pub pattern: String,
    /// Until the agent had told the engine.
    pub told: Duration,
    /// Until all of it ran.
    pub converged: Duration,
    /// Whether it waited for a segment boundary.
    pub waited: bool,
}

/// What a run of changes showed.
#[derive(Debug)]
pub struct Run {
    pub took: BTreeMap<Effect, Vec<Took>>,
    pub watched: Watched,
    /// Sessions of the publisher beyond the first.
    pub publisher_reconnects: u64,
    /// Engine processes beyond the first.
    pub engine_restarts: u64,
}

/// Makes so many changes of each effect, in an order drawn by chance, while one publishes and ten watch.
///
/// # Panics
/// If a change does not converge.
pub fn run(counts: &[(Effect, usize)], seed: u64) -> Run {
    let (server, supplies) = set();
    let mut random = Random::new(seed);
    let mut generator = Generator::new(supplies, random.number());
    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    let session = server.wait_live().session;
    let engine = server.observe().engine_pid;
    let address = SocketAddr::from(([127, 0, 0, 1], server.http_port()));
    let viewers: Vec<Viewer> = (0..VIEWERS).map(|number| Viewer::start(address, number)).collect();
    let statuses = Statuses::watch(&server.state_dir().join("agent.sock"));

    let mut order: Vec<Effect> =
        counts.iter().flat_map(|(effect, count)| std::iter::repeat_n(*effect, *count)).collect();
    random.shuffle(&mut order);
    let mut document = serde_json::to_value(&server.settings).expect("settings are plain data");
    let mut took: BTreeMap<Effect, Vec<Took>> = BTreeMap::new();
    for effect in order {
        let changed = generator.change(&document, effect);
        took.entry(effect).or_default().push(apply(&server, &statuses, &changed.pattern, &changed.document));
        document = changed.document;
        for viewer in &viewers {
            viewer.moved_to(reachable(&document));
        }
    }

    let observed = server.observe();
    let watched = Watched::sum(viewers.into_iter().map(Viewer::finish));
    let now = observed.broadcast.map(|broadcast| broadcast.session);
    let is_same = publisher.is_running() && now == Some(session);
    assert!(!server.log().contains("panicked"), "something panicked:\n{}", server.log());
    Run {
        took,
        watched,
        publisher_reconnects: if is_same { 0 } else { now.map_or(1, |now| now.saturating_sub(session).max(1)) },
        engine_restarts: u64::from(observed.engine_pid != engine),
    }
}

/// A server with something declared in every corner, and what its values may be changed to.
fn set() -> (Nixcast, Supplies) {
    let mut scene = Scene::with_key();
    scene.add_key("guest");
    let file = |name: &str, content: &str| {
        let path = scene.folder().join(name);
        fs::write(&path, content).expect("a fresh folder can be written to");
        path.to_str().expect("temporary folders have plain names").to_owned()
    };
    let secrets = (0..6).map(|number| file(&format!("secret-{number}"), &format!("{number}-a-secret-for-this-run\n")));
    let secrets: Vec<String> = secrets.collect();
    let picture = |size: usize| format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} 1\"/>");
    let pictures = (1..4).map(|size| file(&format!("{size}.svg"), &picture(size))).collect();
    let folders = ["calm", "storm"].map(|name| {
        let folder = scene.folder().join(name);
        fs::create_dir(&folder).expect("a fresh folder can be written to");
        fs::write(folder.join(format!("{name}.svg")), picture(1)).expect("a fresh folder can be written to");
        folder.to_str().expect("temporary folders have plain names").to_owned()
    });
    let password = file("password", "the operator's password\n");
    declare(&mut scene.settings, password);
    scene.settings.chat.moderators = vec![Moderator { name: "mate".to_owned(), secret_file: secrets[0].clone() }];
    scene.settings.integrations.access_tokens = vec![AccessToken {
        name: "clock".to_owned(),
        token_file: secrets[1].clone(),
        scopes: vec![Scope::CanSendMessages],
    }];
    let certificate = Authority::new().issue(KeyKind::Pkcs8);
    scene.declare_rtmps(&certificate);
    let rtmps = &scene.settings.rtmps;
    let pair = rtmps.certificate_file.clone().zip(rtmps.key_file.clone());
    let low = "services.nixcast.video.variants.<name>";
    let bounds = [
        ("width", 64..=320),
        ("height", 64..=180),
        ("framerate", 5..=30),
        ("videoBitrateKbps", 50..=400),
        ("audioBitrateKbps", 32..=128),
    ]
    .map(|(leaf, bounds)| (format!("{low}.{leaf}"), bounds));
    let level = ("services.nixcast.video.latencyLevel".to_owned(), 0..=1);
    let supplies = Supplies {
        secrets,
        pictures,
        folders: folders.into(),
        pair,
        addresses: ["127.0.0.1", "127.0.0.2", "0.0.0.0"].map(str::to_owned).into(),
        bounds: bounds.into_iter().chain([level]).collect(),
        // The key in use: all but its comment decides about the session.
        fixed: ["name", "keyFile", "enable", "expires"].map(|leaf| format!("/streamKeys/0/{leaf}")).into(),
        left_out: Vec::new(),
    };
    (scene.start(), supplies)
}

fn declare(settings: &mut Settings, password: String) {
    let text = |text: &str| text.to_owned();
    settings.admin.password_file = Some(password);
    settings.metrics.enable = true;
    settings.metrics.allow_from = vec![Network(text("127.0.0.0/8"))];
    settings.instance.social_handles =
        vec![SocialHandle { platform: text("mastodon"), url: text("https://example.org/@harbour") }];
    settings.instance.external_actions = vec![ExternalAction {
        title: text("Tickets"),
        url: text("https://example.org/tickets"),
        description: String::new(),
        colour: None,
        open_externally: true,
    }];
    settings.webhooks = vec![Webhook {
        name: text("desk"),
        enable: true,
        url: text("http://127.0.0.1:9/told"),
        events: WebhookEvent::ALL.to_vec(),
        secret_file: None,
    }];
    let low =
        Variant { height: Some(144), video_bitrate_kbps: 150, preset: Preset::Superfast, ..Variant::named("low") };
    settings.video.variants =
        vec![Variant { passthrough: true, order: 1, ..Variant::named("source") }, Variant { order: 2, ..low }];
}

/// Where clients of this machine reach the page that a document declares.
fn reachable(document: &Value) -> SocketAddr {
    let http = &document["http"];
    let port = http["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("the document is valid");
    let ip = if http["address"] == "127.0.0.2" { [127, 0, 0, 2] } else { [127, 0, 0, 1] };
    SocketAddr::from((ip, port))
}

fn apply(server: &Nixcast, statuses: &Statuses, pattern: &str, document: &Value) -> Took {
    let generation = |status: &Value| status["accepted"]["generation"].as_u64().unwrap_or(0);
    let before = server.agent_status().map(|status| generation(&status)).expect("the agent has a status");
    replace(&server.settings_file(), &document.to_string(), 0o644);
    let began = Instant::now();
    let mut told = None;
    let mut waited = false;
    let converged = statuses.within(PATIENCE, |status| {
        if generation(status) <= before {
            return None;
        }
        told.get_or_insert_with(|| began.elapsed());
        waited |= status["objects"].as_array().into_iter().flatten().any(|object| object["state"] == "pending");
        let conditions = status["conditions"].as_array().map_or(&[][..], Vec::as_slice);
        conditions.iter().any(|one| one["kind"] == "Converged" && one["isTrue"] == true).then_some(())
    });
    let Some((at, ())) = converged else {
        panic!("{pattern} did not converge: {:#}", server.agent_status().unwrap_or_default());
    };
    let converged = at.duration_since(began);
    Took { pattern: pattern.to_owned(), told: told.unwrap_or(converged), converged, waited }
}
