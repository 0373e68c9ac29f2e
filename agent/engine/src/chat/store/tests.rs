#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nixcast_core::chat::audit::{AuditAction, By};
use nixcast_core::chat::bans::NetworkBan;
use nixcast_core::chat::records::{Content, Hidden, HiddenBecause, StoredQuestion, TakenNonce};
use nixcast_core::chat::stamp::Stamp;
use nixcast_core::chat::stream::Stream;
use nixcast_core::chat::users::Role;
use tempfile::TempDir;

use super::*;

/// A moment in the present, so that no prune takes it for old.
const NOW: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

fn id(ms: i64) -> MessageId {
    MessageId::first_of(ms)
}

fn user(name: &str, role: Role) -> User {
    User {
        id: UserId(name.to_owned()),
        name: format!("{name}'s name"),
        colour: 3,
        created_ms: NOW,
        previous_names: vec!["earlier \"name\"".to_owned(), format!("{name}'s name")],
        name_changed_ms: Some(NOW + 1),
        disabled_ms: None,
        timed_out_until_ms: None,
        role,
        authenticated: false,
    }
}

fn said(ms: i64, by: &str, raw: &str) -> Message {
    let content = Content::Chat {
        user: UserId(by.to_owned()),
        raw: raw.to_owned(),
        nonce: Some(format!("n{ms}")),
        reply_to: Some(id(1)),
    };
    Message { id: id(ms), at_ms: ms, body: format!("<p>{raw}</p>"), content, hidden: None, revised: None }
}

fn record(store: &ChatStore, record: Record) {
    store.write(Write::Record(record));
}

fn put_user(store: &ChatStore, user: &User) {
    record(store, Record::User { user: user.clone() });
}

fn put(store: &ChatStore, message: &Message) {
    record(store, Record::Message { message: message.clone() });
}

fn open(folder: &TempDir) -> ChatStore {
    ChatStore::open(Some(folder.path().to_owned()))
}

/// Ends one store and opens the next, as a restart of the engine does.
async fn reopen(store: ChatStore, folder: &TempDir) -> ChatStore {
    store.flush().await.unwrap();
    drop(store);
    open(folder)
}

fn kinds(store: &ChatStore) -> Vec<String> {
    store.conditions().into_iter().map(|condition| condition.kind).collect()
}

