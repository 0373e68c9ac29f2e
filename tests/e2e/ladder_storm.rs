//! One random change of the ladder after the other, faster than segments come: nobody is cut off, and the last one
//! holds. `make test-slow` makes sixty in two minutes, `make test` a quarter of that.

use std::thread;
use std::time::{Duration, Instant};

use nixcast_schema::{Preset, Settings, Variant};
use nixcast_tests::players::Player;
use nixcast_tests::random::Random;
use nixcast_tests::server::Scene;
use nixcast_tests::wait;

use crate::live::{Live, rung, source};

/// Between two changes.
const PAUSE: Duration = Duration::from_secs(2);
/// Changes, unless the environment says otherwise.
const CHANGES: usize = 15;
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
/// Rungs encoded at once, at most: what two busy cores carry.
const MOST_ENCODED: usize = 3;

#[test]
fn a_storm_of_ladder_changes_is_survived() {
    let changes = std::env::var("NIXCAST_LADDER_CHANGES").ok().and_then(|count| count.parse().ok()).unwrap_or(CHANGES);
    let mut scene = Scene::with_key();
    scene.settings.video.variants = vec![source(), rung("a", 180, 150)];
    let mut live = Live::start(scene);
    live.watcher.expect_longer_segments();
    let menu = format!("http://127.0.0.1:{}/hls/stream.m3u8", live.server.http_port());
    let players = [Player::ffmpeg(&menu), Player::gstreamer(&menu)];
    Player::assert_all_play_on(&players, "its start");

    let mut random = Random::new(17);
    let began = Instant::now();
    let mut made = Vec::new();
    for _ in 0..changes {
        let mut what = String::new();
        live.server.write(|settings| what = change(settings, &mut random));
        made.push(what);
        thread::sleep(PAUSE);
    }
    println!("{changes} changes in {:?}: {}", began.elapsed(), made.join(", "));
    assert_eq!(live.watcher.problems(), Vec::<String>::new(), "after {}", made.join(", "));

    // The last word counts: what is declared is what the menu shows in the end.
    let mut wanted: Vec<&Variant> = live.server.settings.video.variants.iter().filter(|rung| rung.enable).collect();
    wanted.sort_by_key(|rung| (rung.order, rung.name.clone()));
    let wanted: Vec<String> = wanted.into_iter().map(|rung| rung.name.clone()).collect();
    wait::until("the ladder that was declared last", Duration::from_secs(60), || {
        (live.server.broadcast()?.variants == wanted).then_some(())
    });
    live.watcher.wait_segments(2);
    Player::assert_all_play_on(&players, "the storm");
    live.assert_untouched();
    players.into_iter().for_each(Player::finish);
    assert!(!live.server.log().contains("panicked"), "{}", live.server.log());
    live.watcher.finish().assert_decodes();
}

/// Changes one thing, and says what in a few words.
fn change(settings: &mut Settings, random: &mut Random) -> String {
    let variants = &mut settings.video.variants;
    let encoded = |variants: &[Variant]| variants.iter().filter(|rung| rung.enable && !rung.passthrough).count();
    let free = NAMES.into_iter().find(|name| variants.iter().all(|rung| rung.name != *name));
    let pick = random.below(variants.len());
    let draw = random.below(11);
    if let (0 | 1, Some(name), true) = (draw, free, encoded(variants) < MOST_ENCODED) {
        variants.push(Variant { order: 2, ..rung(name, [90, 144, 180][random.below(3)], 100) });
        return format!("add {name}");
    }
    if draw == 2 {
        settings.video.latency_level = 1 - settings.video.latency_level.min(1);
        return format!("level {}", settings.video.latency_level);
    }
    let can_go = variants.iter().filter(|rung| rung.enable).count() > 1;
    let can_come = encoded(variants) < MOST_ENCODED;
    let one = &mut variants[pick];
    let name = one.name.clone();
    match draw {
        3 if can_go => drop(variants.remove(pick)),
        4 if !one.enable && (can_come || one.passthrough) => one.enable = true,
        4 | 5 if one.enable && can_go => one.enable = false,
        6 => one.order = 1 + u16::try_from(random.below(9)).unwrap_or(0),
        7 if !one.passthrough => one.height = Some([90, 144, 180][random.below(3)]),
        8 if !one.passthrough => one.framerate = [None, Some(10), Some(15)][random.below(3)],
        9 if !one.passthrough => one.preset = [Preset::Ultrafast, Preset::Superfast][random.below(2)],
        10 => one.audio_bitrate_kbps = [64, 96, 128][random.below(3)],
        _ if !one.passthrough => one.video_bitrate_kbps = 60 + u32::try_from(random.below(200)).unwrap_or(0),
        _ => one.order = 5,
    }
    format!("{draw} on {name}")
}
