//! What an operator probably meant.

/// Options other servers or later versions have. Saying so spares the operator the hunt for a typo.
const NOT_IN_THIS_VERSION: [&str; 27] = [
    "accessLog",
    "audioPassthrough",
    "captions",
    "cdn",
    "channels",
    "codec",
    "directory",
    "dvr",
    "federation",
    "ingest",
    "integrations",
    "notifications",
    "plugins",
    "record",
    "recording",
    "requireAuthentication",
    "reverseProxy",
    "s3",
    "schedule",
    "slurFilter",
    "srt",
    "storage",
    "thumbnails",
    "tls",
    "transcription",
    "whep",
    "whip",
];

/// Message and hint for a name that is no option here.
pub(super) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> (String, String) {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let list = || format!("the options here are {}", known.join(", "));
    if NOT_IN_THIS_VERSION.contains(&name) {
        return ("is not in this version".to_owned(), format!("remove it; {}", list()));
    }
    let hint = nearest(name, &known).map_or_else(list, |near| format!("did you mean {near}?"));
    ("there is no such option".to_owned(), hint)
}

/// Hint for a value that is none of the choices.
pub(super) fn choice(text: &str, choices: &[&str]) -> String {
    let list = choices.join(", ");
    nearest(text, choices)
        .map_or_else(|| format!("choose one of {list}"), |near| format!("did you mean {near}? The choices are {list}"))
}

/// The candidate closest to what was written, if one is close enough to be meant.
fn nearest<'a>(written: &str, candidates: &[&'a str]) -> Option<&'a str> {
    // Distance is quadratic; no option name comes near this length.
    if written.chars().count() > 64 {
        return None;
    }
    let written = written.to_lowercase();
    candidates
        .iter()
        .map(|candidate| (rank(&written, &candidate.to_lowercase()), *candidate))
        .filter(|(rank, candidate)| *rank <= 2.max(candidate.len() / 3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits from one to the other; a long shared beginning ("videoBitrate" for "videoBitrateKbps") counts as one edit.
fn rank(written: &str, candidate: &str) -> usize {
    let shortened = written.len() >= 4 && candidate.starts_with(written);
    if shortened { 1 } else { distance(written, candidate) }
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let names = ["videoBitrateKbps", "audioBitrateKbps", "height", "width", "port"];
        for (written, wanted) in [
            ("videoBitrate", Some("videoBitrateKbps")),
            ("audiobitratekbps", Some("audioBitrateKbps")),
            ("heigth", Some("height")),
            ("prot", Some("port")),
            ("banana", None),
        ] {
            assert_eq!(nearest(written, &names), wanted, "{written}");
        }
    }
}
