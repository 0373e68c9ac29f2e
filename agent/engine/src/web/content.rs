//! Markdown that an operator wrote, as HTML that may stand in the page.
//!
//! CommonMark with tables, task lists, strikethrough and HTML. What comes out holds the elements of [`TAGS`] and no
//! other, nothing that runs or carries a style, and no picture from elsewhere: its server would learn who watches.
//! Made once for each change of the settings.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{Event, Options, Parser};

/// Every element there can be. The page has its `h1` already: headings begin at the second level.
const TAGS: &[&str] = &[
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "u",
    "ul",
    "var",
];

/// Attributes by element; those of "" belong to every element. `rel` is added to links afterwards.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("", &["dir", "id", "lang", "title"]),
    ("a", &["href", "target"]),
    ("details", &["open"]),
    ("img", &["alt", "height", "src", "width"]),
    ("li", &["value"]),
    ("ol", &["reversed", "start"]),
    ("td", &["align", "colspan", "rowspan"]),
    ("th", &["align", "colspan", "rowspan", "scope"]),
    ("time", &["datetime"]),
];

const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

/// Elements that Markdown may put into one another. Nobody reads deeper quotes, and the time that HTML takes to be parsed
/// grows with the square of its depth.
const MOST_NESTED: usize = 32;

/// Before each `id`, so that none is one of the page's own.
const ID_PREFIX: &str = "content-";

/// Makes HTML regular enough to be reshaped as text.
static REGULAR: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = sanitiser();
    builder.add_tags(["h1"]).rm_tag_attributes("a", ["target"]);
    builder
});

/// Answers for what comes out.
static FINAL: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = sanitiser();
    builder.attribute_filter(|tag, attribute, value| match (tag, attribute) {
        ("a", "target") => (value == "_blank").then_some(Cow::Borrowed(value)),
        ("img", "src") => here(value),
        _ => Some(Cow::Borrowed(value)),
    });
    builder
});

/// The HTML of `markdown`, or nothing when there is nothing to say.
///
/// Sanitised, then reshaped, then sanitised again.
pub(crate) fn render(markdown: &str) -> String {
    let regular = REGULAR.clean(&html(markdown)).to_string();
    FINAL.clean(&reshape(&regular)).to_string().trim().to_owned()
}

/// Whatever the Markdown says, sanitised by nobody.
fn html(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut depth = 0_usize;
    let events = Parser::new_ext(markdown, options).filter_map(|event| match event {
        // A form's checkbox that cannot be ticked says no more, and would be the only form there is.
        Event::TaskListMarker(is_done) => Some(Event::Text(if is_done { "☑ " } else { "☐ " }.into())),
        Event::Start(_) => {
            depth += 1;
            (depth <= MOST_NESTED).then_some(event)
        }
        Event::End(_) => {
            depth = depth.saturating_sub(1);
            (depth < MOST_NESTED).then_some(event)
        }
        event => Some(event),
    });
    let mut html = String::with_capacity(markdown.len() * 3 / 2);
    pulldown_cmark::html::push_html(&mut html, events);
    // The policy of the page allows no style attribute, which is how columns of a table would be aligned.
    for side in ["left", "center", "right"] {
        html = html.replace(&format!(" style=\"text-align: {side}\""), &format!(" align=\"{side}\""));
    }
    html
}

fn sanitiser() -> Builder<'static> {
    let mut builder = Builder::empty();
    let attributes = |of: &str| -> HashSet<&'static str> {
        ATTRIBUTES.iter().filter(|(tag, _)| *tag == of).flat_map(|(_, names)| names.iter().copied()).collect()
    };
    let by_tag: HashMap<&'static str, HashSet<&'static str>> =
        ATTRIBUTES.iter().filter(|(tag, _)| !tag.is_empty()).map(|(tag, _)| (*tag, attributes(tag))).collect();
    builder
        .tags(TAGS.iter().copied().collect())
        .clean_content_tags(["script", "style"].into())
        .generic_attributes(attributes(""))
        .tag_attributes(by_tag)
        .url_schemes(SCHEMES.into())
        .url_relative(UrlRelative::Custom(Box::new(here)))
        .id_prefix(Some(ID_PREFIX))
        .link_rel(Some("noopener noreferrer"));
    builder
}

