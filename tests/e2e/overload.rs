//! A ladder that the machine cannot encode in real time loses rungs, says so, and gets them back.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use nixcast_core::control::Condition;
use nixcast_schema::{Overload, Preset, Variant};
use nixcast_tests::clip::Clip;
use nixcast_tests::process::Process;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{Nixcast, Scene};
use nixcast_tests::{playlist, wait};

use crate::live::playlist_of;

/// Longest until rungs are left out: seconds by themselves, on a machine that has no time for anything.
const SHED_WITHIN: Duration = Duration::from_secs(90);

/// Longest until one that was left out is back: the shortest pause, a grid point, and tests that run beside.
const RESTORED_WITHIN: Duration = Duration::from_secs(240);

/// How far what is served may lag behind what is sent: the queues before and in the worker, and a segment.
const MOST_LAG: f64 = 20.0;

fn rung(height: u16, preset: Preset) -> Variant {
    Variant {
        height: Some(height),
        video_bitrate_kbps: u32::from(height) * 4,
        preset,
        order: height.min(1000),
        ..Variant::named(&format!("{height}p"))
    }
}

fn overloaded(server: &Nixcast) -> Option<Condition> {
    server.observe().conditions.into_iter().find(|condition| condition.kind == "Overloaded")
}

/// Names of the rungs that players are offered.
fn offered(server: &Nixcast) -> BTreeSet<String> {
    let menu = playlist::multivariant(server.http_port()).map(|menu| menu.variants).unwrap_or_default();
    menu.iter().filter_map(|variant| variant.uri.split('/').rev().nth(1).map(str::to_owned)).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[track_caller]
fn wait_offered(server: &Nixcast, want: &[&str], limit: Duration) {
    let want = names(want);
    if wait::within(limit, || (offered(server) == want).then_some(())).is_none() {
        panic!("offered: {:?} instead of {want:?}; {:?}", offered(server), server.observe().conditions);
    }
}

/// When the newest of what is listed was sent, seconds since 1970: segments on a busy machine are not all as long as
/// declared, so their number says nothing.
fn listed_until(server: &Nixcast, rung: &str) -> Option<f64> {
    let list = playlist::media(server.http_port(), &playlist_of(rung)).ok()?;
    let newest = list.segments.last()?;
    let began_ms = newest.program_date_time?.timestamp_millis();
    Some(began_ms as f64 / 1000.0 + f64::from(newest.duration))
}

/// How much older than what the publisher sends now the newest of what is listed is, seconds. A publisher that has too
/// little of the machine to send in time is no fault of the server's.
fn lag(server: &Nixcast, rung: &str) -> Option<f64> {
    let listed = listed_until(server, rung)?;
    let late = server.broadcast()?.source.behind_ms as f64 / 1000.0;
    Some(Timestamp::now().as_millisecond() as f64 / 1000.0 - late - listed)
}

#[test]
fn a_ladder_that_is_too_much_sheds_by_policy_and_a_lighter_one_begins_anew() {
    let mut scene = Scene::with_key();
    scene.settings.video.stills = false;
    // Some ten cores' worth, and a rung that is next to nothing.
    scene.settings.video.variants =
        vec![rung(1080, Preset::Slow), rung(720, Preset::Slow), rung(144, Preset::Ultrafast)];
    let mut server = scene.start();
    let publisher = Publisher::copy(&server.target("main"), &Clip::FULL_HD);
    let told = wait::until("an overload to be told", SHED_WITHIN, || {
        overloaded(&server).filter(|condition| condition.message.contains("left out"))
    });
    assert!(told.message.contains("of real time; 1080p"), "{}", told.message);
    let status = String::from_utf8_lossy(&server.command(&["status"]).stdout).into_owned();
    assert!(status.contains("of real time"), "the operator is told:\n{status}");
    wait::until("the highest rung to be gone", SHED_WITHIN, || {
        let offered = offered(&server);
        (offered.contains("144p") && !offered.contains("1080p")).then_some(())
    });
    wait::until("a worker for the rest", SHED_WITHIN, || server.broadcast()?.worker_pid);

    // The others go on, and not later and later.
    let before = listed_until(&server, "144p").unwrap();
    wait::until("the lowest rung to go on", SHED_WITHIN, || {
        listed_until(&server, "144p").filter(|now| *now >= before + 10.0)
    });
    let lag = lag(&server, "144p").unwrap();
    println!("what is listed lags {lag:.1} s behind what is sent");
    assert!(lag < MOST_LAG, "what is listed lags {lag:.1} s behind what is sent");

    // The other policy keeps the highest, whatever becomes of it.
    server.change(|settings| settings.video.when_overloaded = Overload::DropLowest);
    wait::until("the lowest rung to be gone", RESTORED_WITHIN, || {
        let offered = offered(&server);
        (offered.contains("1080p") && !offered.contains("144p")).then_some(())
    });

    server.change(|settings| {
        settings.video.variants = vec![rung(240, Preset::Ultrafast), rung(144, Preset::Ultrafast)];
    });
    // Where others take the machine's time, even these may have to be left out for a while at first.
    wait_offered(&server, &["144p", "240p"], RESTORED_WITHIN);
    wait::until("nothing to be left out", RESTORED_WITHIN, || overloaded(&server).is_none().then_some(()));
    assert!(publisher.is_running(), "{}", publisher.log());
    server.assert_no_key_is_kept();
}

#[test]
fn rungs_come_back_when_the_machine_has_time_again() {
    let mut scene = Scene::with_key();
    scene.settings.video.stills = false;
    scene.settings.video.variants =
        vec![Variant { passthrough: true, ..Variant::named("source") }, rung(720, Preset::Superfast)];
    let server = scene.start();
    let publisher = Publisher::copy(&server.target("main"), &Clip::FULL_HD);
    server.wait_live();
    wait_offered(&server, &["720p", "source"], RESTORED_WITHIN);

    let folder = tempfile::tempdir().unwrap();
    let hogs: Vec<Process> = (0..32)
        .map(|number| {
            let mut hog = Command::new("sh");
            hog.args(["-c", "while :; do :; done"]);
            Process::spawn("a hog", &mut hog, &folder.path().join(number.to_string()))
        })
        .collect();
    wait_offered(&server, &["source"], SHED_WITHIN * 2);
    assert!(overloaded(&server).unwrap().message.contains("720p left out"));
    drop(hogs);
    wait_offered(&server, &["720p", "source"], RESTORED_WITHIN * 2);
    wait::until("the all-clear", SHED_WITHIN, || overloaded(&server).is_none().then_some(()));
    assert!(publisher.is_running(), "{}", publisher.log());
}