#[tokio::test]
async fn a_room_is_found_again_as_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    assert_eq!(store.snapshot(NOW).await.unwrap(), Snapshot::default());
    let (anna, bob) = (user("anna", Role::Moderator), user("bob", Role::Viewer));
    let bot = user("bot", Role::Bot { token: "clock".to_owned(), scopes: vec!["CAN_SEND_MESSAGES".to_owned()] });
    for user in [&anna, &bob, &bot, &user("lurker", Role::Viewer)] {
        put_user(&store, user);
    }
    let mut first = said(NOW, "bob", "hello");
    let host = Message { content: Content::System { author: "Stream".to_owned() }, ..said(NOW + 1, "", "welcome") };
    let action = Message { content: Content::Action, ..said(NOW + 2, "", "it begins") };
    let question = said(NOW + 3, "bob", "why?");
    for message in [&first, &host, &action, &question] {
        put(&store, message);
    }
    record(&store, Record::Question { message: question.id, is_question: true });
    for (voter, given) in [("anna", true), ("bot", true), ("anna", true), ("bot", false)] {
        record(&store, Record::Vote { question: question.id, user: UserId(voter.to_owned()), given });
    }
    record(&store, Record::Answered { question: question.id, at_ms: Some(NOW + 9) });
    let hidden = Some(Hidden { at_ms: NOW + 4, because: HiddenBecause::Message });
    record(&store, Record::Visibility { ids: vec![first.id], hidden, revised: id(NOW + 5) });
    let ban = NetworkBan {
        network: "192.0.2.0/24".to_owned(),
        at_ms: NOW,
        until_ms: Some(NOW + HOUR),
        note: "spam".to_owned(),
    };
    record(&store, Record::Ban { ban: ban.clone() });
    record(&store, Record::Ban { ban: NetworkBan { network: "::1".to_owned(), ..ban.clone() } });
    record(&store, Record::Unban { network: "::1".to_owned() });
    let stream = Stream::Live { since_ms: NOW };
    record(&store, Record::Stream { stream });
    store.write(Write::LastId(id(NOW + 50)));
    store.write(Write::LastId(id(NOW + 40)));

    let store = reopen(store, &folder).await;
    let mut snapshot = store.snapshot(NOW + 1_000).await.unwrap();
    first.hidden = hidden;
    first.revised = Some(id(NOW + 5));
    snapshot.messages.sort_by_key(|message| message.id);
    snapshot.users.sort_by_key(|user| user.id.clone());
    snapshot.nonces.sort_by_key(|nonce| nonce.message);
    let nonce = |message: &Message| TakenNonce {
        at_ms: message.at_ms,
        user: UserId("bob".to_owned()),
        nonce: format!("n{}", message.at_ms),
        message: message.id,
    };
    let expected = Snapshot {
        nonces: vec![nonce(&first), nonce(&question)],
        messages: vec![first, host, action, question.clone()],
        users: vec![anna, bob, bot],
        questions: vec![StoredQuestion {
            message: question,
            answered_ms: Some(NOW + 9),
            voters: vec![UserId("anna".to_owned())],
        }],
        bans: vec![ban],
        last_id: Some(id(NOW + 50)),
        dropped: None,
        stream,
    };
    assert_eq!(snapshot, expected);
    assert!(store.snapshot(NOW + HOUR).await.unwrap().nonces.is_empty(), "old nonces are forgotten");
    assert!(kinds(&store).is_empty());
}

#[tokio::test]
async fn a_ban_hides_and_gives_back_what_no_moderator_hid() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let spammer = UserId("spammer".to_owned());
    for ms in 0..3 {
        put(&store, &said(NOW + ms, "spammer", "x"));
    }
    put(&store, &said(NOW + 9, "bob", "x"));
    let because = |because| Hidden { at_ms: NOW + 10, because };
    let one = vec![id(NOW)];
    let hidden = Some(because(HiddenBecause::Message));
    record(&store, Record::Visibility { ids: one, hidden, revised: id(NOW + 10) });
    record(&store, Record::HideAllOf { user: spammer.clone(), hidden: because(HiddenBecause::Ban) });
    let hidden = async |store: &ChatStore| -> Vec<Option<HiddenBecause>> {
        let messages = store.messages_of(spammer.clone(), 10).await.unwrap();
        messages.into_iter().map(|message| message.hidden.map(|hidden| hidden.because)).collect()
    };
    let (ban, message) = (Some(HiddenBecause::Ban), Some(HiddenBecause::Message));
    assert_eq!(hidden(&store).await, [ban, ban, message]);
    record(&store, Record::ShowAllOf { user: spammer.clone() });
    assert_eq!(hidden(&store).await, [None, None, message]);
    record(&store, Record::HideAllOf { user: spammer.clone(), hidden: because(HiddenBecause::Ban) });
    record(&store, Record::HideAllOf { user: spammer.clone(), hidden: because(HiddenBecause::Message) });
    record(&store, Record::ShowAllOf { user: spammer.clone() });
    assert_eq!(hidden(&store).await, [message, message, message]);
    assert_eq!(store.messages_of(UserId("bob".to_owned()), 10).await.unwrap()[0].hidden, None);
}

