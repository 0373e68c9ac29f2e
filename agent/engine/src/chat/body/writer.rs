//! Writes what a Markdown parser found. Well-formed by construction: whatever is opened here is closed here, raw HTML aside.

use std::ops::Range;

use pulldown_cmark::{Event, Tag, TagEnd};
use url::Url;

use super::REL;
use super::text::{escape, rich};
use crate::chat::emoji::EmojiSet;

/// Emphasis that may stand in emphasis. Nobody sees more, and the time that HTML takes to be parsed grows with the square
/// of its depth.
const MOST_NESTED: usize = 8;

pub(super) struct Writer<'a> {
    raw: &'a str,
    emoji: &'a EmojiSet,
    html: String,
    /// Where the open paragraph began.
    paragraph: Option<usize>,
    /// Whether the paragraph has nothing but the mark of a list or a quotation, so that what comes belongs to it.
    is_marked: bool,
    /// What is open in the paragraph, in the order of opening; none for what was let go.
    open: Vec<Option<&'static str>>,
    is_code: bool,
    html_is: Html,
    /// Whether another line of raw HTML would be a new one.
    is_line_over: bool,
    /// Emoji written.
    pictures: usize,
}

/// What becomes of raw HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Html {
    /// It stays the text it was typed as.
    Text,
    /// It is passed on, for a sanitiser to go over.
    Elements,
}

/// An address that may be linked: of the web, and without a name and password, which are only there to deceive.
pub(super) fn web_address(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (is_web && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// The start tag of a link.
pub(super) fn link(html: &mut String, url: &Url) {
    html.push_str("<a href=\"");
    escape(html, url.as_str());
    html.push_str("\" target=\"_blank\" rel=\"");
    html.push_str(REL);
    html.push_str("\">");
}

impl<'a> Writer<'a> {
    pub(super) fn new(raw: &'a str, emoji: &'a EmojiSet, html_is: Html) -> Self {
        let html = String::with_capacity(raw.len() + raw.len() / 2 + 16);
        Self {
            raw,
            emoji,
            html,
            paragraph: None,
            is_marked: false,
            open: Vec::new(),
            is_code: false,
            html_is,
            is_line_over: false,
            pictures: 0,
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.close_paragraph();
        self.html
    }

    /// `range`: where it stands in the message.
    pub(super) fn write(&mut self, event: Event<'_>, range: Range<usize>) {
        let source = self.raw.get(range).unwrap_or_default();
        match event {
            Event::Start(tag) => self.start(tag, source),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.is_code => escape(&mut self.html, &text),
            Event::Text(text) => self.text(&text),
            Event::Html(html) if self.html_is == Html::Elements => self.html.push_str(&html),
            Event::InlineHtml(html) if self.html_is == Html::Elements => {
                self.in_paragraph();
                self.html.push_str(&html);
            }
            Event::Html(html) | Event::InlineHtml(html) => self.lines(&html),
            Event::Code(code) => {
                self.in_paragraph();
                self.html.push_str("<code>");
                escape(&mut self.html, &code);
                self.html.push_str("</code>");
            }
            Event::SoftBreak | Event::HardBreak => self.html.push_str("<br>"),
            Event::Rule => {
                self.close_paragraph();
                self.text(source.trim());
                self.close_paragraph();
            }
            // Parts of Markdown that are turned off.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => self.text(&text),
            Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>, source: &str) {
        match tag {
            Tag::HtmlBlock if self.html_is == Html::Elements => self.close_paragraph(),
            Tag::Paragraph | Tag::HtmlBlock => self.new_paragraph(),
            Tag::Heading { .. } => {
                self.new_paragraph();
                let marks = source.len() - source.trim_start_matches('#').len();
                self.mark(&source[..marks]);
            }
            Tag::BlockQuote(_) => {
                self.new_paragraph();
                self.mark(">");
            }
            Tag::List(_) => {}
            Tag::Item => {
                if self.paragraph.is_some() && !self.is_marked {
                    self.html.push_str("<br>");
                }
                self.in_paragraph();
                self.mark(source.split_whitespace().next().unwrap_or_default());
            }
            Tag::CodeBlock(_) => {
                self.close_paragraph();
                self.is_code = true;
                self.html.push_str("<pre><code>");
            }
            Tag::Emphasis => self.open("<em>", "</em>"),
            Tag::Strong => self.open("<strong>", "</strong>"),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.in_paragraph();
                // Links cannot be nested: the one around it is the one that was meant.
                let url = if self.is_in_link() { None } else { web_address(&dest_url) };
                match url {
                    Some(url) => {
                        link(&mut self.html, &url);
                        self.open.push(Some("</a>"));
                    }
                    None => self.open.push(None),
                }
            }
            _turned_off => self.in_paragraph(),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock | TagEnd::Heading(_) | TagEnd::BlockQuote(_) | TagEnd::List(_) => {
                self.close_paragraph();
            }
            TagEnd::CodeBlock => {
                self.is_code = false;
                self.html.push_str("</code></pre>");
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Link | TagEnd::Image => {
                if let Some(end) = self.open.pop().flatten() {
                    self.html.push_str(end);
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, start: &str, end: &'static str) {
        self.in_paragraph();
        if self.open.len() < MOST_NESTED {
            self.html.push_str(start);
            self.open.push(Some(end));
        } else {
            self.open.push(None);
        }
    }

    fn is_in_link(&self) -> bool {
        self.open.contains(&Some("</a>"))
    }

    fn text(&mut self, text: &str) {
        self.in_paragraph();
        let may_link = !self.is_in_link();
        rich(&mut self.html, text, self.emoji, may_link, &mut self.pictures);
    }

    /// Text with the line breaks it was typed with. It comes line by line, and the last break says nothing.
    fn lines(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            if std::mem::take(&mut self.is_line_over) {
                self.html.push_str("<br>");
            }
            self.text(line.trim_end_matches('\n'));
            self.is_line_over = line.ends_with('\n');
        }
    }

    /// What a line of a list, a quotation or a heading begins with, as it was typed.
    fn mark(&mut self, mark: &str) {
        if !mark.is_empty() {
            escape(&mut self.html, mark);
            self.html.push(' ');
        }
        self.is_marked = true;
    }

    fn new_paragraph(&mut self) {
        if !self.is_marked {
            self.close_paragraph();
        }
        let was_marked = self.is_marked;
        self.in_paragraph();
        self.is_marked = was_marked;
    }

    fn in_paragraph(&mut self) {
        self.is_marked = false;
        if self.paragraph.is_none() {
            self.html.push_str("<p>");
            self.paragraph = Some(self.html.len());
        }
    }

    fn close_paragraph(&mut self) {
        self.is_marked = false;
        self.is_line_over = false;
        let Some(start) = self.paragraph.take() else { return };
        for end in self.open.drain(..).rev().flatten() {
            self.html.push_str(end);
        }
        self.html.truncate(self.html.trim_end().len());
        if self.html.len() <= start {
            self.html.truncate(start - "<p>".len());
        } else {
            self.html.push_str("</p>");
        }
    }
}
