//! The sandbox from inside: this program starts itself again, enters it, and tries what is forbidden.
//!
//! Each thing is tried twice, outside and inside, by the same code: outside it has to work, so that a refusal inside is
//! the sandbox's. `cargo test -p nixcast-media --features worker --test sandbox` runs all, and a word those whose name
//! has it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, unsafe_code)]
#![allow(clippy::cast_sign_loss, clippy::cast_possible_wrap)]

mod attempts;
mod damage;
mod room;

#[path = "../worker/engine.rs"]
#[allow(dead_code, reason = "shared with the tests of the worker")]
mod engine;
#[path = "../worker/source.rs"]
#[allow(dead_code, reason = "shared with the tests of the worker")]
mod source;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};

use attempts::{ATTEMPTS, Attempt, Refusal};
use nixcast_media::sandbox::{self, Profile};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["inside", name] => inside(name),
        ["outside", name] => report(attempt(name)),
        ["room", task] => room::work(task),
        _ => check(words.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str)),
    }
}

fn attempt(name: &str) -> &'static Attempt {
    ATTEMPTS.iter().find(|attempt| attempt.name == name).unwrap()
}

fn inside(name: &str) -> ExitCode {
    sandbox::close_inherited().unwrap();
    let attempt = attempt(name);
    if let Some(prepare) = attempt.prepare {
        prepare();
    }
    let cell = sandbox::enter(Profile::Software).unwrap();
    for (layer, reason) in &cell.missing {
        eprintln!("without {layer}: {reason}");
    }
    report(attempt)
}

/// 0: it worked; 1: it was refused.
fn report(attempt: &Attempt) -> ExitCode {
    match (attempt.run)() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the tests whose name contains `filter`.
fn check(filter: &str) -> ExitCode {
    let attempts = ATTEMPTS.iter().map(|attempt| (attempt.name, Box::new(|| check_attempt(attempt)) as Box<dyn Fn()>));
    let rooms = room::TESTS.iter().map(|(name, test)| (*name, Box::new(test) as Box<dyn Fn()>));
    let mut failed = Vec::new();
    for (name, test) in attempts.chain(rooms).filter(|(name, _)| name.contains(filter)) {
        let is_good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if is_good { "ok" } else { "FAILED" });
        failed.extend((!is_good).then_some(name));
    }
    println!("sandbox: {} failed {failed:?}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn again(words: &[&str]) -> std::process::Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(words).stdin(Stdio::null()).output().unwrap()
}

fn check_attempt(attempt: &Attempt) {
    let outside = again(&["outside", attempt.name]);
    assert!(outside.status.success(), "{}, outside: {outside:?}", attempt.name);
    let inside = again(&["inside", attempt.name]);
    let said = String::from_utf8_lossy(&inside.stderr);
    assert!(!said.contains("without"), "this kernel cannot show it: {said}");
    match attempt.refusal {
        Refusal::Error => assert_eq!(inside.status.code(), Some(1), "{}, inside: {inside:?}", attempt.name),
        Refusal::Death => {
            assert_eq!(inside.status.signal(), Some(libc::SIGSYS), "{}, inside: {inside:?}", attempt.name);
        }
        Refusal::Abort => {
            let signal = inside.status.signal();
            assert_eq!(signal, Some(libc::SIGABRT), "{}, inside: {inside:?}", attempt.name);
        }
    }
}