#[tokio::test]
async fn what_is_old_goes_and_is_known_to_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for (ms, raw) in [(1_000, "old question"), (2_000, "old"), (3_000, "young")] {
        put(&store, &said(ms, "bob", raw));
    }
    record(&store, Record::Question { message: id(1_000), is_question: true });
    store.write(Write::Prune { before: id(3_000), now_ms: 3_000 });
    let since = store.since(id(0), 10).await.unwrap();
    let left: Vec<i64> = since.messages.iter().map(|message| message.at_ms).collect();
    assert_eq!((left, since.is_complete), (vec![1_000, 3_000], false));
    assert!(store.since(id(2_000), 10).await.unwrap().is_complete);
    assert_eq!(store.snapshot(NOW).await.unwrap().dropped, Some(id(2_000)));
    record(&store, Record::Question { message: id(1_000), is_question: false });
    store.write(Write::Prune { before: id(3_000), now_ms: 3_000 });
    assert_eq!(store.since(id(0), 10).await.unwrap().messages.len(), 1);
    // The room holds so many; of the others it knows that they were there.
    for ms in 0..600 {
        put(&store, &said(NOW + ms, "bob", "x"));
    }
    let snapshot = store.snapshot(NOW).await.unwrap();
    assert_eq!((snapshot.messages.len(), snapshot.dropped), (500, Some(id(NOW + 99))));
    let since = store.since(id(NOW + 9), 20).await.unwrap();
    assert_eq!((since.messages.len(), since.is_complete), (20, false));
    assert_eq!((since.messages[0].id, since.messages[19].id), (id(NOW + 10), id(NOW + 29)));
}

#[tokio::test]
async fn tokens_are_known_by_their_hash_until_nobody_shows_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let day = 24 * HOUR;
    let token = |byte: u8| TokenHash([byte; 32]);
    for (byte, name, role, used) in [
        (1, "regular", Role::Viewer, Some(NOW + 80 * day)),
        (2, "gone", Role::Viewer, Some(NOW)),
        (3, "never", Role::Viewer, None),
        (4, "moderator", Role::Moderator, None),
        (5, "talker", Role::Viewer, None),
    ] {
        put_user(&store, &user(name, role));
        store.write(Write::Token { hash: token(byte), user: UserId(name.to_owned()), at_ms: NOW });
        if let Some(at_ms) = used {
            store.write(Write::TokenUsed { hash: token(byte), at_ms });
        }
    }
    put_user(&store, &User { disabled_ms: Some(NOW), ..user("banned", Role::Viewer) });
    put(&store, &said(NOW + 99 * day, "talker", "still here"));
    let store = reopen(store, &folder).await;
    let bearer = store.bearer(token(1)).await.unwrap().unwrap();
    assert_eq!((bearer.stored, bearer.used_ms), (Some(user("regular", Role::Viewer)), Some(NOW + 80 * day)));
    assert_eq!(store.bearer(token(9)).await.unwrap(), None);
    store.write(Write::Prune { before: id(NOW), now_ms: NOW + 100 * day });
    let mut tokens = Vec::new();
    let mut users = BTreeSet::new();
    for (byte, name) in [(1, "regular"), (2, "gone"), (3, "never"), (4, "moderator"), (5, "talker"), (6, "banned")] {
        tokens.push(store.bearer(token(byte)).await.unwrap().is_some());
        users.extend(store.user(UserId(name.to_owned())).await.unwrap().map(|_| name));
    }
    assert_eq!(tokens, [true, false, false, true, false, false]);
    assert_eq!(users, BTreeSet::from(["banned", "moderator", "regular", "talker"]));
    let printed = format!("{:?}", Write::Token { hash: token(77), user: UserId("x".to_owned()), at_ms: 0 });
    assert!(!printed.contains("77"), "{printed}");
}

