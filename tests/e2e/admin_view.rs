//! The operator's page: who gets in, how, for how long, and what it can read. Nothing can be changed by it.

use std::path::Path;

use nixcast_schema::Network;
use nixcast_tests::clip::Clip;
use nixcast_tests::http::{self, Reply};
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{self, CONVERGED_WITHIN, Nixcast, Scene};
use nixcast_tests::wait;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse";

fn put_password(folder: &Path, password: &str) -> Option<String> {
    let file = folder.join("admin.password");
    server::replace(&file, &format!("{password}\n"), 0o600);
    Some(file.to_str().unwrap().to_owned())
}

fn start() -> Nixcast {
    let mut scene = Scene::with_key();
    scene.settings.admin.password_file = put_password(scene.folder(), PASSWORD);
    scene.start()
}

/// A browser's part: cookies, the token of the page, and what it says of where a request comes from.
#[derive(Clone, Default)]
struct Browser {
    cookies: Vec<(String, String)>,
    token: String,
    /// Sent with each request.
    headers: Vec<(&'static str, String)>,
}

impl Browser {
    /// Opens the page.
    #[track_caller]
    fn open(server: &Nixcast, headers: &[(&'static str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mut browser = Self { headers, ..Self::default() };
        assert_eq!(browser.session(server)["state"], "out");
        browser
    }

    fn sent(&self) -> Vec<(&'static str, String)> {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut sent = self.headers.clone();
        sent.push(("cookie", cookies.join("; ")));
        sent.push(("x-nixcast-token", self.token.clone()));
        sent
    }

    fn get(&self, server: &Nixcast, path: &str) -> Reply {
        let sent = self.sent();
        let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
        http::get_with(server.http_port(), path, &sent).unwrap()
    }

    fn post(&mut self, server: &Nixcast, path: &str, body: &Value) -> Reply {
        let sent = self.sent();
        let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let reply = http::post(server.http_port(), path, &sent, &body.to_string()).unwrap();
        self.take(&reply);
        reply
    }

    fn session(&mut self, server: &Nixcast) -> Value {
        let reply = self.get(server, "/admin/session");
        assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")));
        self.take(&reply);
        serde_json::from_slice(&reply.body).unwrap()
    }

    fn log_in(&mut self, server: &Nixcast, password: &str) -> Reply {
        self.post(server, "/admin/login", &json!({ "name": "admin", "password": password }))
    }

    /// Keeps what a browser and its page would keep.
    fn take(&mut self, reply: &Reply) {
        for cookie in set_cookies(reply) {
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.retain(|(held, _)| held != name);
            if !rest.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if let Some(token) = said["token"].as_str() {
            token.clone_into(&mut self.token);
        }
    }
}

fn set_cookies(reply: &Reply) -> impl Iterator<Item = &str> {
    reply.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str())
}

#[test]
fn the_operator_logs_in_reads_and_logs_out() {
    let server = start();
    let shell = server.get("/admin");
    assert_eq!(shell.status, 200);
    let policy = shell.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");

    let mut browser = Browser::open(&server, &[("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "empty")]);
    let refused = browser.get(&server, "/api/admin/view");
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, None), "the page has a form of its own");
    let wrong = browser.log_in(&server, "wrong horse");
    assert_eq!((wrong.status, wrong.header("www-authenticate")), (401, None));

    let right = browser.log_in(&server, PASSWORD);
    assert_eq!(right.status, 200, "{}", right.text());
    let said: Value = serde_json::from_slice(&right.body).unwrap();
    assert_eq!((&said["state"], &said["user"]), (&json!("in"), &json!("admin")));
    let session = set_cookies(&right).find(|cookie| cookie.starts_with("nixcast_admin=")).unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(session.split("; ").any(|part| part == attribute), "{attribute} in {session}");
    }
    assert!(!session.contains("Secure"), "a browser would not send it back without TLS: {session}");
    assert_eq!(browser.session(&server)["state"], "in");

    for path in ["view", "settings", "status", "logs", "hardwarestats", "viewersOverTime"] {
        let reply = browser.get(&server, &format!("/api/admin/{path}"));
        assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{path}");
    }
    // It is good for reading alone.
    assert_eq!(browser.post(&server, "/api/admin/config/name", &json!({ "value": "x" })).status, 401);

    let held = browser.clone();
    assert_eq!(browser.post(&server, "/admin/logout", &json!({})).status, 204);
    assert!(browser.cookies.iter().all(|(name, _)| name != "nixcast_admin"), "{:?}", browser.cookies);
    assert_eq!(held.get(&server, "/api/admin/view").status, 401, "a cookie that somebody kept opens nothing");
}

#[test]
fn a_session_ends_with_the_password_that_opened_it() {
    let mut server = start();
    let mut browser = Browser::open(&server, &[]);
    assert_eq!(browser.log_in(&server, PASSWORD).status, 200);
    assert_eq!(browser.get(&server, "/api/admin/view").status, 200);
    put_password(server.folder(), "battery staple");
    wait::until("the session to end", CONVERGED_WITHIN, || {
        (browser.get(&server, "/api/admin/view").status == 401).then_some(())
    });
    let mut browser = Browser::open(&server, &[]);
    assert_eq!(browser.log_in(&server, PASSWORD).status, 401);
    assert_eq!(browser.log_in(&server, "battery staple").status, 200);

    server.change(|settings| settings.admin.password_file = None);
    assert_eq!(browser.get(&server, "/api/admin/view").status, 403);
    assert_eq!(browser.session(&server)["state"], "nobody");
    for secret in [PASSWORD, "battery staple", "argon2id"] {
        assert!(!server.log().contains(secret), "{secret} stands in the log");
    }
}

#[test]
fn no_other_site_logs_somebody_in_or_out() {
    let server = start();
    let page = Browser::open(&server, &[]);
    let port = server.http_port();
    let here = format!("http://127.0.0.1:{port}");
    let attempt = |headers: &[(&'static str, &str)], token: Option<&str>| {
        let mut browser = page.clone();
        browser.headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        if let Some(token) = token {
            token.clone_into(&mut browser.token);
        }
        browser.log_in(&server, PASSWORD).status
    };
    assert_eq!(attempt(&[("sec-fetch-site", "cross-site")], None), 403);
    assert_eq!(attempt(&[("sec-fetch-site", "same-site"), ("origin", &here)], None), 403);
    assert_eq!(attempt(&[("origin", "https://stranger.example")], None), 403);
    assert_eq!(attempt(&[("origin", "null")], None), 403);
    assert_eq!(attempt(&[("origin", &here)], Some("")), 403, "without a token");
    assert_eq!(attempt(&[("origin", &here)], Some(&"x".repeat(page.token.len()))), 403, "with a made-up one");
    let other = Browser::open(&server, &[]);
    assert_eq!(attempt(&[("origin", &here)], Some(&other.token)), 403, "with that of another page");
    assert_eq!(attempt(&[("origin", &here)], None), 200);

    let mut inside = page.clone();
    assert_eq!(inside.log_in(&server, PASSWORD).status, 200);
    let mut forged = inside.clone();
    forged.headers = vec![("sec-fetch-site", "cross-site".to_owned())];
    assert_eq!(forged.post(&server, "/admin/logout", &json!({})).status, 403);
    forged = inside.clone();
    forged.token.clear();
    assert_eq!(forged.post(&server, "/admin/logout", &json!({})).status, 403);
    assert_eq!(inside.get(&server, "/api/admin/view").status, 200);
}

#[test]
fn the_form_waits_as_long_for_guessers_and_knows_a_secure_way() {
    let mut scene = Scene::new();
    scene.settings.http.trusted_proxies = vec![Network("127.0.0.0/8".to_owned())];
    scene.settings.admin.password_file = put_password(scene.folder(), PASSWORD);
    let server = scene.start();
    let mut guesser = Browser::open(&server, &[("x-forwarded-for", "198.51.100.1")]);
    wait::until("a guesser to be slowed down", CONVERGED_WITHIN, || {
        let reply = guesser.log_in(&server, "wrong horse");
        assert!([401, 429].contains(&reply.status), "{}", reply.status);
        (reply.status == 429).then_some(reply.header("retry-after")?.to_owned())
    });
    wait::until("the right password to be refused to the guesser", CONVERGED_WITHIN, || {
        guesser.log_in(&server, "wrong horse");
        (guesser.log_in(&server, PASSWORD).status == 429).then_some(())
    });

    let with_tls = [("x-forwarded-for", "198.51.100.2"), ("x-forwarded-proto", "https")];
    let mut operator = Browser::open(&server, &with_tls);
    let reply = operator.log_in(&server, PASSWORD);
    assert_eq!(reply.status, 200);
    let cookies: Vec<&str> = set_cookies(&reply).collect();
    assert!(cookies.len() == 2 && cookies.iter().all(|cookie| cookie.ends_with("; Secure")), "{cookies:?}");
}

#[test]
fn the_view_shows_what_runs_and_which_option_says_so() {
    let mut server = start();
    let mut browser = Browser::open(&server, &[]);
    browser.log_in(&server, PASSWORD);
    let read = |path: &str| -> Value { serde_json::from_slice(&browser.get(&server, path).body).unwrap() };
    let settings = wait::until("the settings to be told", CONVERGED_WITHIN, || {
        let told = read("/api/admin/settings");
        (told["generation"] == server.accepted().0).then_some(told)
    });
    let value = |told: &Value, option: &str| {
        let all = told["settings"].as_array().unwrap();
        let one = all.iter().find(|one| one["option"] == option).unwrap_or_else(|| panic!("no {option}: {told}"));
        one["value"].clone()
    };
    assert_eq!(value(&settings, "services.nixcast.http.port"), server.http_port());
    assert_eq!(value(&settings, "services.nixcast.streamKeys.main.enable"), true);
    assert_eq!(value(&settings, "services.nixcast.reconcile.onDrift"), "heal");
    assert_eq!(value(&settings, "services.nixcast.admin.passwordFile"), Value::Null);
    assert!(!settings.to_string().contains(server.folder().to_str().unwrap()), "where secrets lie: {settings}");

    let _publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    let view = wait::until("a look at the stream", CONVERGED_WITHIN, || {
        let view = read("/api/admin/view");
        let newest = view["looks"].as_array()?.last()?.clone();
        (newest["receivedKbps"].as_u64()? > 0 && newest["rungs"][0]["name"] == "source").then_some(view)
    });
    assert_eq!(view["status"]["settings"]["generation"], server.accepted().0);
    assert_eq!(view["status"]["settings"]["unsettled"], json!([]));
    let lines = view["lines"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["message"].as_str().unwrap().starts_with("listening")), "{lines:?}");
    let (look, line) = (&view["looks"].as_array().unwrap().last().unwrap()["at"], &lines.last().unwrap()["number"]);
    let next = read(&format!("/api/admin/view?look={look}&line={line}"));
    assert!(next["looks"].as_array().unwrap().len() <= 2, "only what is new: {next}");

    // What was declared anew, and what of it cannot be.
    server.write(|settings| {
        "Lighthouse".clone_into(&mut settings.instance.name);
        settings.admin.user = "operator".to_owned();
        settings.stream_keys[0].key_file = "/nonexistent/nixcast/key".to_owned();
    });
    let mut browser = Browser::open(&server, &[]);
    wait::until("the new name to be in force", CONVERGED_WITHIN, || {
        let login = json!({ "name": "operator", "password": PASSWORD });
        (browser.post(&server, "/admin/login", &login).status == 200).then_some(())
    });
    let view = wait::until("what is held to be told", CONVERGED_WITHIN, || {
        let view: Value = serde_json::from_slice(&browser.get(&server, "/api/admin/view").body).unwrap();
        (view["status"]["settings"]["unsettled"][0]["state"] == "held").then_some(view)
    });
    let held = &view["status"]["settings"]["unsettled"][0];
    assert_eq!(held["option"], "services.nixcast.streamKeys.main");
    assert!(!held.to_string().contains("nonexistent"), "{held}");
    let told: Value = serde_json::from_slice(&browser.get(&server, "/api/admin/settings").body).unwrap();
    assert_eq!(value(&told, "services.nixcast.instance.name"), "Lighthouse");
}

#[test]
fn without_an_admin_nobody_gets_in() {
    let server = Scene::new().start();
    let mut browser = Browser::default();
    assert_eq!(browser.session(&server), json!({ "state": "nobody", "user": null, "token": null }));
    assert_eq!(browser.get(&server, "/api/admin/view").status, 403);
    assert_eq!(server.get("/admin").status, 200);
}
