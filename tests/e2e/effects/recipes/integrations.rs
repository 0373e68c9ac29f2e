//! Programs that take part, seen by one that shows its token, and by people who hear it.

use nixcast_tests::http;
use serde_json::{Value, json};

use super::access::admin_get;
use super::{Recipe, one, require};
use crate::effects::stage::Stage;

pub(super) fn recipes() -> Vec<Recipe> {
    vec![
        Recipe::of(
            "integrations.accessTokens.<name>.tokenFile",
            |stage| one(stage.secret("token-rotated").0),
            |stage, value| {
                for name in ["token", "token-rotated"] {
                    let (path, token) = stage.secret(name);
                    let wanted = if *value == path { 200 } else { 401 };
                    let status = system(stage, &token)?;
                    require(status == wanted, || format!("{name} is answered {status}"))?;
                }
                Ok(())
            },
        )
        .at("clock"),
        Recipe::of(
            "integrations.accessTokens.<name>.scopes",
            |_| vec![json!(["HAS_ADMIN_ACCESS"]), json!(["HAS_ADMIN_ACCESS", "CAN_SEND_SYSTEM_MESSAGES"])],
            |stage, value| {
                let (_, token) = stage.secret("token");
                let may = |scope: &str| value.as_array().is_some_and(|scopes| scopes.contains(&json!(scope)));
                let wanted = |scope: &str| if may(scope) { 200 } else { 401 };
                let told = (system(stage, &token)?, read(stage, &token)?);
                let right = (wanted("CAN_SEND_SYSTEM_MESSAGES"), wanted("HAS_ADMIN_ACCESS"));
                require(told == right, || format!("told {told:?} instead of {right:?}"))
            },
        )
        .at("clock"),
        Recipe::of(
            "integrations.accessTokens.<name>.name",
            |_| one("bell"),
            |stage, value| {
                let listed = admin_get(stage, "accesstokens")?;
                let names: Vec<&Value> =
                    listed.as_array().into_iter().flatten().map(|entry| &entry["displayName"]).collect();
                require(names == [value], || format!("listed are {names:?}"))
            },
        )
        .at("clock"),
    ]
}

/// The status of the answer to a program that talks in the name of the server.
fn system(stage: &Stage, token: &str) -> Result<u16, String> {
    let bearer = format!("Bearer {token}");
    let (port, body) = (stage.server.http_port(), r#"{"body":"High tide."}"#);
    let reply = http::post(port, "/api/integrations/chat/system", &[("authorization", &bearer)], body);
    reply.map(|reply| reply.status).map_err(|error| error.to_string())
}

/// The status of the answer to a program that reads what the operator is told.
fn read(stage: &Stage, token: &str) -> Result<u16, String> {
    let bearer = format!("Bearer {token}");
    let reply = http::get_with(stage.server.http_port(), "/api/integrations/status", &[("authorization", &bearer)]);
    reply.map(|reply| reply.status).map_err(|error| error.to_string())
}