#[tokio::test]
async fn a_deleted_user_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    put_user(&store, &user("bob", Role::Viewer));
    store.write(Write::Token { hash: TokenHash([1; 32]), user: UserId("bob".to_owned()), at_ms: NOW });
    put(&store, &said(NOW, "bob", "mine?"));
    put(&store, &said(NOW + 1, "anna", "yours?"));
    for question in [NOW, NOW + 1] {
        record(&store, Record::Question { message: id(question), is_question: true });
        for voter in ["bob", "anna"] {
            record(&store, Record::Vote { question: id(question), user: UserId(voter.to_owned()), given: true });
        }
    }
    record(&store, Record::DeleteUser { user: UserId("bob".to_owned()) });
    let snapshot = store.snapshot(NOW).await.unwrap();
    assert_eq!((snapshot.messages.len(), snapshot.questions.len()), (1, 1));
    assert_eq!(snapshot.questions[0].voters, [UserId("anna".to_owned())]);
    assert_eq!((snapshot.dropped, store.bearer(TokenHash([1; 32])).await.unwrap()), (Some(id(NOW)), None));
}

#[tokio::test]
async fn moderators_find_what_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    put_user(&store, &user("anna", Role::Viewer));
    put_user(&store, &user("bob", Role::Viewer));
    for (ms, by, raw) in [(0, "anna", "100% sure"), (1, "bob", "100 sure"), (2, "gone", "a_b"), (3, "bob", "acb")] {
        put(&store, &said(NOW + ms, by, raw));
    }
    let find = async |search: Search| -> Vec<i64> {
        let found = store.search(Search { limit: 10, ..search }).await.unwrap();
        found.into_iter().map(|found| found.message.at_ms - NOW).collect()
    };
    let text = |text: &str| Search { text: text.to_owned(), ..Search::default() };
    assert_eq!(find(text("")).await, [3, 2, 1, 0]);
    assert_eq!(find(text("100% SURE")).await, [0]);
    assert_eq!(find(text("a_b")).await, [2]);
    assert_eq!(find(text("bob's")).await, [3, 1]);
    assert_eq!(find(Search { user: Some(UserId("bob".to_owned())), ..text("100") }).await, [1]);
    assert_eq!(find(Search { before: Some(id(NOW + 2)), ..text("") }).await, [1, 0]);
    let found = store.search(Search { limit: 1, ..text("acb") }).await.unwrap();
    assert_eq!(found[0].author, Some(user("bob", Role::Viewer)));
    assert_eq!(store.search(Search { limit: 1, ..text("a_b") }).await.unwrap()[0].author, None);
    let users = store.find_users("NNA'S".to_owned(), 10).await.unwrap();
    assert_eq!(users, [user("anna", Role::Viewer)]);
    assert_eq!(store.find_users("earlier \\\"".to_owned(), 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_audit_log_and_access_tokens_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let entry = |number: i64| AuditEntry {
        at: Stamp(NOW + number),
        by: By::User(UserId("anna".to_owned())),
        by_name: "Anna".to_owned(),
        action: AuditAction::Ban,
        target: "bob".to_owned(),
        text: format!("Anna banned \"Bob\" {number}"),
    };
    for number in 1..=5 {
        store.write(Write::Audit(entry(number)));
    }
    let token = |name: &str, byte: u8| AccessToken {
        name: name.to_owned(),
        hash: TokenHash([byte; 32]),
        scopes: vec!["CAN_SEND_MESSAGES".to_owned()],
        created_ms: NOW,
        used_ms: None,
    };
    for token in [token("overlay", 1), token("clock", 2), token("overlay", 3), token("old", 4)] {
        store.write(Write::AccessToken(token));
    }
    store.write(Write::AccessTokenUsed { name: "clock".to_owned(), at_ms: NOW + 5 });
    store.write(Write::RemoveAccessToken { name: "old".to_owned() });
    let store = reopen(store, &folder).await;
    assert_eq!(store.audit(None, 2).await.unwrap(), [(5, entry(5)), (4, entry(4))]);
    assert_eq!(store.audit(Some(4), 9).await.unwrap().len(), 3);
    let used = AccessToken { used_ms: Some(NOW + 5), ..token("clock", 2) };
    assert_eq!(store.access_tokens().await.unwrap(), [used, token("overlay", 3)]);
}

#[tokio::test]
async fn nobody_else_may_read_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    put(&store, &said(NOW, "bob", "secret"));
    store.flush().await.unwrap();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.iter().any(|path| path.ends_with("chat.sqlite-wal")), "{files:?}");
    for path in files {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
    }
}

