//! How long ago something was, in words.

/// Seconds of each step, the longest first.
const STEPS: [(i64, &str); 5] =
    [(365 * 86_400, "year"), (30 * 86_400, "month"), (86_400, "day"), (3600, "hour"), (60, "minute")];

/// "3 hours ago"; as `ago` in `agent/web/src/clock.ts`.
pub(super) fn ago(seconds: i64) -> String {
    let step = STEPS.iter().map(|(length, name)| (seconds / length, name)).find(|(count, _name)| *count >= 1);
    match step {
        Some((1, name)) => format!("1 {name} ago"),
        Some((count, name)) => format!("{count} {name}s ago"),
        None => "just now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_steps_are_said() {
        // The same as in controls.test.ts.
        for (seconds, said) in [
            (-5, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (119, "1 minute ago"),
            (3600, "1 hour ago"),
            (86_399, "23 hours ago"),
            (86_400, "1 day ago"),
            (2_591_999, "29 days ago"),
            (2_592_000, "1 month ago"),
            (31_535_999, "12 months ago"),
            (31_536_000, "1 year ago"),
            (99_999_999, "3 years ago"),
        ] {
            assert_eq!(ago(seconds), said, "{seconds}");
        }
    }
}
