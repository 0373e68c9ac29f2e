//! Programs at the doors that are made for viewers.

use super::*;
use crate::declared::AccessTokens;

impl Venue {
    async fn token(&self, name: &str, scope: &str) -> String {
        let made = self.chat.make_token(name, vec![scope.to_owned()], &AccessTokens::default()).await.unwrap();
        made.token.to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_hears_and_talks_through_a_socket_as_the_user_it_is_elsewhere() {
    let place = open().await;
    let token = place.token("Herald", "CAN_SEND_MESSAGES").await;
    let (anna_token, _) = place.register("Anna").await;
    let anna = place.enter(&anna_token).await;
    let herald = place.socket(&format!("?accessToken={token}")).await.unwrap_or_else(|said| panic!("{said:?}"));
    let (herald, info) = herald.until("CONNECTED_USER_INFO").await;
    assert_eq!((&info["user"]["displayName"], &info["user"]["isBot"]), (&json!("Herald"), &json!(true)));
    let herald = herald.chat("the ship is in").await;
    let (anna, heard) = anna.until("CHAT").await;
    assert_eq!((&heard["user"]["id"], &heard["user"]["isBot"]), (&info["user"]["id"], &json!(true)));
    let _anna = anna.chat("thanks").await;
    let (herald, own) = herald.until("CHAT").await;
    assert_eq!(own, heard);
    let (_herald, thanks) = herald.until("CHAT").await;
    assert_eq!(thanks["body"], "<p>thanks</p>");
    let (status, history) = place.get(&format!("/api/chat?accessToken={token}")).await;
    assert_eq!((status, serde_json::from_str::<Value>(&history).unwrap()), (200, json!([heard, thanks])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_may_not_talk_reads_along() {
    let place = open().await;
    let token = place.token("Ears", "HAS_ADMIN_ACCESS").await;
    let (anna_token, _) = place.register("Anna").await;
    let anna = place.enter(&anna_token).await;
    let ears = place.socket(&format!("?accessToken={token}")).await.unwrap_or_else(|said| panic!("{said:?}"));
    let ears = ears.chat("may I").await;
    let anna = anna.chat("hello").await;
    let (_ears, heard) = ears.until("CHAT").await;
    assert_eq!(heard["body"], "<p>hello</p>");
    let (_anna, heard) = anna.until("CHAT").await;
    assert_eq!(heard["body"], "<p>hello</p>", "nothing was taken from it");
    let (status, history) = place.get(&format!("/api/chat?accessToken={token}")).await;
    assert_eq!((status, serde_json::from_str::<Value>(&history).unwrap()), (200, json!([heard])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_was_banned_or_lost_its_token_stays_outside() {
    let place = open().await;
    let token = place.token("Herald", "CAN_SEND_MESSAGES").await;
    let query = format!("?accessToken={token}");
    let herald = place.socket(&query).await.unwrap_or_else(|said| panic!("{said:?}"));
    let (_herald, info) = herald.until("CONNECTED_USER_INFO").await;
    let id = UserId(info["user"]["id"].as_str().unwrap().to_owned());
    place.chat.apply(Command::Ban { by: By::Operator, user: id.clone() }).await.unwrap();
    let (_, told) = place.socket(&query).await.unwrap_or_else(|said| panic!("{said:?}")).closed().await;
    assert_eq!(told, [r#"{"type":"ERROR_USER_DISABLED"}"#]);
    place.chat.apply(Command::Unban { by: By::Operator, user: id }).await.unwrap();
    place.chat.remove_token(&token, &AccessTokens::default()).await.unwrap();
    let (_, told) = place.socket(&query).await.unwrap_or_else(|said| panic!("{said:?}")).closed().await;
    assert_eq!(told, [r#"{"type":"ERROR_NEEDS_REGISTRATION"}"#]);
    assert_eq!(place.get(&format!("/api/chat{query}")).await.0, 401);
}