/// Overwrites the beginning of every page but the first of them.
fn damage(path: &Path, whole: usize) {
    let mut bytes = fs::read(path).unwrap();
    for page in bytes.chunks_mut(4096).skip(whole) {
        page[..200].fill(0xA5);
    }
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_put_aside_and_the_chat_begins_anew() {
    let whole = tempfile::tempdir().unwrap();
    let store = open(&whole);
    for ms in 0..200 {
        put(&store, &said(NOW + ms, "bob", "hello"));
    }
    let network = "192.0.2.0/24".to_owned();
    record(&store, Record::Ban { ban: NetworkBan { network, at_ms: NOW, until_ms: None, note: "raid".to_owned() } });
    store.flush().await.unwrap();
    drop(store);
    // The thread puts the log into the file when it ends.
    let file = whole.path().join(file::NAME);
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while whole.path().join("chat.sqlite-wal").exists() && std::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let whole = fs::read(&file).unwrap();
    type Spoil<'a> = &'a dyn Fn(&Path);
    let pages = whole.len() / 4096;
    let cases: [(&str, Spoil); 5] = [
        ("last page", &|path| damage(path, pages - 1)),
        ("pages", &|path| damage(path, 1)),
        ("half", &|path| fs::write(path, &whole[..whole.len() / 2]).unwrap()),
        ("nonsense", &|path| {
            fs::write(path, "no database at all, but long enough for its header. ".repeat(90)).unwrap()
        }),
        ("head", &|path| {
            let mut bytes = whole.clone();
            bytes[16..100].fill(0xFF);
            fs::write(path, bytes).unwrap();
        }),
    ];
    for (name, spoil) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file::NAME);
        fs::write(&path, &whole).unwrap();
        spoil(&path);
        let spoiled = fs::read(&path).unwrap();
        let store = open(&folder);
        assert_eq!(store.snapshot(NOW).await.unwrap().messages, [], "{name}");
        let told: &[_] =
            if name == "last page" { &["ChatStoreDamaged"] } else { &["ChatStoreDamaged", "ChatReadOnly"] };
        assert_eq!(kinds(&store), told, "{name}");
        assert_eq!(store.snapshot(NOW).await.unwrap().bans.len(), usize::from(name == "last page"), "{name}");
        assert_eq!(fs::read(folder.path().join("chat.sqlite.damaged")).unwrap(), spoiled, "{name}");
        put(&store, &said(NOW, "bob", "again"));
        let store = reopen(store, &folder).await;
        assert_eq!(store.snapshot(NOW).await.unwrap().messages.len(), 1, "{name}");
        assert!(kinds(&store).is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file::NAME);
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 900; CREATE TABLE future (x); INSERT INTO future VALUES (1);").unwrap();
    drop(newer);
    let store = open(&folder);
    put(&store, &said(NOW, "bob", "in memory"));
    assert_eq!(store.snapshot(NOW).await.unwrap().messages.len(), 1);
    let [condition, read_only] = store.conditions().try_into().unwrap();
    assert_eq!(read_only.kind, "ChatReadOnly");
    assert!(condition.message.contains("newer version"), "{}", condition.message);
    let kept: i64 =
        rusqlite::Connection::open(&path).unwrap().query_row("SELECT x FROM future", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn where_no_file_can_be_the_chat_goes_on_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let store = ChatStore::open(Some(folder.path().join("missing")));
    put(&store, &said(NOW, "bob", "hello"));
    assert_eq!(store.since(id(0), 10).await.unwrap().messages.len(), 1);
    assert_eq!(kinds(&store), ["ChatStoreDamaged", "ChatReadOnly"]);
    let store = ChatStore::open(None);
    put(&store, &said(NOW, "bob", "hello"));
    assert_eq!(store.since(id(0), 10).await.unwrap().messages.len(), 1);
    assert!(kinds(&store).is_empty(), "as it was asked for");
}

/// A file that can hold no more stands for a full disk: SQLite says the same.
#[tokio::test]
async fn a_full_disk_is_told_and_what_waits_is_written_when_there_is_room() {
    let store = ChatStore::open(None);
    let limit = async |pages: i64| {
        let set = move |reader: &reading::Reader<'_>| {
            reader.connection.pragma_update_and_check(None, "max_page_count", pages, |_set| Ok(()))
        };
        store.ask(set).await.unwrap();
    };
    limit(40).await;
    let hash = TokenHash([1; 32]);
    for ms in 0..200 {
        put(&store, &said(NOW + ms, "bob", &"x".repeat(1_000)));
    }
    store.write(Write::Token { hash, user: UserId("bob".to_owned()), at_ms: NOW });
    store.flush().await.unwrap();
    let [condition] = store.conditions().try_into().unwrap();
    assert_eq!(condition.kind, "ChatStoreFailing");
    assert!(condition.message.contains("full"), "{}", condition.message);
    let bearer = store.bearer(hash).await.unwrap();
    assert_eq!(bearer.map(|bearer| bearer.user), Some(UserId("bob".to_owned())), "who just came is known");
    limit(100_000).await;
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !store.conditions().is_empty() {
        assert!(std::time::Instant::now() < deadline, "{:?}", store.conditions());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.since(id(0), 1_000).await.unwrap().messages.len(), 200);
}

