//! A message as typed, as the HTML that clients show.
//!
//! A small part of Markdown: emphasis, code, links, line breaks. Everything else stays the text it was typed as, raw HTML
//! included, except that programs may write these elements themselves, as in Owncast; bare web addresses become links, and `:name:` the operator's emoji. What is written here has the elements
//! `a`, `p`, `br`, `strong`, `em`, `code`, `pre` and `img` alone, each attribute chosen here; a sanitiser that knows no
//! others goes over it all the same, so that a mistake here stays one.

mod text;
mod writer;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use nixcast_core::chat::events::paragraph;
use pulldown_cmark::{Options, Parser, TextMergeWithOffset};

use super::emoji::{self, EmojiSet};
use writer::{Html, Writer, web_address};

/// What is said about every link: where it leads is its author's word alone.
const REL: &str = "noopener noreferrer nofollow ugc";

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(["a", "p", "br", "strong", "em", "code", "pre", "img"].into())
        .clean_content_tags(["script", "style"].into())
        .tag_attributes([("a", ["href", "target"].into()), ("img", ["alt", "class", "src", "title"].into())].into())
        .url_schemes(["http", "https"].into())
        .url_relative(UrlRelative::Custom(Box::new(here)))
        .link_rel(Some(REL))
        .set_tag_attribute_value("a", "target", "_blank")
        .attribute_filter(|tag, attribute, value| {
            let is_good = match (tag, attribute) {
                ("a", "href") => web_address(value).is_some(),
                ("a", "rel") => value == REL,
                ("a", "target") => value == "_blank",
                ("img", "src") => is_emoji(value),
                ("img", "class") => value == "emoji",
                ("img", "alt" | "title") => true,
                _ => false,
            };
            is_good.then_some(Cow::Borrowed(value))
        });
    builder
});

/// Whether an address is that of one of our emoji.
fn is_emoji(address: &str) -> bool {
    let is_file = |file: &str| !file.is_empty() && file.bytes().all(|byte| emoji::is_name_byte(byte) || byte == b'.');
    address.strip_prefix(emoji::FOLDER).is_some_and(|file| is_file(file) && !file.starts_with('.'))
}

/// The only addresses on this server that a message may name.
fn here(address: &str) -> Option<Cow<'_, str>> {
    is_emoji(address).then_some(Cow::Borrowed(address))
}

/// The HTML of a viewer's message. Empty for one that says nothing.
pub(crate) fn render(raw: &str, emoji: &EmojiSet) -> String {
    render_with(raw, emoji, Html::Text)
}

/// The HTML of a program's message, which may be HTML already. Empty for one that says nothing.
pub(crate) fn render_program(raw: &str, emoji: &EmojiSet) -> String {
    render_with(raw, emoji, Html::Elements)
}

fn render_with(raw: &str, emoji: &EmojiSet, html_is: Html) -> String {
    let raw = readable(raw);
    if raw.trim().is_empty() {
        return String::new();
    }
    let events = TextMergeWithOffset::new(Parser::new_ext(&raw, Options::empty()).into_offset_iter());
    let mut writer = Writer::new(&raw, emoji, html_is);
    for (event, range) in events {
        writer.write(event, range);
    }
    let html = SANITISER.clean(&writer.finish()).to_string();
    // Some Markdown says nothing by itself, the target of a link that nobody uses for example.
    if html.is_empty() { paragraph(raw.trim()) } else { html }
}

fn readable(raw: &str) -> String {
    raw.replace("\r\n", "\n").replace('\r', "\n").chars().filter(|char| text::is_readable(*char)).collect()
}
