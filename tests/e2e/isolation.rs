//! A worker that is killed, hangs, is slow, eats memory or talks nonsense is replaced, and pass-through rungs never
//! pause; a rung that kills it is left out; damaged media ends no broadcast.

mod damage;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nixcast_schema::Variant;
use nixcast_tests::clip::Clip;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::Scene;
use nixcast_tests::{playlist, process, wait};
use rustix::process::Signal;

use crate::live::{Live, playlist_of, rung, source, source_and_low};

/// Two segments of one second are the promise; a busy machine also has to start a program.
const REPLACED_WITHIN: Duration = Duration::from_secs(20);

/// Deaths in a row with their pauses, and trials of fifteen seconds each.
const FOUND_WITHIN: Duration = Duration::from_secs(120);

fn three_rungs() -> Vec<Variant> {
    let mid = Variant { order: 2, ..rung("mid", 180, 300) };
    vec![source(), mid, Variant { order: 3, ..rung("low", 144, 150) }]
}

/// A scene whose workers fail as the file says, once there is one.
fn scene(variants: Vec<Variant>) -> (Scene, PathBuf) {
    let mut scene = Scene::with_key();
    scene.settings.video.variants = variants;
    let file = scene.folder().join("fault");
    scene.environment.push(("NIXCAST_WORKER_FAULT".to_owned(), file.clone().into()));
    (scene, file)
}

fn worker(live: &Live) -> Option<u32> {
    live.server.broadcast()?.worker_pid
}

#[track_caller]
fn another_worker(live: &Live, than: u32, why: &str) -> u32 {
    wait::until(&format!("another worker: {why}"), REPLACED_WITHIN, || worker(live).filter(|pid| *pid != than))
}

#[track_caller]
fn wait_condition(live: &Live, kind: &str, words: &str) -> String {
    wait::until(&format!("{kind}: {words}"), FOUND_WITHIN, || {
        let conditions = live.server.observe().conditions;
        conditions.into_iter().find(|one| one.kind == kind && one.message.contains(words)).map(|one| one.message)
    })
}

/// The publisher was not disconnected, and what it sent is there as if nothing had happened: every segment, and time
/// goes on from each packet to the next.
#[track_caller]
fn assert_source_never_paused(live: Live) {
    live.assert_untouched();
    let story = live.watcher.finish();
    story.assert_decodes();
    let mut expected: Option<(u64, f64)> = None;
    let segments = story.packets(&playlist_of("source"));
    assert!(segments.len() > 5, "{} segments", segments.len());
    for (msn, packets) in segments {
        for packet in packets {
            if let Some((last, end)) = expected {
                assert!(msn <= last + 1, "segment {msn} follows {last}");
                assert!((packet.dts - end).abs() < 0.008, "{msn}: {:.3} follows {end:.3}", packet.dts);
            }
            expected = Some((msn, packet.dts + packet.duration));
        }
    }
}

/// The rung's playlist grows by its own segments.
#[track_caller]
fn wait_own_pictures(live: &Live, name: &str) {
    let own = |name: &str| {
        let list = playlist::media(live.server.http_port(), &playlist_of(name)).ok()?;
        let last = list.segments.last()?;
        (!last.uri.starts_with("../") && !last.uri.starts_with("gap-"))
            .then(|| list.media_sequence + list.segments.len() as u64)
    };
    let first = wait::until(&format!("{name}'s own pictures"), REPLACED_WITHIN, || own(name));
    wait::until(&format!("more of {name}'s own pictures"), REPLACED_WITHIN, || {
        own(name).filter(|msn| *msn > first + 1)
    });
}

