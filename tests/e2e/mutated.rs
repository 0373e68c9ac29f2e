//! Thousands of documents that nobody meant, handed to a running agent: each is refused with the place of what is
//! wrong, or applied. Nothing crashes, a refusal changes nothing, and the publisher stays connected all along.
//!
//! `NIXCAST_MUTATIONS` says how many (2000 if it does not), `NIXCAST_SEED` which.

mod mutation;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::time::Instant;

use nixcast_core::control::Observed;
use nixcast_schema::{ExternalAction, Preset, Settings, SocialHandle, Variant, Webhook, WebhookEvent};
use nixcast_tests::agent::Agent;
use nixcast_tests::clip::Clip;
use nixcast_tests::process;
use nixcast_tests::publish::Publisher;
use nixcast_tests::random::Random;
use nixcast_tests::server::{Nixcast, Scene};
use nixcast_tests::viewer::Viewer;
use serde_json::Value;

use crate::live::source;
use mutation::{Kind, Mutated};

/// As many as fit into `make test`; the whole ten thousand take minutes.
const USUAL: usize = 2000;

/// Documents between two looks at processes, publisher and log.
const ROUND: usize = 100;

/// What became of the documents of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    refused: usize,
    applied: usize,
    /// Valid, but the publisher's own key would have gone: such a document is only planned.
    planned: usize,
}

/// A server with something declared in every corner, live.
struct Target {
    server: Nixcast,
    agent: Agent,
    agent_pid: u32,
    engine_pid: u32,
    publisher: Publisher,
    session: u64,
    viewer: Viewer,
    base: String,
    /// What the engine ran when the base document was first in force.
    home: Observed,
    /// What it runs now.
    current: Observed,
}

impl Target {
    fn start() -> Self {
        let mut scene = Scene::with_key();
        scene.add_key("guest").comment = "for visitors — on Sundays".to_owned();
        declare(&mut scene.settings);
        let server = scene.start();
        let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
        let session = server.wait_live().session;
        let home = observed(&server);
        Self {
            agent: Agent::at(&server.state_dir().join("agent.sock")),
            agent_pid: server.pid_of("agent").unwrap(),
            engine_pid: home.engine_pid,
            viewer: Viewer::start(([127, 0, 0, 1], server.http_port()).into(), 0),
            base: fs::read_to_string(server.settings_file()).unwrap(),
            current: home.clone(),
            publisher,
            session,
            home,
            server,
        }
    }

    /// Hands a document in and holds what comes back against what has to.
    fn judge(&mut self, mutated: &Mutated, figures: &mut Figures) -> Result<(), String> {
        let Ok(text) = std::str::from_utf8(&mutated.document) else {
            figures.refused += 1;
            return self.refuse_unreadable(&mutated.document);
        };
        let parsed = Settings::parse(text);
        if parsed.as_ref().is_ok_and(|settings| !self.keeps_publisher(settings)) {
            figures.planned += 1;
            let answer = self.agent.plan(text)?;
            return if answer["response"] == "planned" { Ok(()) } else { Err(format!("not planned: {answer}")) };
        }
        let answer = self.agent.apply(text, 0)?;
        match (answer["response"].as_str(), parsed.is_ok()) {
            (Some("refused"), false) => {
                figures.refused += 1;
                is_located(&answer)?;
                self.is_unchanged()
            }
            (Some("applied"), true) => {
                figures.applied += 1;
                self.go_home()
            }
            _ => Err(format!("valid: {}, answered {answer}", parsed.is_ok())),
        }
    }

    /// What is no text cannot be sent as text: the command reads it from a file.
    fn refuse_unreadable(&mut self, document: &[u8]) -> Result<(), String> {
        let file = self.server.folder().join("mutated.json");
        fs::write(&file, document).map_err(|error| error.to_string())?;
        let output = self.server.command(&["apply", "--settings", file.to_str().unwrap_or_default(), "--json"]);
        if output.status.code() != Some(1) {
            return Err(format!("not refused: {output:?}"));
        }
        is_located(&serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?)?;
        self.is_unchanged()
    }

    fn keeps_publisher(&self, settings: &Settings) -> bool {
        let ours = &self.server.settings.stream_keys[0];
        settings.stream_keys.iter().any(|key| {
            (&key.name, &key.key_file, key.enable, &key.expires)
                == (&ours.name, &ours.key_file, ours.enable, &ours.expires)
        })
    }

    fn is_unchanged(&self) -> Result<(), String> {
        let now = observed(&self.server);
        if now == self.current { Ok(()) } else { Err(format!("the engine changed:\n{:?}\n{now:?}", self.current)) }
    }

    /// Back to the base document, so that no mutation meets the leavings of another.
    fn go_home(&mut self) -> Result<(), String> {
        let answer = self.agent.apply(&self.base, 0)?;
        self.current = observed(&self.server);
        let (now, then) = (without_chance(&self.current), without_chance(&self.home));
        if answer["response"] == "applied" && now == then {
            return Ok(());
        }
        Err(format!("the base document is not in force again: {answer}\n{then:?}\n{now:?}"))
    }

