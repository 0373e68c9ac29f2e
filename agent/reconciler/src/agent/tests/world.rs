//! A folder with a settings file, a secret, an agent and an engine.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use nixcast_schema::{Settings, StreamKey};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::model_engine::ModelEngine;
use crate::agent::{AgentOptions, run_agent_until};
use crate::client::AgentClient;
use crate::protocol::{AgentRequest, AgentResponse, HandedIn};
use crate::report::{ApplyReport, ConditionKind, Status};
use crate::source::Source;

/// No single step of a test may take longer; the steps themselves take milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct World {
    folder: TempDir,
    pub(super) settings: Settings,
    agent: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("main.key"), "correct-horse\n").unwrap();
        let key = StreamKey {
            name: "main".to_owned(),
            key_file: folder.path().join("main.key").to_str().unwrap().to_owned(),
            comment: String::new(),
            enable: true,
            expires: None,
        };
        let settings = Settings { stream_keys: vec![key], ..Settings::default() };
        let world = Self { folder, settings, agent: None };
        world.save();
        world
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(&self.settings).unwrap()
    }

    pub(super) fn save(&self) {
        self.save_text(&self.text());
    }

    pub(super) fn save_text(&self, text: &str) {
        fs::write(self.path("settings.new"), text).unwrap();
        fs::rename(self.path("settings.new"), self.path("settings.json")).unwrap();
    }

    pub(super) fn engine(&self, pid: u32) -> ModelEngine {
        ModelEngine::start(&self.path("engine.sock"), pid)
    }

    pub(super) async fn start_agent(&mut self) {
        let options = AgentOptions {
            source: Source::Json(self.path("settings.json")),
            engine_socket: self.path("engine.sock"),
            socket: self.path("agent.sock"),
            state_dir: self.path("state"),
            on_status: Box::new(|_| ()),
        };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            run_agent_until(options, async move { drop(stopped.await) }).await.unwrap();
        });
        self.agent = Some((stop, task));
        self.until(|status| status.passes > 0).await;
    }

    pub(super) async fn stop_agent(&mut self) {
        let (stop, task) = self.agent.take().unwrap();
        drop(stop);
        tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
    }

    pub(super) async fn ask(&self, request: AgentRequest) -> AgentResponse {
        let mut client = AgentClient::connect(&self.path("agent.sock")).await.unwrap();
        client.ask(&request, PATIENCE).await.unwrap()
    }

    pub(super) async fn apply(&self, settings: Option<&Settings>) -> AgentResponse {
        let settings = settings.map(|settings| HandedIn {
            text: serde_json::to_string(settings).unwrap(),
            path: None,
            store_path: None,
        });
        self.ask(AgentRequest::Apply { settings, wait_seconds: Some(5) }).await
    }

    pub(super) async fn applied(&self) -> ApplyReport {
        match self.apply(None).await {
            AgentResponse::Applied(report) => *report,
            other => panic!("{other:?}"),
        }
    }

    /// Follows the status until `is_reached`, and returns it.
    pub(super) async fn until(&self, is_reached: impl Fn(&Status) -> bool) -> Status {
        let mut last = None;
        let watched = async {
            let mut client = loop {
                match AgentClient::connect(&self.path("agent.sock")).await {
                    Ok(client) => break client,
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            };
            client.send(&AgentRequest::Watch).await.unwrap();
            loop {
                let AgentResponse::Status(status) = client.receive().await.unwrap() else { panic!("no status") };
                if is_reached(&status) {
                    return *status;
                }
                last = Some(status);
            }
        };
        match tokio::time::timeout(PATIENCE, watched).await {
            Ok(status) => status,
            Err(_) => panic!("never reached; last: {last:#?}"),
        }
    }

    pub(super) async fn converged(&self) -> Status {
        self.until(|status| status.is(ConditionKind::Converged)).await
    }
}