#[tokio::test]
async fn what_can_never_be_written_holds_up_nothing() {
    let store = ChatStore::open(None);
    let spoil = |reader: &reading::Reader<'_>| {
        let sql = "CREATE TRIGGER no_votes BEFORE INSERT ON votes BEGIN SELECT raise(ABORT, 'no'); END";
        reader.connection.execute_batch(sql)
    };
    store.ask(spoil).await.unwrap();
    record(&store, Record::Vote { question: id(1), user: UserId("bob".to_owned()), given: true });
    put(&store, &said(NOW, "bob", "hello"));
    assert_eq!(store.since(id(0), 10).await.unwrap().messages.len(), 1);
    assert_eq!(kinds(&store), ["ChatEntriesLost"]);
}

#[tokio::test]
async fn an_ended_login_opens_nothing_before_and_after_it_is_written() {
    let store = ChatStore::open(None);
    let marie = user("marie", Role::Viewer);
    let (old, new) = (TokenHash([1; 32]), TokenHash([2; 32]));
    record(&store, Record::User { user: marie.clone() });
    store.write(Write::Token { hash: old, user: marie.id.clone(), at_ms: 1 });
    assert!(store.bearer(old).await.unwrap().is_some());
    record(&store, Record::EndLogins { user: marie.id.clone() });
    store.write(Write::Token { hash: new, user: marie.id.clone(), at_ms: 2 });
    assert_eq!(store.bearer(old).await.unwrap(), None);
    assert_eq!(store.bearer(new).await.unwrap().unwrap().user, marie.id);

    let queue = Queue::default();
    queue.push(Write::Token { hash: old, user: marie.id.clone(), at_ms: 1 });
    assert!(queue.waiting_bearer(&old).is_some() && !queue.waits_to_end_logins_of(&marie.id));
    queue.push(Write::Record(Record::EndLogins { user: marie.id.clone() }));
    queue.push(Write::Token { hash: new, user: marie.id.clone(), at_ms: 2 });
    assert_eq!(queue.waiting_bearer(&old), None);
    assert!(queue.waiting_bearer(&new).is_some() && queue.waits_to_end_logins_of(&marie.id));
}