#[test]
fn a_worker_that_fails_in_any_way_is_replaced_and_the_publishers_picture_never_pauses() {
    let (scene, fault) = scene(source_and_low());
    let mut live = Live::start(scene);
    live.watcher.wait_segments(2);
    let ways = ["killed", "stopped", "hang", "spin", "nonsense", "timeless", "rateless", "allocate"];
    for (how, kbps) in ways.into_iter().zip(151..) {
        let mut old = worker(&live).expect("a rung is encoded");
        let began = match how {
            "killed" => {
                process::kill(old);
                Instant::now()
            }
            "stopped" => {
                process::send(old, Signal::STOP);
                Instant::now()
            }
            fault_of_its_own => {
                fs::write(&fault, format!("once {fault_of_its_own}")).unwrap();
                process::kill(old);
                old = another_worker(&live, old, "the one that is to fail");
                wait::until("the fault to be taken up", REPLACED_WITHIN, || (!fault.exists()).then_some(()));
                // It works for one and a half seconds.
                Instant::now() + Duration::from_millis(1500)
            }
        };
        another_worker(&live, old, how);
        println!("{how}: replaced after {:?}", began.elapsed());
        wait::until(&format!("the end of the worker that was {how}"), REPLACED_WITHIN, || {
            (!process::is_alive(old)).then_some(())
        });
        wait_own_pictures(&live, "low");
        // Another bitrate is another chance: what happened so far is not held against the rung.
        live.server.change(|s| s.video.variants[1].video_bitrate_kbps = kbps);
    }
    let log = live.server.log();
    for reason in
        ["gives nothing back", "nonsense", "of no time that could be", "of no rate that could be", "SIGABRT", "SIGKILL"]
    {
        assert!(log.contains(reason), "the log does not say: {reason}");
    }
    live.watcher.wait_segments(2);
    assert_source_never_paused(live);
}

#[test]
fn a_slow_worker_holds_up_nobody() {
    let (scene, fault) = scene(source_and_low());
    let live = Live::start(scene);
    fs::write(&fault, "slow").unwrap();
    let old = worker(&live).unwrap();
    process::kill(old);
    another_worker(&live, old, "the slow one");
    // Pictures are dropped, and in the end the rung goes: the machine has no time for it.
    let overloaded = wait_condition(&live, "Overloaded", "low");
    println!("{overloaded}");
    live.watcher.wait_segments(3);
    assert_source_never_paused(live);
}

/// What a machine has no time for with one picture, it may have with the next.
#[test]
fn a_rung_that_was_left_out_is_tried_again_when_its_publisher_comes_back_with_another_picture() {
    let (scene, fault) = scene(source_and_low());
    let live = Live::start(scene);
    fs::write(&fault, "slow").unwrap();
    let old = worker(&live).unwrap();
    process::kill(old);
    another_worker(&live, old, "the slow one");
    wait_condition(&live, "Overloaded", "low left out");
    fs::remove_file(&fault).unwrap();
    live.publisher.kill();
    live.server.wait_reconnecting();
    let smaller = Clip { width: 480, height: 272, ..Clip::SMALL };
    let _publisher = Publisher::copy(&live.server.target("main"), &smaller);
    wait_own_pictures(&live, "low");
    wait::until("the all-clear", REPLACED_WITHIN, || {
        live.server.observe().conditions.iter().all(|one| one.kind != "Overloaded").then_some(())
    });
}

#[test]
fn a_rung_that_kills_the_worker_is_left_out_until_its_settings_change() {
    let (scene, fault) = scene(three_rungs());
    let mut live = Live::start(scene);
    live.watcher.wait_segments(2);
    fs::write(&fault, "die low").unwrap();
    process::kill(worker(&live).unwrap());
    let message = wait_condition(&live, "RungDegraded", "low");
    println!("{message}");
    assert!(!message.contains("mid"), "{message}");
    wait_own_pictures(&live, "mid");
    wait::until("a menu without it", FOUND_WITHIN, || {
        (live.server.broadcast()?.variants == ["source", "mid"]).then_some(())
    });
    assert!(live.server.status().to_string().contains("RungDegraded"), "status says so");
    // Players in it are fed on.
    live.watcher.wait_segments(3);

    fs::remove_file(&fault).unwrap();
    live.server.change(|s| s.video.variants[2].video_bitrate_kbps = 160);
    wait_own_pictures(&live, "low");
    assert!(live.server.observe().conditions.iter().all(|condition| condition.kind != "RungDegraded"));
    assert_source_never_paused(live);
}