/// An address on this very server: a path from its root, or a place in the same text.
fn here(address: &str) -> Option<Cow<'_, str>> {
    if let Some(place) = address.strip_prefix('#') {
        let is_prefixed = place.is_empty() || place.starts_with(ID_PREFIX);
        return Some(if is_prefixed { Cow::Borrowed(address) } else { Cow::Owned(format!("#{ID_PREFIX}{place}")) });
    }
    let mut characters = address.chars();
    // "//" and "/\" begin the name of another server, and browsers skip control characters on the way to them.
    let is_path = characters.next() == Some('/') && !matches!(characters.next(), Some('/' | '\\'));
    (is_path && !address.contains(char::is_control)).then_some(Cow::Borrowed(address))
}

/// Moves headings one level down, opens links to elsewhere in another tab, and makes links of pictures from elsewhere.
/// `html` is as a sanitiser writes it: every attribute quoted, every element closed.
fn reshape(html: &str) -> String {
    let mut shaped = String::with_capacity(html.len() + html.len() / 8);
    let mut rest = html;
    let mut is_in_link = false;
    while let Some(start) = rest.find('<') {
        let (text, from_tag) = rest.split_at(start);
        let (tag, after) = from_tag.split_at(tag_length(from_tag));
        shaped.push_str(text);
        let name = tag.trim_start_matches(['<', '/']).split([' ', '>']).next().unwrap_or_default();
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" => shaped.push_str(&lower(tag, name)),
            "a" => {
                is_in_link = !tag.starts_with("</");
                let leaves = attribute(tag, "href").is_some_and(|address| address.starts_with("http"));
                shaped.push_str(&if leaves { tag.replacen("<a", "<a target=\"_blank\"", 1) } else { tag.to_owned() });
            }
            "img" => shaped.push_str(&picture(tag, is_in_link)),
            _ => shaped.push_str(tag),
        }
        rest = after;
    }
    shaped + rest
}

/// Bytes up to and with the `>` that ends the tag `html` begins with.
fn tag_length(html: &str) -> usize {
    let mut is_quoted = false;
    let end = html.bytes().position(|byte| {
        is_quoted ^= byte == b'"';
        byte == b'>' && !is_quoted
    });
    end.map_or(html.len(), |end| end + 1)
}

/// The same tag of a heading, one level down.
fn lower(tag: &str, heading: &str) -> String {
    let level = heading.as_bytes().last().map_or(2, |digit| digit - b'0' + 1);
    tag.replacen(heading, &format!("h{level}"), 1)
}

/// A picture from elsewhere as a link to it that reads as the picture would be read aloud.
fn picture(tag: &str, is_in_link: bool) -> String {
    match attribute(tag, "src") {
        Some(address) if is_elsewhere(address) => {
            let alt = attribute(tag, "alt").map(str::trim).filter(|alt| !alt.is_empty());
            let text = alt.unwrap_or(address).replace('<', "&lt;").replace('>', "&gt;");
            // Links cannot be nested: the one around the picture is the one that was meant.
            if is_in_link { text } else { format!("<a target=\"_blank\" href=\"{address}\">{text}</a>") }
        }
        _ => tag.to_owned(),
    }
}

/// The value of an attribute, as it is written.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = tag.split_once(' ')?.1;
    loop {
        let (have, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if have.trim() == name {
            return Some(value);
        }
        rest = after;
    }
}

fn is_elsewhere(address: &str) -> bool {
    !address.starts_with(['/', '#'])
}

#[cfg(test)]
mod tests;
