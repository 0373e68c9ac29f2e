use std::process::ExitCode;

use crate::output::{self, Answer, GOOD};

/// Prints the JSON schema.
pub(crate) fn execute() -> ExitCode {
    output::print(true, &Answer { code: GOOD, json: nixcast_schema::json_schema(), text: String::new() })
}
