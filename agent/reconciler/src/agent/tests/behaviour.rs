use std::fs;
use std::time::Duration;

use nixcast_core::control::{Listener, ObjectId};
use nixcast_core::keys::verify;
use nixcast_schema::OnDrift;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use super::world::World;
use crate::client::AgentClient;
use crate::protocol::{AgentRequest, AgentResponse};
use crate::report::{ApplyVerdict, ConditionKind, ObjectState, RefusalReason};

#[tokio::test]
async fn an_engine_is_brought_to_the_settings_and_follows_the_file() {
    let mut world = World::new();
    let engine = world.engine(1);
    world.start_agent().await;
    let status = world.converged().await;
    assert_eq!(status.accepted.as_ref().map(|accepted| accepted.generation), Some(1));
    assert_eq!(status.observed_generation, 1);
    assert!(verify(&engine.observed().stream_keys["main"], b"correct-horse"));

    "Renamed".clone_into(&mut world.settings.instance.name);
    world.settings.http.port = 8081;
    world.save();
    world.until(|status| status.observed_generation == 2 && status.is(ConditionKind::Converged)).await;
    let observed = engine.observed();
    assert_eq!(observed.page.unwrap().name, "Renamed");
    assert_eq!(observed.listeners[&Listener::Http].port(), 8081);
    world.stop_agent().await;
    assert!(!world.path("agent.sock").exists());
}

