//! An engine that has just been started knows whoever is declared before it answers anybody.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nixcast_schema::{AccessToken, Moderator, Scope};
use nixcast_tests::http::{self, Reply};
use nixcast_tests::process;
use nixcast_tests::server::{self, CONVERGED_WITHIN, Scene};
use nixcast_tests::wait;

use crate::owncast::{RIGHT, declare_admin};

const TOKEN: &str = "the-token-of-the-declared-clock";
const SECRET: &str = "rather-secret-words";

/// Engines that are killed: after each there is one chance to be too early.
const ENGINES: usize = 3;

/// What somebody asks all the time, always with what is right.
type Question = fn(u16) -> std::io::Result<Reply>;

const QUESTIONS: [(&str, Question); 3] = [
    ("token", |port| {
        let bearer = format!("Bearer {TOKEN}");
        http::get_with(port, "/api/integrations/clients", &[("authorization", &bearer)])
    }),
    ("operator", |port| http::get_with(port, "/api/admin/status", &[RIGHT])),
    ("moderator", |port| {
        let login = format!(r#"{{"name":"Marie","secret":"{SECRET}"}}"#);
        http::post(port, "/api/chat/moderators/login", &[], &login)
    }),
];

/// A scene in which all of them are declared, with emoji that make the first settings of an engine long.
fn scene() -> Scene {
    let mut scene = Scene::new();
    declare_admin(&mut scene);
    let file = |name: &str, content: &str| {
        let file = scene.folder().join(name);
        server::replace(&file, content, 0o600);
        file.to_str().unwrap().to_owned()
    };
    let (token_file, secret_file) = (file("clock.token", TOKEN), file("marie.secret", SECRET));
    let emoji = scene.folder().join("emoji");
    fs::create_dir(&emoji).unwrap();
    for number in 0..12 {
        let picture = [b"GIF89a".as_slice(), &vec![number; 500_000]].concat();
        fs::write(emoji.join(format!("e{number}.gif")), picture).unwrap();
    }
    let settings = &mut scene.settings;
    settings.integrations.access_tokens =
        vec![AccessToken { name: "clock".to_owned(), token_file, scopes: vec![Scope::HasAdminAccess] }];
    settings.chat.moderators = vec![Moderator { name: "Marie".to_owned(), secret_file }];
    settings.chat.emoji_folder = Some(emoji.to_str().unwrap().to_owned());
    scene
}

/// Every answer until it is 200.
fn answers_until_good(question: impl Fn() -> std::io::Result<Reply>) -> Vec<Reply> {
    let mut answers = Vec::new();
    let end = Instant::now() + CONVERGED_WITHIN;
    while answers.last().is_none_or(|reply: &Reply| reply.status != 200) {
        assert!(Instant::now() < end, "no good answer: {:?}", answers.last());
        match question() {
            Ok(reply) => answers.push(reply),
            // Nobody listens.
            Err(_error) => thread::sleep(Duration::from_millis(1)),
        }
    }
    answers
}

#[test]
fn whoever_is_declared_is_never_taken_for_a_stranger_by_a_new_engine() {
    let server = scene().start();
    let port = server.http_port();
    for _engine in 0..ENGINES {
        let engine = server.pid_of("engine").unwrap();
        process::kill(engine);
        wait::until("its end", CONVERGED_WITHIN, || (!process::is_alive(engine)).then_some(()));
        let answers = thread::scope(|scope| {
            let asking = QUESTIONS.map(|(who, ask)| (who, scope.spawn(move || answers_until_good(|| ask(port)))));
            asking.map(|(who, asked)| (who, asked.join().unwrap()))
        });
        for (who, replies) in answers {
            for reply in replies {
                // 503 says when to ask again.
                let is_good = reply.status == 200 || (reply.status == 503 && reply.header("retry-after").is_some());
                assert!(is_good, "the {who} was answered {}: {}", reply.status, reply.text());
            }
        }
        wait::until("the new engine to run all that is declared", CONVERGED_WITHIN, || {
            server.is_converged().then_some(())
        });
    }
}
