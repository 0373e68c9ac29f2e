//! Every change of the ladder while it is watched: the rungs it does not concern keep every timestamp, and players
//! that know nothing of us go on, those in the rung that changes included.

use nixcast_schema::{Encoder, Preset, Settings, Variant};
use nixcast_tests::players::Player;
use nixcast_tests::server::Scene;
use nixcast_tests::watcher::Story;

use crate::live::{Live, playlist_of, rung, source};

type Change = (&'static str, fn(&mut Settings));

/// The rung of this name.
fn of<'a>(settings: &'a mut Settings, name: &str) -> &'a mut Variant {
    settings.video.variants.iter_mut().find(|rung| rung.name == name).unwrap()
}

fn scene() -> Scene {
    let mut scene = Scene::with_key();
    scene.settings.video.variants =
        vec![source(), Variant { order: 2, ..rung("mid", 270, 400) }, Variant { order: 3, ..rung("low", 180, 150) }];
    scene
}

/// Players of the whole menu, and one in the rung that is about to change.
fn players(live: &Live) -> Vec<Player> {
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", live.server.http_port());
    let menu = url("/hls/stream.m3u8");
    let low = url(&playlist_of("low"));
    vec![Player::ffmpeg(&menu), Player::ffmpeg(&low), Player::gstreamer(&low), Player::vlc(&low)]
}

/// Makes one change after the other, each once everybody has taken in the one before.
fn make(live: &mut Live, players: &[Player], changes: &[Change]) {
    for (what, change) in changes {
        live.server.change(change);
        live.watcher.wait_segments(2);
        live.assert_untouched();
        Player::assert_all_play_on(players, what);
    }
}

/// One init section from beginning to end, and the very timestamps of the publisher's pictures.
fn assert_never_touched(story: &Story, rung: &str) {
    let path = playlist_of(rung);
    let mut inits: Vec<&str> = story.rung(rung).segments.values().map(|segment| segment.init.as_str()).collect();
    inits.dedup();
    assert_eq!(inits.len(), 1, "{rung} was given another encoder: {inits:?}");
    // As ffprobe prints them, to the microsecond.
    let times = |path: &str| -> Vec<f64> {
        let packets = story.packets(path).into_values().flatten();
        let mut times: Vec<f64> = packets.map(|packet| packet.pts).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let (own, source) = (times(&path), times(&playlist_of("source")));
    let (first, last) = (own[0].max(source[0]), own[own.len() - 1].min(source[source.len() - 1]));
    let within =
        |times: Vec<f64>| -> Vec<f64> { times.into_iter().filter(|time| (first..=last).contains(time)).collect() };
    let (own, source) = (within(own), within(source));
    assert!(own.len() > 300, "only {} pictures of {rung} to compare", own.len());
    assert!(own == source, "the pictures of {rung} have other timestamps than the publisher's");
}

#[test]
fn a_ladder_changes_in_every_way_around_rungs_that_do_not_notice() {
    let mut live = Live::start(scene());
    let players = players(&live);
    Player::assert_all_play_on(&players, "its start");
    make(
        &mut live,
        &players,
        &[
            ("a rung was added", |s| s.video.variants.push(Variant { order: 4, ..rung("extra", 144, 100) })),
            ("a rung was renamed", |s| of(s, "extra").name = "other".to_owned()),
            ("rungs were put in another order", |s| of(s, "other").order = 0),
            ("a bitrate changed", |s| of(s, "low").video_bitrate_kbps = 250),
            ("a size changed", |s| of(s, "low").height = Some(144)),
            ("a frame rate changed", |s| of(s, "low").framerate = Some(15)),
            ("a preset changed", |s| of(s, "low").preset = Preset::Ultrafast),
            ("the bitrate of the sound changed", |s| of(s, "low").audio_bitrate_kbps = 64),
            ("a rung was disabled", |s| of(s, "low").enable = false),
            ("a rung was enabled", |s| of(s, "low").enable = true),
            ("an encoder was asked for that is not there", |s| s.video.encoder = Encoder::V4l2m2m),
            ("the encoder was x264 again", |s| s.video.encoder = Encoder::X264),
            ("a rung was removed", |s| s.video.variants.retain(|rung| rung.name != "other")),
        ],
    );
    players.into_iter().for_each(Player::finish);
    let story = live.finish();
    assert_never_touched(&story, "mid");
}

#[test]
fn pass_through_and_the_latency_level_change_and_players_play_on() {
    let mut live = Live::start(scene());
    let players = players(&live);
    Player::assert_all_play_on(&players, "its start");
    live.watcher.expect_longer_segments();
    make(
        &mut live,
        &players,
        &[
            ("pass-through was turned off", |s| of(s, "source").enable = false),
            ("pass-through was turned on", |s| of(s, "source").enable = true),
            ("the latency level rose", |s| s.video.latency_level = 2),
            ("the latency level fell", |s| s.video.latency_level = 0),
        ],
    );
    players.into_iter().for_each(Player::finish);
    live.watcher.wait_segments(2);
    live.assert_untouched();
    // A rung that comes back as the publisher's own begins with a picture its playlist was fed with already.
    live.watcher.finish().assert_decodes();
}