#[tokio::test]
async fn a_file_change_is_in_force_at_once() {
    let mut world = World::new();
    let _engine = world.engine(1);
    world.start_agent().await;
    world.converged().await;
    let mut took = Vec::new();
    for round in 0..20_u64 {
        world.settings.instance.name = format!("Round {round}");
        let saved = Instant::now();
        world.save();
        world.until(|status| status.observed_generation == round + 2).await;
        took.push(saved.elapsed());
    }
    took.sort_unstable();
    // The benchmark measures how fast; this guards against a lost hint (30 s) on however busy a machine.
    assert!(took[took.len() - 1] < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn a_refused_document_changes_nothing_and_is_told() {
    let mut world = World::new();
    let engine = world.engine(1);
    world.start_agent().await;
    world.converged().await;
    let before = engine.observed();
    let bad = world.text().replace("\"port\":8080", "\"port\":0");
    world.save_text(&bad);
    let status = world.until(|status| !status.is(ConditionKind::Accepted)).await;
    let refusal = status.source.refusal.unwrap();
    assert_eq!(refusal.reason, RefusalReason::Invalid);
    assert_eq!(refusal.problems[0].option, "services.nixcast.http.port");
    assert_eq!(engine.observed(), before);
    assert!(matches!(world.apply(None).await, AgentResponse::Refused(again) if again == refusal));

    fs::remove_file(world.path("settings.json")).unwrap();
    let missing = |status: &crate::report::Status| status.reason(ConditionKind::Accepted) == Some("Unreadable");
    world.until(missing).await;
    world.save();
    world.until(|status| status.is(ConditionKind::Accepted)).await;
    assert_eq!(engine.observed(), before);
}

#[tokio::test]
async fn a_restarted_engine_is_told_everything_and_nothing_drifted() {
    let mut world = World::new();
    let engine = world.engine(1);
    world.start_agent().await;
    world.converged().await;
    engine.stop().await;
    world.until(|status| status.reason(ConditionKind::Converged) == Some("EngineUnreachable")).await;
    let engine = world.engine(2);
    let status = world.converged().await;
    assert_eq!(status.drift.found, 0);
    assert!(engine.observed().stream_keys.contains_key("main"));
}

/// Whoever asks while the agent starts, or while the engine does, is not told what another comparison found.
#[tokio::test]
async fn nothing_is_called_converged_before_the_engine_was_told() {
    let mut world = World::new();
    let mut engine = world.engine(1);
    let socket = world.path("agent.sock");
    for pid in 1..=30 {
        let first_converged = async {
            let mut client = loop {
                match AgentClient::connect(&socket).await {
                    Ok(client) => break client,
                    Err(_) => tokio::task::yield_now().await,
                }
            };
            loop {
                let answer = client.ask(&AgentRequest::Status, Duration::from_secs(20)).await.unwrap();
                let AgentResponse::Status(status) = answer else { panic!("no status") };
                if status.is(ConditionKind::Converged) && status.engine.is_some_and(|engine| engine.pid == pid) {
                    return engine.observed();
                }
            }
        };
        if pid == 1 {
            let ((), observed) = tokio::join!(world.start_agent(), first_converged);
            assert_eq!(observed.generation, 1, "called converged at the start");
        } else {
            assert_eq!(first_converged.await.generation, 1, "called converged after another engine started");
        }
        engine.stop().await;
        engine = world.engine(pid + 1);
    }
    world.stop_agent().await;
}

#[tokio::test]
async fn the_last_good_settings_survive_a_restart_with_a_bad_source() {
    let mut world = World::new();
    let engine = world.engine(1);
    world.start_agent().await;
    world.converged().await;
    world.stop_agent().await;
    engine.stop().await;
    world.save_text("{}");
    let engine = world.engine(2);
    world.start_agent().await;
    let status = world.until(|status| status.observed_generation == 1 && status.source.refusal.is_some()).await;
    assert!(!status.is(ConditionKind::Accepted));
    assert!(engine.observed().stream_keys.contains_key("main"));
}

#[tokio::test]
async fn settings_replaced_while_the_agent_was_away_do_not_come_back_for_a_moment() {
    for _ in 0..10 {
        let mut world = World::new();
        let engine = world.engine(1);
        world.start_agent().await;
        world.converged().await;
        world.stop_agent().await;
        engine.stop().await;
        world.settings.stream_keys.clear();
        world.save();
        let engine = world.engine(2);
        world.start_agent().await;
        world.until(|status| status.observed_generation == 2 && status.is(ConditionKind::Converged)).await;
        assert_eq!(engine.state.lock().unwrap().applies, 1, "the old generation was applied first");
    }
}

#[tokio::test]
async fn without_any_accepted_settings_the_engine_is_told_nothing() {
    let mut world = World::new();
    world.save_text("{}");
    let engine = world.engine(1);
    world.start_agent().await;
    world.until(|status| status.source.refusal.is_some() && status.engine.is_some()).await;
    assert_eq!(engine.state.lock().unwrap().applies, 0);
}

#[tokio::test]
async fn a_rotated_key_is_noticed_and_a_vanished_one_is_held_without_loss() {
    let mut world = World::new();
    let engine = world.engine(1);
    world.start_agent().await;
    world.converged().await;
    fs::write(world.path("main.key"), "another-horse\n").unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while !verify(&engine.observed().stream_keys["main"], b"another-horse") {
        assert!(Instant::now() < deadline, "the new key never arrived");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fs::remove_file(world.path("main.key")).unwrap();
    let status = world.until(|status| status.is(ConditionKind::Degraded)).await;
    let key = status.objects.iter().find(|object| object.option == "services.nixcast.streamKeys.main").unwrap();
    let ObjectState::Held { reason } = &key.state else { panic!("{key:?}") };
    assert!(reason.starts_with("services.nixcast.streamKeys.main.keyFile: /"), "{reason}");
    assert!(verify(&engine.observed().stream_keys["main"], b"another-horse"));

    world.settings.stream_keys.clear();
    world.save();
    world.converged().await;
    assert!(engine.observed().stream_keys.is_empty());
}

#[tokio::test]
async fn drift_is_healed_or_only_reported() {
    for on_drift in [OnDrift::Heal, OnDrift::Report] {
        let mut world = World::new();
        world.settings.reconcile.on_drift = on_drift;
        world.settings.reconcile.interval_seconds = 5;
        world.save();
        let engine = world.engine(1);
        world.start_agent().await;
        world.converged().await;
        engine.state.lock().unwrap().observed.latency_level = Some(4);
        let status = world.until(|status| status.drift.found == 1).await;
        if on_drift == OnDrift::Heal {
            assert_eq!((status.drift.healed, engine.observed().latency_level), (1, Some(2)));
            continue;
        }
        assert!(status.is(ConditionKind::Drifted) && !status.is(ConditionKind::Converged));
        assert_eq!(engine.observed().latency_level, Some(4));
        assert_eq!(world.applied().await.verdict, ApplyVerdict::Converged);
        assert_eq!(engine.observed().latency_level, Some(2));
    }
}

#[tokio::test]
async fn drift_while_no_agent_looked_is_drift_and_a_rotated_key_is_not() {
    for on_drift in [OnDrift::Heal, OnDrift::Report] {
        let mut world = World::new();
        world.settings.reconcile.on_drift = on_drift;
        world.save();
        let engine = world.engine(1);
        world.start_agent().await;
        world.converged().await;
        world.stop_agent().await;
        engine.state.lock().unwrap().observed.latency_level = Some(4);
        fs::write(world.path("main.key"), "another-horse\n").unwrap();
        world.start_agent().await;
        let status = world.until(|status| status.drift.found > 0).await;
        assert!(verify(&engine.observed().stream_keys["main"], b"another-horse"), "{on_drift:?}");
        let (healed, level) = if on_drift == OnDrift::Heal { (1, Some(2)) } else { (0, Some(4)) };
        assert_eq!((status.drift.found, status.drift.healed), (1, healed), "{on_drift:?}");
        assert_eq!(engine.observed().latency_level, level, "{on_drift:?}");
        assert_eq!(status.is(ConditionKind::Drifted), on_drift == OnDrift::Report);

        // An engine that is new has not drifted.
        world.stop_agent().await;
        engine.stop().await;
        let _engine = world.engine(2);
        world.start_agent().await;
        assert_eq!(world.converged().await.drift.found, 0, "{on_drift:?}");
    }
}

#[tokio::test]
async fn a_held_object_is_tried_less_and_less_often() {
    let mut world = World::new();
    let engine = world.engine(1);
    let http = ObjectId::Listener(Listener::Http);
    engine.state.lock().unwrap().held = Some((http, "port 8080 is taken".to_owned()));
    world.start_agent().await;
    let deadline = Instant::now() + Duration::from_secs(20);
    let (mut tries, mut last_try) = (0, Instant::now());
    // It begins with half a second. As long a pause as this is only reached by an agent that doubles it.
    while last_try.elapsed() < Duration::from_millis(1900) || tries == 0 {
        assert!(Instant::now() < deadline, "{tries} tries, and still no longer pause");
        let applies = engine.state.lock().unwrap().applies;
        if applies != tries {
            (tries, last_try) = (applies, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while engine.state.lock().unwrap().applies == tries {
        assert!(Instant::now() < deadline, "it is not tried again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let AgentResponse::History { events } = world.ask(AgentRequest::History).await else { panic!("no history") };
    assert_eq!(events.len(), 1, "trying again is no new generation");
}

#[tokio::test]
async fn a_held_object_is_tried_again_and_holds_back_no_other() {
    let mut world = World::new();
    let engine = world.engine(1);
    let http = ObjectId::Listener(Listener::Http);
    engine.state.lock().unwrap().held = Some((http.clone(), "port 8080 is taken".to_owned()));
    world.start_agent().await;
    let report = world.applied().await;
    assert_eq!(report.verdict, ApplyVerdict::NotConverged);
    assert!(
        report.status.objects.iter().any(|object| object.object == http
            && object.state == ObjectState::Held { reason: "port 8080 is taken".to_owned() })
    );
    assert!(engine.observed().page.is_some());
    engine.state.lock().unwrap().held = None;
    world.converged().await;
}

#[tokio::test]
async fn a_change_that_waits_for_a_segment_is_sent_once_and_waited_for() {
    let mut world = World::new();
    let engine = world.engine(1);
    world.start_agent().await;
    world.converged().await;
    engine.state.lock().unwrap().is_live = true;
    let applies = engine.state.lock().unwrap().applies;
    world.settings.video.variants[0].order = 7;
    world.settings.video.variants.push(nixcast_schema::Variant { order: 8, ..nixcast_schema::Variant::named("720p") });
    world.save();
    world.until(|status| status.reason(ConditionKind::Converged) == Some("Pending")).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    {
        let mut state = engine.state.lock().unwrap();
        assert_eq!(state.applies, applies + 1);
        state.observed.pending.clear();
        state.is_live = false;
    }
    let status = world.converged().await;
    assert_eq!(status.drift.found, 0);
    assert!(engine.observed().ladder.contains_key("720p"));
}

#[tokio::test]
async fn a_handed_in_document_stands_until_the_source_changes() {
    let mut world = World::new();
    let engine = world.engine(1);
    world.start_agent().await;
    world.converged().await;
    let mut other = world.settings.clone();
    "Handed in".clone_into(&mut other.instance.name);
    let AgentResponse::Applied(report) = world.apply(Some(&other)).await else { panic!("refused") };
    assert_eq!(report.verdict, ApplyVerdict::Converged);
    world.applied().await;
    assert_eq!(engine.observed().page.unwrap().name, "Handed in");
    world.stop_agent().await;
    world.start_agent().await;
    world.applied().await;
    assert_eq!(engine.observed().page.unwrap().name, "Handed in");

    "From source".clone_into(&mut world.settings.instance.name);
    world.save();
    world.until(|status| status.observed_generation == 3).await;
    assert_eq!(engine.observed().page.unwrap().name, "From source");
    let AgentResponse::History { events } = world.ask(AgentRequest::History).await else { panic!("no history") };
    assert_eq!(events.len(), 3);
}

#[tokio::test]
async fn a_plan_shows_changes_and_makes_none() {
    let mut world = World::new();
    let engine = world.engine(1);
    world.start_agent().await;
    world.converged().await;
    let before = engine.observed();
    let AgentResponse::Planned(report) = world.ask(AgentRequest::Plan { settings: None }).await else { panic!() };
    assert!(report.changes.is_empty());
    world.settings.rtmp.port = 1936;
    let settings = Some(crate::protocol::HandedIn { text: world.text(), path: None, store_path: None });
    let AgentResponse::Planned(report) = world.ask(AgentRequest::Plan { settings }).await else { panic!() };
    assert_eq!(report.changes[0].fields[0].option, "services.nixcast.rtmp.port");
    assert_eq!(engine.observed(), before);
}

#[tokio::test]
async fn an_apply_without_an_engine_says_so() {
    let mut world = World::new();
    world.start_agent().await;
    assert_eq!(world.applied().await.verdict, ApplyVerdict::EngineUnreachable);
    let response = world.ask(AgentRequest::Plan { settings: None }).await;
    assert!(matches!(response, AgentResponse::EngineUnreachable { .. }));
}

#[tokio::test]
async fn garbage_ends_that_client_only() {
    let mut world = World::new();
    let _engine = world.engine(1);
    world.start_agent().await;
    world.converged().await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"{}\n", b"\xff\xfe\n", b"{\"request\":\"apply\""] {
        let mut stream = UnixStream::connect(world.path("agent.sock")).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&answer).contains("rejected"));
    }
    assert!(matches!(world.ask(AgentRequest::Status).await, AgentResponse::Status(_)));
}
