//! `nixcast history` and `nixcast diff`, as an operator meets them.

use nixcast_schema::Variant;
use nixcast_tests::server::Scene;

use super::machine::Machine;

#[test]
fn history_tells_what_was_accepted_refused_and_went_back() {
    let mut machine = Machine::converged(Scene::with_key());
    let first = machine.scene.settings.clone();
    machine.scene.settings.instance.name = "Second".to_owned();
    machine.write(&machine.scene.settings);
    machine.told(0, &["apply"]);
    let mut bad = machine.scene.settings.clone();
    bad.http.port = 0;
    bad.rtmp.port = 0;
    let file = machine.path("bad.json");
    std::fs::write(&file, serde_json::to_string(&bad).unwrap()).unwrap();
    machine.told(1, &["apply", "--settings", file.to_str().unwrap()]);
    machine.write(&first);
    machine.told(0, &["apply"]);

    let events = machine.json(0, &["history"]);
    assert_eq!(machine.story(), ["1 converged", "2 converged", "refused", "3 converged"]);
    assert_eq!((&events[3]["sameAs"], &events[1]["sameAs"]), (&1.into(), &serde_json::Value::Null));
    assert_eq!(events[3]["digest"], events[0]["digest"]);
    let refused = &events[2];
    assert_eq!((&refused["problems"], &refused["keptGeneration"]), (&3.into(), &2.into()));
    assert_eq!(refused["firstProblem"]["option"], "services.nixcast.http.port");
    assert_eq!(refused["path"], file.to_str().unwrap());
    let shown = machine.told(0, &["history"]);
    assert!(shown.contains("refused: the settings have 3 problems"), "{shown}");
    assert!(shown.contains("! services.nixcast.http.port: ") && shown.contains("(and 2 more)"), "{shown}");
    assert!(shown.contains("back to generation 1, converged"), "{shown}");

    // It survives the agent, and the agent's next start adds nothing.
    machine.stop_agent();
    machine.start_agent(&[]);
    machine.wait_converged();
    assert_eq!(machine.json(0, &["history"]), events);
}

#[test]
fn diff_shows_options_with_their_effect_and_says_so_by_its_exit_code() {
    let mut machine = Machine::converged(Scene::with_key());
    let settings = &mut machine.scene.settings;
    settings.video.variants.push(Variant { height: Some(144), order: 7, ..Variant::named("low") });
    settings.reconcile.interval_seconds = 60;
    settings.stream_keys[0].comment = "OBS, hall B".to_owned();
    machine.write(&machine.scene.settings);
    machine.told(0, &["apply"]);
    let file = machine.path("third.json");
    machine.scene.settings.reconcile.interval_seconds = 61;
    std::fs::write(&file, serde_json::to_string(&machine.scene.settings).unwrap()).unwrap();
    let file = file.to_str().unwrap();

    let shown = machine.told(2, &["diff", "1", "2"]);
    for line in [
        "+ services.nixcast.video.variants.low  enable = true, passthrough = false, height = 144",
        "~ services.nixcast.reconcile.intervalSeconds  5 → 60  (live)",
        "~ services.nixcast.streamKeys.main.comment  \"\" → \"OBS, hall B\"  (session)",
        "1 added, 2 changed.",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
    assert!(shown.starts_with("generation 1 ("), "{shown}");
    assert_eq!(machine.told(2, &["diff", "1"]), shown, "the newest is what is compared with");
    assert!(machine.told(2, &["diff", "2", "1"]).contains("- services.nixcast.video.variants.low"));
    assert!(machine.told(0, &["diff", "2"]).contains("Nothing differs."));
    assert!(machine.told(2, &["diff", "newest", file]).contains("intervalSeconds  60 → 61"));
    let json = machine.json(2, &["diff", file, "2"]);
    assert_eq!(json["differences"][0]["option"], "services.nixcast.reconcile.intervalSeconds");
    assert_eq!((&json["differences"][0]["effect"], &json["after"]["generation"]), (&"live".into(), &2.into()));

    assert!(machine.told(1, &["diff", "9", "2"]).contains("generation 9 is not kept"));
    machine.told(1, &["diff", "/nonexistent/settings.json", "2"]);
    let bad = machine.path("bad.json");
    std::fs::write(&bad, "{").unwrap();
    assert!(machine.told(1, &["diff", "2", bad.to_str().unwrap()]).contains("Refused"));
    // Files alone need no agent, generations do.
    machine.stop_agent();
    machine.told(0, &["diff", file, file]);
    machine.told(3, &["diff", "1", file]);
}