#[test]
fn when_every_rung_kills_the_worker_the_publishers_picture_goes_on_alone() {
    let (scene, fault) = scene(three_rungs());
    let live = Live::start(scene);
    fs::write(&fault, "die any").unwrap();
    process::kill(worker(&live).unwrap());
    wait_condition(&live, "RungDegraded", "mid");
    wait_condition(&live, "RungDegraded", "low");
    wait::until("a menu of the source alone", FOUND_WITHIN, || {
        (live.server.broadcast()?.variants == ["source"]).then_some(())
    });
    live.watcher.wait_segments(3);
    assert_source_never_paused(live);
}

#[test]
fn without_another_rung_the_worker_is_started_until_it_lives() {
    let (scene, fault) = scene(vec![rung("low", 144, 150)]);
    let live = Live::start(scene);
    fs::write(&fault, "die any").unwrap();
    process::kill(worker(&live).unwrap());
    wait_condition(&live, "WorkerUnstable", "again and again");
    assert!(live.server.broadcast().is_some(), "the broadcast goes on");
    fs::remove_file(&fault).unwrap();
    wait_own_pictures(&live, "low");
    live.assert_untouched();
}

/// Starts a program for whom one system call of x86-64 does not exist, as on a kernel without it: seccomp(2), the number
/// of the call at the beginning of `seccomp_data`, `SECCOMP_RET_ERRNO` with `ENOSYS`.
#[cfg(target_arch = "x86_64")]
const WITHOUT_CALL: &str = "
import ctypes, os, struct, sys
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, RETURN, ERRNO_ENOSYS, ALLOW = 0x20, 0x15, 0x06, 0x50026, 0x7fff0000
steps = [(LOAD, 0, 0, 0), (EQUAL, 0, 1, int(sys.argv[1])), (RETURN, 0, 0, ERRNO_ENOSYS), (RETURN, 0, 0, ALLOW)]
code = ctypes.create_string_buffer(b''.join(struct.pack('=HBBI', *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack('@HP', len(steps), ctypes.addressof(code)))
prctl = ctypes.CDLL(None).prctl
if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program): sys.exit('no filter')
os.execvp(sys.argv[2], sys.argv[2:])
";

/// What is said of the worker's sandbox, of a server to whom the system call `number` is missing.
#[cfg(target_arch = "x86_64")]
fn told_without_call(number: i64) -> Option<String> {
    let (mut scene, _) = scene(vec![source(), rung("low", 144, 150)]);
    scene.place = ["python3", "-c", WITHOUT_CALL, &number.to_string()].map(Into::into).to_vec();
    let live = Live::start(scene);
    wait_own_pictures(&live, "low");
    let conditions = live.server.observe().conditions;
    let told = conditions.into_iter().find(|one| one.kind == "WorkerSandboxWeak").map(|one| one.message);
    let shown = String::from_utf8_lossy(&live.server.command(&["status"]).stdout).into_owned();
    assert_eq!(shown.contains("not fully locked in"), told.is_some(), "{shown}");
    assert!(live.server.is_converged(), "what a machine lacks is no difference from the settings");
    live.assert_untouched();
    told
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_machine_without_a_part_of_the_sandbox_encodes_and_status_says_what_is_missing() {
    // Of afs_syscall(2), which no kernel has: whoever takes that away takes nothing.
    assert_eq!(told_without_call(183), None, "this machine has the whole sandbox");
    for (number, layer) in [(444, "Landlock"), (317, "the system call filter")] {
        let told = told_without_call(number).unwrap_or_default();
        println!("{told}");
        assert!(told.starts_with(&format!("the transcoder worker is not fully locked in: {layer}: ")), "{told}");
        assert!(!told.contains(';'), "one layer is missing: {told}");
    }
}

/// The seconds of CPU time that a process may use in all.
fn cpu_limit(pid: u32) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    limits.lines().find(|line| line.starts_with("Max cpu time"))?.split_whitespace().nth(3)?.parse().ok()
}

#[test]
fn a_worker_that_works_is_given_more_cpu_time_before_it_runs_out() {
    let (scene, _) = scene(vec![source(), rung("low", 360, 400)]);
    let live = Live::start(scene);
    let pid = worker(&live).unwrap();
    let first = cpu_limit(pid).expect("a worker's CPU time is bounded");
    let second = || cpu_limit(pid).filter(|limit| *limit >= first + 2);
    wait::until("more CPU time for the worker", Duration::from_secs(60), second);
    assert_eq!(worker(&live), Some(pid));
}
