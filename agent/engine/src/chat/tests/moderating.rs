//! Moderation over HTTP.

use super::*;

struct Desk {
    place: Venue,
    /// Of Paul, who moderates.
    token: String,
}

impl Desk {
    async fn open(folder: Option<&TempDir>) -> Self {
        let place = Venue::open(folder).await;
        place.chat.declare(rules(), [("Marie".to_owned(), secret())].into()).await.unwrap();
        let (token, paul) = place.register("Paul").await;
        place.chat.apply(Command::Promote { by: By::Operator, user: UserId(paul) }).await.unwrap();
        Self { place, token }
    }

    async fn post_as(&self, token: &str, path: &str, body: Value) -> (u16, Value) {
        let (status, head, answer) = self.place.post(&format!("{path}?accessToken={token}"), &body.to_string()).await;
        assert!(head.contains("access-control-allow-origin: *") && head.contains("no-store"), "{path}: {head}");
        assert_eq!(answer["success"], status == 200, "{path}: {answer}");
        (status, answer)
    }

    async fn does(&self, path: &str, body: Value) {
        let (status, answer) = self.post_as(&self.token, path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }

    async fn reads(&self, path: &str) -> Value {
        let sign = if path.contains('?') { '&' } else { '?' };
        let (status, body) = self.place.get(&format!("{path}{sign}accessToken={}", self.token)).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moderator_hides_finds_and_restores() {
    let desk = Desk::open(None).await;
    let (anna_token, anna_id) = desk.place.register("Anna").await;
    let (_, first) = desk.place.enter(&anna_token).await.chat("first").await.until("CHAT").await;
    let (anna, rude) = desk.place.enter(&anna_token).await.chat("rude").await.until("CHAT").await;
    desk.does("/api/chat/messagevisibility", json!({ "idArray": [rude["id"]], "visible": false })).await;
    let (_anna, told) = anna.until("VISIBILITY-UPDATE").await;
    assert_eq!((&told["ids"], &told["visible"]), (&json!([rude["id"]]), &json!(false)));
    let listed = desk.reads("/api/chat/moderation/messages").await;
    let column = |field: &str| listed.as_array().unwrap().iter().map(|row| row[field].clone()).collect::<Vec<_>>();
    assert_eq!(column("id"), [rude["id"].clone(), first["id"].clone()], "newest first");
    assert_eq!(column("visible"), [false, true]);
    assert_eq!(column("hiddenBy"), [json!("Paul"), Value::Null]);
    assert_eq!(column("type"), ["CHAT", "CHAT"]);
    for (query, count) in [
        ("q=rud", 1),
        ("q=anna", 2),
        (&*format!("user={anna_id}"), 2),
        ("user=nobody", 0),
        ("limit=1", 1),
        (&*format!("before={}", rude["id"].as_str().unwrap()), 1),
    ] {
        let found = desk.reads(&format!("/api/chat/moderation/messages?{query}")).await;
        assert_eq!(found.as_array().unwrap().len(), count, "{query}");
    }
    let details = desk.reads(&format!("/api/moderation/chat/user/{anna_id}")).await;
    assert_eq!(details["user"]["displayName"], "Anna");
    assert_eq!(details["messages"][0]["body"], "<p>rude</p>");
    let client = &details["connectedClients"][0];
    assert_eq!((&client["messageCount"], &client["ipAddress"]), (&json!(1), &json!("127.0.0.1")), "{details}");
    desk.does("/api/chat/messagevisibility", json!({ "idArray": [rude["id"]], "visible": true })).await;
    let audit = desk.reads("/api/chat/moderation/audit?limit=2").await;
    assert_eq!((&audit[0]["deed"], &audit[1]["deed"]), (&json!("restore"), &json!("hide")));
    assert_eq!((&audit[0]["by"], &audit[0]["target"]), (&json!("Paul"), &rude["id"]));
    assert_eq!(audit[0]["detail"], "Paul restored a message");
    let older = desk.reads(&format!("/api/chat/moderation/audit?before={}", audit[1]["id"])).await;
    assert_eq!(older.as_array().unwrap().len(), 1);
    assert_eq!((&older[0]["deed"], &older[0]["by"]), (&json!("promote"), &json!("the operator")));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_banned_or_paused_is_listed_until_it_ends() {
    let desk = Desk::open(None).await;
    let (anna_token, anna_id) = desk.place.register("Anna").await;
    let anna = desk.place.enter(&anna_token).await;
    desk.does("/api/chat/users/timeout", json!({ "userId": anna_id, "seconds": 600 })).await;
    let (anna, told) = anna.until("CHAT_ACTION").await;
    assert!(told["body"].as_str().unwrap().contains("10 minutes"), "{told}");
    let users = desk.reads("/api/chat/moderation/users?q=ann").await;
    assert_eq!(users.as_array().unwrap().len(), 1);
    assert_eq!((&users[0]["connections"], &users[0]["moderator"]), (&json!(1), &Value::Null));
    assert!(users[0]["timedOutUntil"].is_string() && users[0]["bannedAt"].is_null(), "{users}");
    desk.does("/api/chat/users/timeout", json!({ "userId": anna_id, "seconds": 0 })).await;
    assert!(desk.reads("/api/chat/moderation/users?q=ann").await[0]["timedOutUntil"].is_null());

    desk.does("/api/chat/users/setenabled", json!({ "userId": anna_id, "enabled": false })).await;
    let (code, told) = anna.closed().await;
    assert_eq!((code, told.last().unwrap().contains("ERROR_USER_DISABLED")), (1008, true));
    for network in ["203.0.113.9/24", "2001:db8:7::/48"] {
        desk.does("/api/chat/bans", json!({ "network": network, "reason": "raid" })).await;
        // The newest comes first, and two of one millisecond have no order.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let bans = desk.reads("/api/chat/bans").await;
    assert_eq!((&bans[0]["network"], &bans[1]["network"]), (&json!("2001:db8:7::/48"), &json!("203.0.113.0/24")));
    assert_eq!((&bans[0]["reason"], &bans[0]["by"], &bans[0]["until"]), (&json!("raid"), &json!("Paul"), &Value::Null));
    assert_eq!(
        (&bans[2]["userId"], &bans[2]["name"], &bans[2]["by"]),
        (&json!(anna_id), &json!("Anna"), &json!("Paul"))
    );
    let users = desk.reads("/api/chat/moderation/users").await;
    let names: Vec<_> = users.as_array().unwrap().iter().map(|row| row["user"]["displayName"].clone()).collect();
    assert_eq!(names, ["Anna", "Paul"]);
    assert!(users[0]["bannedAt"].is_string() && users[1]["moderator"] == "promoted", "{users}");
    desk.does("/api/chat/bans/remove", json!({ "network": "203.0.113.0/24" })).await;
    desk.does("/api/chat/users/setenabled", json!({ "userId": anna_id, "enabled": true })).await;
    assert_eq!(desk.reads("/api/chat/bans").await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_moderators_moderate_and_nobody_locks_themselves_out() {
    let desk = Desk::open(None).await;
    let (anna_token, anna_id) = desk.place.register("Anna").await;
    let marie = desk.place.chat.register_moderator("Marie".to_owned(), secret()).await.unwrap();
    for (token, expected) in [("unknown", 401), (anna_token.as_str(), 403)] {
        for path in ["moderation/messages", "moderation/users", "moderation/audit", "bans"] {
            assert_eq!(desk.place.get(&format!("/api/chat/{path}?accessToken={token}")).await.0, expected, "{path}");
        }
        let path = format!("/api/moderation/chat/user/{anna_id}?accessToken={token}");
        assert_eq!(desk.place.get(&path).await.0, expected);
        let body = json!({ "userId": anna_id, "seconds": 60 });
        assert_eq!(desk.post_as(token, "/api/chat/users/timeout", body).await.0, expected);
    }
    let refused = async |token: &str, path: &str, body: Value, status: u16| -> String {
        let (got, answer) = desk.post_as(token, path, body).await;
        assert_eq!(got, status, "{path}: {answer}");
        answer["message"].as_str().unwrap().to_owned()
    };
    let own = refused(&desk.token, "/api/chat/bans", json!({ "network": "127.0.0.0/8" }), 400).await;
    assert!(own.contains("127.0.0.1") && own.contains("lock yourself out"), "{own}");
    refused(&desk.token, "/api/chat/bans", json!({ "network": "nonsense" }), 400).await;
    refused(&desk.token, "/api/chat/bans/remove", json!({ "network": "192.0.2.1" }), 404).await;
    refused(&desk.token, "/api/chat/users/setenabled", json!({ "userId": "nobody", "enabled": false }), 404).await;
    refused(&desk.token, "/api/chat/users/setmoderator", json!({ "userId": anna_id, "isModerator": true }), 403).await;
    for (path, body, field) in [
        ("/api/chat/users/timeout", json!({ "userId": "x" }), "seconds"),
        ("/api/chat/users/timeout", json!({ "userId": "x", "seconds": -1 }), "seconds"),
        ("/api/chat/users/setenabled", json!({ "userId": "x", "enabled": "no" }), "enabled"),
        ("/api/chat/messagevisibility", json!({ "idArray": ["x"], "visible": true }), "idArray[0]"),
        ("/api/chat/questions/answer", json!({ "answered": true }), "id"),
    ] {
        let message = refused(&desk.token, path, body, 400).await;
        assert!(message.contains(field), "{path}: {message}");
    }
    let long = json!({ "network": "x".repeat(40_000) });
    refused(&desk.token, "/api/chat/bans", long, 400).await;

    let appoint = json!({ "userId": anna_id, "isModerator": true });
    assert_eq!(desk.post_as(&marie.token, "/api/chat/users/setmoderator", appoint).await.0, 200);
    assert_eq!(desk.place.get(&format!("/api/chat/bans?accessToken={anna_token}")).await.0, 200);
    let depose = json!({ "userId": marie.user.id, "isModerator": false });
    let (status, answer) = desk.post_as(&marie.token, "/api/chat/users/setmoderator", depose).await;
    assert_eq!((status, &answer["error"]), (409, &json!("declared")));
    assert_eq!(answer["option"], "services.nixcast.chat.moderators.Marie");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_and_everybody_is_told() {
    let desk = Desk::open(None).await;
    let (anna_token, _) = desk.place.register("Anna").await;
    let anna = desk.place.enter(&anna_token).await;
    let anna = anna.say(json!({ "type": "CHAT", "body": "why?", "question": true })).await;
    let (anna, asked) = anna.until("CHAT").await;
    let questions = desk.reads("/api/chat/questions").await;
    assert_eq!((&questions[0]["id"], &questions[0]["body"]), (&asked["id"], &json!("<p>why?</p>")));
    assert_eq!((&questions[0]["votes"], &questions[0]["answered"]), (&json!(0), &json!(false)));
    assert_eq!(questions[0]["user"]["displayName"], "Anna");
    desk.does("/api/chat/questions/answer", json!({ "id": asked["id"], "answered": true })).await;
    let (_anna, update) = anna.until("QUESTION-UPDATE").await;
    assert_eq!((&update["messageId"], &update["answered"]), (&asked["id"], &json!(true)));
    assert_eq!(desk.reads("/api/chat/questions").await[0]["answered"], true);
    assert_eq!(desk.place.get("/api/chat/questions?accessToken=unknown").await.0, 401);
}
