//! History as people read it: one line for each document, with what stood in the way below it.

use nixcast_core::plan::Colour;
use nixcast_reconciler::{Entry, GenerationOutcome, HeldObject, HistoryEvent, Origin, RefusedDocument, held_sentence};

/// Everything that happened, oldest first.
pub(crate) fn render(events: &[HistoryEvent], colour: Colour) -> String {
    if events.is_empty() {
        return "No settings were accepted or refused yet.\n".to_owned();
    }
    events.iter().map(|event| told(event, colour)).collect()
}

fn told(event: &HistoryEvent, colour: Colour) -> String {
    match event {
        HistoryEvent::Accepted { entry, outcome } => accepted(entry, outcome, colour),
        HistoryEvent::Refused(document) => refused(document, colour),
        HistoryEvent::Damaged { generation, reason } => {
            format!("{generation:>6}  {:<20}  {:<12}  {}\n", "", "", colour.paint("31", reason))
        }
    }
}

fn accepted(entry: &Entry, outcome: &GenerationOutcome, colour: Colour) -> String {
    let Entry { generation, accepted_at, digest, origin, same_as } = entry;
    let digest: String = digest.chars().take(12).collect();
    let (became, held) = became(outcome, *accepted_at, colour);
    let back = same_as.map_or_else(String::new, |same| format!("back to generation {same}, "));
    let mut text =
        format!("{generation:>6}  {}  {digest:<12}  {back}{became}  {}\n", moment(*accepted_at), from(origin));
    for HeldObject { option, reason } in held {
        let line = held_sentence(option, reason);
        text.push_str(&format!("{:>8}{} {line}\n", "", colour.paint("33", "!")));
    }
    text
}

/// The outcome in words, and what was held.
fn became(outcome: &GenerationOutcome, accepted_at: i64, colour: Colour) -> (String, &[HeldObject]) {
    match outcome {
        GenerationOutcome::Applying => (colour.paint("33", "being applied"), &[]),
        GenerationOutcome::Converged { at } => {
            let words = match at.saturating_sub(accepted_at) {
                ..=1 => "converged at once".to_owned(),
                seconds @ 2..120 => format!("converged {seconds} s later"),
                _ => format!("converged {}", moment(*at)),
            };
            (colour.paint("32", &words), &[])
        }
        GenerationOutcome::Held { since, objects } => {
            (colour.paint("33", &format!("held since {}", moment(*since))), objects)
        }
        GenerationOutcome::Superseded { by, objects } => {
            (format!("superseded by generation {by} before it was seen to converge"), objects)
        }
        GenerationOutcome::Unknown => ("outcome not recorded".to_owned(), &[]),
    }
}

fn refused(document: &RefusedDocument, colour: Colour) -> String {
    let RefusedDocument {
        first_at,
        last_at,
        times,
        kept_generation: _,
        path,
        store_path,
        is_handed_in,
        reason: _,
        message,
        first_problem,
        problems,
    } = document;
    let again = if *times > 1 { format!(" ({times} times, last {})", moment(*last_at)) } else { String::new() };
    let origin = Origin {
        path: path.clone(),
        store_path: store_path.clone(),
        is_handed_in: *is_handed_in,
        source_content: None,
    };
    let words = format!("refused{again}: {message}");
    let mut text =
        format!("{:>6}  {}  {:<12}  {}  {}\n", "-", moment(*first_at), "-", colour.paint("31", &words), from(&origin));
    if let Some(problem) = first_problem {
        let more = if *problems > 1 { format!(" (and {} more)", problems - 1) } else { String::new() };
        text.push_str(&format!("{:>8}{} {}: {}{more}\n", "", colour.paint("31", "!"), problem.option, problem.message));
    }
    text
}

fn from(origin: &Origin) -> String {
    let path = origin.store_path.as_ref().or(origin.path.as_ref()).map(|path| path.display().to_string());
    match (path, origin.is_handed_in) {
        (Some(path), false) => path,
        (Some(path), true) => format!("{path} (handed in)"),
        (None, _) => "handed in".to_owned(),
    }
}

fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use nixcast_reconciler::{ProblemReport, RefusalReason};

    use super::*;

    fn accepted(generation: u64, same_as: Option<u64>, outcome: GenerationOutcome) -> HistoryEvent {
        let origin = Origin {
            path: Some("/etc/nixcast/settings.json".into()),
            store_path: Some("/nix/store/x-settings.json".into()),
            is_handed_in: generation == 4,
            source_content: None,
        };
        let digest = "0a1b2c3d".repeat(8);
        HistoryEvent::Accepted { entry: Entry { generation, accepted_at: 60, digest, origin, same_as }, outcome }
    }

    #[test]
    fn every_outcome_reads_like_a_sentence() {
        let held = vec![HeldObject {
            option: "services.nixcast.http".to_owned(),
            reason: "cannot listen on [::]:80: taken".to_owned(),
        }];
        let refused = HistoryEvent::Refused(RefusedDocument {
            first_at: 61,
            last_at: 62,
            times: 2,
            kept_generation: 1,
            path: Some("/etc/nixcast/settings.json".into()),
            store_path: None,
            is_handed_in: false,
            reason: RefusalReason::Invalid,
            message: "the settings have 3 problems".to_owned(),
            first_problem: Some(ProblemReport {
                option: "services.nixcast.http.port".to_owned(),
                message: "must be at least 1".to_owned(),
                hint: String::new(),
            }),
            problems: 3,
        });
        let events = [
            accepted(1, None, GenerationOutcome::Converged { at: 60 }),
            refused,
            accepted(2, None, GenerationOutcome::Superseded { by: 3, objects: held.clone() }),
            accepted(3, None, GenerationOutcome::Unknown),
            accepted(4, Some(1), GenerationOutcome::Converged { at: 95 }),
            HistoryEvent::Damaged { generation: 5, reason: "is damaged: EOF".to_owned() },
            accepted(6, None, GenerationOutcome::Held { since: 61, objects: held }),
        ];
        let want = "     1  1970-01-01T00:01:00Z  0a1b2c3d0a1b  converged at once  /nix/store/x-settings.json
     -  1970-01-01T00:01:01Z  -             refused (2 times, last 1970-01-01T00:01:02Z): the settings have 3 problems  /etc/nixcast/settings.json
        ! services.nixcast.http.port: must be at least 1 (and 2 more)
     2  1970-01-01T00:01:00Z  0a1b2c3d0a1b  superseded by generation 3 before it was seen to converge  /nix/store/x-settings.json
        ! services.nixcast.http: cannot listen on [::]:80: taken
     3  1970-01-01T00:01:00Z  0a1b2c3d0a1b  outcome not recorded  /nix/store/x-settings.json
     4  1970-01-01T00:01:00Z  0a1b2c3d0a1b  back to generation 1, converged 35 s later  /nix/store/x-settings.json (handed in)
     5                                      is damaged: EOF
     6  1970-01-01T00:01:00Z  0a1b2c3d0a1b  held since 1970-01-01T00:01:01Z  /nix/store/x-settings.json
        ! services.nixcast.http: cannot listen on [::]:80: taken
";
        assert_eq!(render(&events, Colour::Plain), want);
        assert_eq!(render(&[], Colour::Plain), "No settings were accepted or refused yet.\n");
    }
}
