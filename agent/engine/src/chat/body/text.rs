//! Text with what is found in it: web addresses and emoji.

use super::writer::{link, web_address};
use crate::chat::emoji::{EmojiSet, is_name_byte};

/// Emoji in one message, at most; what comes after stays `:name:`.
const MOST_EMOJI: usize = 100;

const SCHEMES: [&str; 2] = ["https://", "http://"];

/// What ends an address: nobody writes these in one, and others write an address between them.
const NO_ADDRESS: &[char] = &['<', '>', '"', '`', '{', '}', '|', '\\', '^'];

/// What belongs to the sentence if an address ends with it.
const PUNCTUATION: &[char] = &['.', ',', ';', ':', '!', '?', '\'', '*', '_', '~', '…', '。', '、', '，', '！', '？'];

/// Whether somebody can have typed it. Control characters, and code points that are no characters, do nothing but upset
/// whatever reads the text next.
pub(super) fn is_readable(char: char) -> bool {
    let is_none = u32::from(char) & 0xFFFE == 0xFFFE || matches!(char, '\u{FDD0}'..='\u{FDEF}');
    !is_none && (!char.is_control() || matches!(char, '\n' | '\t'))
}

/// Writes text as text. Entities may have brought what nobody typed.
pub(super) fn escape(html: &mut String, text: &str) {
    for char in text.chars().filter(|char| is_readable(*char)) {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            char => html.push(char),
        }
    }
}

/// Writes `text` with its addresses as links, if they may be, and its emoji as pictures. `pictures`: how many have been
/// written in this message.
pub(super) fn rich(html: &mut String, text: &str, emoji: &EmojiSet, may_link: bool, pictures: &mut usize) {
    let mut plain = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        match rest.as_bytes()[0] {
            b'h' | b'H' if may_link && has_scheme(rest) && !follows_word(&text[..at]) => {
                let typed = address(rest);
                // What is no address from here is none from further on.
                if let Some(url) = web_address(typed) {
                    escape(html, &text[plain..at]);
                    link(html, &url);
                    escape(html, typed);
                    html.push_str("</a>");
                    plain = at + typed.len();
                }
                at += typed.len();
            }
            b':' => {
                let name = name(&rest[1..]);
                let found =
                    emoji.find(name).filter(|_| *pictures < MOST_EMOJI && rest[1 + name.len()..].starts_with(':'));
                at += 1 + name.len();
                if let Some((name, address)) = found {
                    escape(html, &text[plain..at - 1 - name.len()]);
                    picture(html, name, &address);
                    *pictures += 1;
                    at += 1;
                    plain = at;
                }
            }
            _ => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    escape(html, &text[plain..]);
}

fn has_scheme(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

fn follows_word(before: &str) -> bool {
    before.chars().next_back().is_some_and(char::is_alphanumeric)
}

/// The address that `text` begins with, as far as it is meant to be one; its scheme at least.
fn address(text: &str) -> &str {
    let is_end = |char: char| char.is_whitespace() || char.is_control() || NO_ADDRESS.contains(&char);
    let typed = &text[..text.find(is_end).unwrap_or(text.len())];
    let trimmed = balanced(typed.trim_end_matches(PUNCTUATION));
    if trimmed.is_empty() { typed } else { trimmed }
}

/// The name of an emoji that `text` begins with, perhaps.
fn name(text: &str) -> &str {
    let length = text.bytes().take_while(|byte| is_name_byte(*byte)).count();
    &text[..length]
}

fn picture(html: &mut String, name: &str, address: &str) {
    for part in ["<img class=\"emoji\" src=\"", address, "\" alt=\":", name, ":\" title=\":", name, ":\">"] {
        html.push_str(part);
    }
}

/// Without closing brackets at the end that are opened before the address, as in "(see https://a.example)".
fn balanced(mut typed: &str) -> &str {
    for (open, close) in [('(', ')'), ('[', ']')] {
        let surplus = typed.matches(close).count().saturating_sub(typed.matches(open).count());
        for _ in 0..surplus {
            match typed.strip_suffix(close) {
                Some(shorter) => typed = shorter.trim_end_matches(PUNCTUATION),
                None => break,
            }
        }
    }
    typed
}
