//! Where something stands in the settings, written the way an operator writes it in Nix.
//!
//! Problems, plans and reports name options, never JSON pointers: the operator edits Nix.

use std::fmt;

/// Every option of the server lies below this one.
const PREFIX: &str = "services.nixcast";

/// Words Nix reads as something else than an attribute name.
const KEYWORDS: [&str; 10] = ["assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"];

/// The NixOS option path of the given attribute names below `services.nixcast`, each quoted if Nix needs it:
/// `option_path(&["video", "variants", "720p"])` is `services.nixcast.video.variants."720p"`.
#[must_use]
pub fn option_path(names: &[&str]) -> String {
    names.iter().fold(PREFIX.to_owned(), |path, name| format!("{path}.{}", attribute(name)))
}

/// One attribute name, quoted and escaped if it is not a plain Nix identifier.
fn attribute(name: &str) -> String {
    let mut letters = name.chars();
    let plain = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '\''))
        && !KEYWORDS.contains(&name);
    if plain {
        return name.to_owned();
    }
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for letter in name.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '$' => quoted.push_str("\\$"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Nix has no escape for the others, and a terminal must not be driven by a document.
            other if other.is_control() => quoted.push(char::REPLACEMENT_CHARACTER),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// One step from a value to a value inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// A property, or an entry of a list whose entries have names.
    Name(String),
    /// An entry of a list whose entries have no names, counted from 0.
    Index(usize),
}

/// A place in a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<Segment>);

impl Path {
    pub(crate) fn name(&self, name: &str) -> Self {
        self.with(Segment::Name(name.to_owned()))
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// The entry of a list: by its name where entries have one, by its place otherwise.
    pub(crate) fn entry(&self, index: usize, name: Option<&str>) -> Self {
        name.filter(|name| !name.is_empty()).map_or_else(|| self.index(index), |name| self.name(name))
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The version belongs to the document, no option sets it.
        if self.0 == [Segment::Name("apiVersion".to_owned())] {
            return f.write_str("apiVersion");
        }
        f.write_str(PREFIX)?;
        for segment in &self.0 {
            match segment {
                Segment::Name(name) => write!(f, ".{}", attribute(name))?,
                Segment::Index(index) => write!(f, ".[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_only_where_nix_needs_it() {
        for (name, written) in [
            ("source", "source"),
            ("_x-1'", "_x-1'"),
            ("720p", "\"720p\""),
            ("room.a", "\"room.a\""),
            ("with", "\"with\""),
            ("", "\"\""),
            ("a\"b\\c${d}\n\u{1b}", "\"a\\\"b\\\\c\\${d}\\n\u{fffd}\""),
        ] {
            assert_eq!(option_path(&["streamKeys", name]), format!("services.nixcast.streamKeys.{written}"));
        }
    }

    #[test]
    fn anonymous_entries_are_numbered() {
        let path = Path::default().name("instance").name("socialHandles").entry(3, None).name("url");
        assert_eq!(path.to_string(), "services.nixcast.instance.socialHandles.[3].url");
    }
}