    fn is_whole(&self) -> Result<(), String> {
        let session = self.server.observe().broadcast.map(|broadcast| broadcast.session);
        let checks = [
            (self.server.pid_of("agent") == Some(self.agent_pid), "the agent is another process"),
            (self.server.observe().engine_pid == self.engine_pid, "the engine is another process"),
            (process::is_alive(self.engine_pid) && process::is_alive(self.agent_pid), "a process is gone"),
            (self.publisher.is_running() && session == Some(self.session), "the publisher was cut off"),
            (!self.server.log().contains("panicked"), "something panicked"),
        ];
        checks.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, reason)| Err((*reason).to_owned()))
    }
}

fn declare(settings: &mut Settings) {
    let text = |text: &str| text.to_owned();
    settings.instance.summary = text("Ships, live; \"quoted\" & <marked>");
    settings.instance.tags = vec![text("sea"), text("ünïcödé")];
    settings.instance.social_handles =
        vec![SocialHandle { platform: text("mastodon"), url: text("https://example.org/@harbour") }];
    settings.instance.external_actions = vec![ExternalAction {
        title: text("Tickets"),
        url: text("https://example.org/tickets"),
        description: text("For tonight"),
        colour: Some(text("#7ebae4")),
        open_externally: true,
    }];
    settings.instance.theme.accent = Some(text("#7ebae4"));
    settings.webhooks = vec![Webhook {
        name: text("desk"),
        enable: false,
        url: text("http://127.0.0.1:9/told"),
        events: WebhookEvent::ALL.to_vec(),
        secret_file: None,
    }];
    let low = Variant { height: Some(144), video_bitrate_kbps: 100, ..Variant::named("low") };
    settings.video.variants = vec![source(), Variant { enable: false, preset: Preset::Superfast, ..low }];
}

/// What the engine runs, without what changes by itself.
fn observed(server: &Nixcast) -> Observed {
    Observed { broadcast: None, conditions: Vec::new(), pending: Vec::new(), ..server.observe() }
}

/// The same without the number of the document and without salts, which are new for a key that was away.
fn without_chance(observed: &Observed) -> Observed {
    let mut observed = Observed { generation: 0, ..observed.clone() };
    for grant in observed.stream_keys.values_mut() {
        grant.salt.clear();
        grant.hash.clear();
    }
    observed
}

/// Whether a refusal says where to look: an option, or a line and column where the text is no document at all.
fn is_located(answer: &Value) -> Result<(), String> {
    const OF_THE_WHOLE: [&str; 5] =
        [" bytes, at most ", "is written for ", " further problems ", "must be a group of options", "line "];
    let problems = answer["problems"].as_array().filter(|problems| !problems.is_empty());
    let problems = problems.ok_or_else(|| format!("a refusal without a problem: {answer}"))?;
    for problem in problems {
        let (option, message) = (problem["option"].as_str(), problem["message"].as_str().unwrap_or_default());
        let is_located = match option {
            Some("apiVersion") => true,
            Some("services.nixcast") => OF_THE_WHOLE.iter().any(|part| message.contains(part)),
            Some(option) => option.starts_with("services.nixcast."),
            None => false,
        };
        let is_told = !message.is_empty() && problem["hint"].as_str().is_some_and(|hint| !hint.is_empty());
        if !is_located || !is_told {
            return Err(format!("a problem without a place: {problem}"));
        }
    }
    Ok(())
}

fn number_from(variable: &str, otherwise: u64) -> u64 {
    let set = env::var(variable).ok();
    set.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

#[test]
fn mutated_documents_are_refused_with_their_place_or_applied_and_break_nothing() {
    let count = usize::try_from(number_from("NIXCAST_MUTATIONS", USUAL as u64)).unwrap();
    let seed = number_from("NIXCAST_SEED", 20_261_123);
    println!("{count} mutations, seed {seed}");
    let mut target = Target::start();
    let mut random = Random::new(seed);
    let mut figures: BTreeMap<Kind, Figures> = BTreeMap::new();
    let began = Instant::now();
    for number in 0..count {
        let mutated = mutation::draw(&target.base, &mut random);
        let verdict = target.judge(&mutated, figures.entry(mutated.kind).or_default());
        let whole = if number % ROUND == ROUND - 1 || number + 1 == count { target.is_whole() } else { Ok(()) };
        if let Err(reason) = verdict.and(whole) {
            let shown: String = String::from_utf8_lossy(&mutated.document).chars().take(6000).collect();
            panic!("mutation {number} with seed {seed} ({:?}): {reason}\n{shown}", mutated.kind);
        }
    }
    let took = began.elapsed();

    println!("{:<12} {:>8} {:>8} {:>8}", "", "refused", "applied", "planned");
    let mut sum = Figures::default();
    for (kind, Figures { refused, applied, planned }) in &figures {
        println!("{:<12} {refused:>8} {applied:>8} {planned:>8}", format!("{kind:?}"));
        sum.refused += refused;
        sum.applied += applied;
        sum.planned += planned;
    }
    println!("{:<12} {:>8} {:>8} {:>8}", "all", sum.refused, sum.applied, sum.planned);
    println!("{count} documents in {took:.1?}; the engine was unchanged after each of {} refusals", sum.refused);
    assert_eq!(sum.refused + sum.applied + sum.planned, count);
    assert!(figures.len() == Kind::ALL.len() && sum.applied > count / 50, "too tame to show anything");

    let watched = target.viewer.finish();
    println!("a viewer saw {} segments, {} changes of quality", watched.segments, watched.switches);
    assert_eq!((&watched.errors[..], watched.reconnects), (&[][..], 0), "{watched:?}");
}
