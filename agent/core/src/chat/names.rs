//! Display names: what may be one, which are forbidden, and what to call somebody who brings none.

use std::collections::HashSet;

use super::fold::fold;
use super::invented::invented;

/// Longest display name, in characters (Owncast).
pub const MAX_NAME_CHARS: usize = 30;
/// Fewer suggested names than this are not used, so that the first ten guests have different names (Owncast).
pub const MIN_SUGGESTED: usize = 10;
/// Marks above and below one letter. Vietnamese needs two, Hebrew with vowels and accents three.
const MAX_MARKS: usize = 4;

/// Why a name cannot be taken. `Display` goes on where "the name" leaves off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("is empty")]
    Empty,
    #[error("is longer than {MAX_NAME_CHARS} characters")]
    TooLong,
    #[error("has a character that cannot be seen or that turns the text around")]
    Invisible,
    #[error("has too many marks on one letter")]
    TooManyMarks,
    #[error("is not allowed here")]
    Forbidden,
    #[error("looks like that of somebody else")]
    Taken,
}

/// The name without blanks around it, and one blank for each run of them.
pub fn clean(name: &str) -> Result<String, NameError> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().any(is_invisible) {
        return Err(NameError::Invisible);
    }
    // Joiners hold emoji and Persian letters together; alone they are nothing.
    if name.chars().all(is_joiner) {
        return Err(NameError::Empty);
    }
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(NameError::TooLong);
    }
    let mut marks = 0;
    for char in name.chars() {
        marks = if is_mark(char) { marks + 1 } else { 0 };
        if marks > MAX_MARKS {
            return Err(NameError::TooManyMarks);
        }
    }
    Ok(name)
}

/// Controls, overrides of the direction of text, and what is drawn as nothing. A name in Hebrew or Arabic needs none.
fn is_invisible(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Zero width (non-)joiner and the selectors between a sign's looks.
const fn is_joiner(char: char) -> bool {
    matches!(char, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

const fn is_mark(char: char) -> bool {
    matches!(char,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{64b}'..='\u{65f}'
        | '\u{6d6}'..='\u{6dc}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Whether two names look alike.
#[must_use]
pub fn look_alike(one: &str, other: &str) -> bool {
    fold(one) == fold(other)
}

/// The declared names, made ready to compare with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForbiddenNames(HashSet<String>);

impl ForbiddenNames {
    #[must_use]
    pub fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| fold(name.trim())).filter(|name| !name.is_empty()).collect())
    }

    /// Whether `name`, or a word of it, looks like a forbidden one, with or without digits behind. "Badminton" does not
    /// contain "admin".
    #[must_use]
    pub fn forbid(&self, name: &str) -> bool {
        self.is_one(name) || words(name).any(|word| self.is_one(word))
    }

    fn is_one(&self, text: &str) -> bool {
        let bare = text.trim_end_matches(|char: char| !char.is_alphabetic());
        self.0.contains(&fold(text)) || (!bare.is_empty() && self.0.contains(&fold(bare)))
    }
}

/// Words end at signs and blanks, and before a capital that follows a small letter: "AdminAnna".
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|char: char| !char.is_alphanumeric() && !"@$!|".contains(char)).flat_map(|word| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let end = rest
                .char_indices()
                .zip(rest.chars().skip(1))
                .find(|((_, before), after)| before.is_lowercase() && after.is_uppercase())
                .map_or(rest.len(), |((at, before), _)| at + before.len_utf8());
            let (word, after) = rest.split_at(end);
            rest = after;
            (!word.is_empty()).then_some(word)
        })
    })
}

/// What to call somebody: one of the suggested names if there are enough of them, else an invented one. Suggested names
/// that could not be taken are passed over.
#[must_use]
pub fn suggest(suggested: &[String], chance: u64) -> String {
    let index = usize::try_from(chance % suggested.len().max(1) as u64).unwrap_or(0);
    match suggested.get(index) {
        Some(name) if suggested.len() >= MIN_SUGGESTED => clean(name).unwrap_or_else(|_| invented(chance)),
        _ => invented(chance),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_trimmed_and_checked() {
        for (name, cleaned) in [
            ("Anna", Ok("Anna")),
            ("  Anna \t\n of   the  Lake ", Ok("Anna of the Lake")),
            ("test-user", Ok("test-user")),
            ("👩‍🔬", Ok("👩‍🔬")),
            ("شهرزاد", Ok("شهرزاد")),
            ("Nguyễn", Ok("Nguyễn")),
            ("", Err(NameError::Empty)),
            (" \u{a0}\u{3000} ", Err(NameError::Empty)),
            ("\u{200d}\u{fe0f}", Err(NameError::Empty)),
            ("a\u{0}b", Err(NameError::Invisible)),
            ("a\u{7f}", Err(NameError::Invisible)),
            ("a\u{85}\u{9b}", Err(NameError::Invisible)),
            ("\u{202e}nimda", Err(NameError::Invisible)),
            ("\u{2067}a", Err(NameError::Invisible)),
            ("a\u{200b}", Err(NameError::Invisible)),
            ("\u{3164}", Err(NameError::Invisible)),
            ("a\u{e0041}", Err(NameError::Invisible)),
            ("Z\u{300}\u{301}\u{302}\u{303}\u{304}", Err(NameError::TooManyMarks)),
        ] {
            assert_eq!(clean(name).as_deref(), cleaned.as_ref().map(|name: &&str| *name), "{name:?}");
        }
        let thirty = "é".repeat(30);
        assert_eq!(clean(&thirty), Ok(thirty.clone()));
        assert_eq!(clean(&format!("{thirty}e")), Err(NameError::TooLong));
    }

    #[test]
    fn forbidden_names_are_known_in_disguise() {
        let forbidden = ForbiddenNames::new(&["owncast", " Admin ", "system", ""].map(str::to_owned));
        for name in [
            "admin",
            "ADMIN",
            "a.d.m.i.n",
            "Admin42",
            "the_admin",
            "xX admin Xx",
            "AdminAnna",
            "аdmin",
            "Αdmin",
            "@dm1n",
            "𝐚𝐝𝐦𝐢𝐧",
            "system!",
            "$ystem",
            "0WNCAST",
            "admin 2",
        ] {
            assert!(forbidden.forbid(name), "{name}");
        }
        for name in ["Badminton", "Anna", "administrator", "ecosystem", "42", "🦊", "o"] {
            assert!(!forbidden.forbid(name), "{name}");
        }
        assert!(!ForbiddenNames::default().forbid("admin"));
    }

    #[test]
    fn ten_suggestions_are_used_and_nine_are_not() {
        let names: Vec<String> = (0..10).map(|number| format!("Guest {number}")).collect();
        assert_eq!(suggest(&names, 23), "Guest 3");
        assert!(!suggest(&names[..9], 23).starts_with("Guest"));
        let broken = vec!["\u{202e}".to_owned(); 10];
        assert!(clean(&suggest(&broken, 1)).is_ok());
        assert_eq!(suggest(&[], 0), "Amber Badger");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_invented_name_can_be_taken(chance in any::<u64>()) {
            let name = suggest(&[], chance);
            prop_assert_eq!(clean(&name), Ok(name));
        }

        #[test]
        fn what_is_clean_stays_clean(name in "\\PC{0,40}") {
            if let Ok(cleaned) = clean(&name) {
                prop_assert_eq!(clean(&cleaned), Ok(cleaned.clone()));
                prop_assert!(cleaned.chars().count() <= MAX_NAME_CHARS);
            }
        }
    }
}
