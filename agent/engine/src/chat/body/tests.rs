#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use proptest::prelude::*;
use url::Url;

use super::*;
use crate::chat::emoji::DeclaredEmoji;

/// Payloads by kind. A browser is shown the same ones.
static CORPUS: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus/xss.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
});

static EMOJI: LazyLock<EmojiSet> = LazyLock::new(|| {
    let emoji = |name: &str| DeclaredEmoji {
        name: name.to_owned(),
        media_type: "image/svg+xml".to_owned(),
        picture: Bytes::from_static(b"<svg/>"),
    };
    EmojiSet::new(["x", "wave", "+1", "constructor", "a_b_c"].map(emoji).into()).0
});

/// Reads HTML as a browser's tokenizer does, and notes what may not be in a message. None of the elements that may be
/// there changes how a browser reads on, so there is nothing more in the page than there are tags here.
#[derive(Default)]
struct Inspector {
    faults: RefCell<Vec<String>>,
    open: RefCell<Vec<String>>,
    /// Whether elements may lack what they are for, and name emoji that are not there.
    is_of_program: bool,
}

impl Inspector {
    fn fault(&self, fault: String) {
        self.faults.borrow_mut().push(fault);
    }

    fn start(&self, name: &str, attributes: &BTreeMap<String, String>) {
        let value = |name: &str| attributes.get(name).map_or("", String::as_str);
        let names: Vec<&str> = attributes.keys().map(String::as_str).collect();
        let is_web = |address: &str| {
            Url::parse(address).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
            })
        };
        let is_good = match name {
            "p" | "br" | "strong" | "em" | "code" | "pre" => names.is_empty(),
            "a" if self.is_of_program && !names.contains(&"href") => names == ["rel", "target"],
            "img" if self.is_of_program => {
                let is_known = |name: &&str| match *name {
                    "src" => is_emoji(value("src")),
                    "class" => value("class") == "emoji",
                    other => matches!(other, "alt" | "title"),
                };
                names.iter().all(is_known)
            }
            "a" => {
                names == ["href", "rel", "target"]
                    && is_web(value("href"))
                    && value("rel") == "noopener noreferrer nofollow ugc"
                    && value("target") == "_blank"
            }
            "img" => {
                let known = EMOJI.list();
                names == ["alt", "class", "src", "title"]
                    && value("class") == "emoji"
                    && known.iter().any(|emoji| {
                        let typed = format!(":{}:", emoji.name);
                        emoji.url == value("src") && typed == value("alt") && typed == value("title")
                    })
            }
            _ => false,
        };
        if !is_good {
            self.fault(format!("<{name}> with {attributes:?}"));
        }
        if name == "a" && self.open.borrow().iter().any(|open| open == "a") {
            self.fault("a link in a link".to_owned());
        }
        if !matches!(name, "br" | "img") {
            self.open.borrow_mut().push(name.to_owned());
        }
    }

    fn end(&self, name: &str) {
        if self.open.borrow_mut().pop().as_deref() != Some(name) {
            self.fault(format!("</{name}> closes nothing"));
        }
    }
}

impl TokenSink for Inspector {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) => match tag.kind {
                TagKind::StartTag => {
                    let attribute = |it: &html5ever::Attribute| (it.name.local.to_string(), it.value.to_string());
                    self.start(&tag.name, &tag.attrs.iter().map(attribute).collect());
                }
                TagKind::EndTag => self.end(&tag.name),
            },
            Token::CommentToken(text) => self.fault(format!("a comment: {text}")),
            Token::DoctypeToken(_) => self.fault("a doctype".to_owned()),
            Token::ParseError(error) => self.fault(error.into_owned()),
            Token::NullCharacterToken => self.fault("a null character".to_owned()),
            Token::CharacterTokens(_) | Token::EOFToken => {}
        }
        TokenSinkResult::Continue
    }
}

/// What is wrong with the HTML of a message.
fn faults(html: &str) -> Vec<String> {
    faults_for(html, Inspector::default())
}

fn faults_for(html: &str, inspector: Inspector) -> Vec<String> {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(html));
    let tokenizer = Tokenizer::new(inspector, TokenizerOpts { exact_errors: true, ..Default::default() });
    let _no_script = tokenizer.feed(&input);
    tokenizer.end();
    let Inspector { faults, open, .. } = tokenizer.sink;
    let unclosed = open.into_inner().into_iter().map(|name| format!("<{name}> is not closed"));
    faults.into_inner().into_iter().chain(unclosed).collect()
}

fn check(raw: &str) {
    let html = render(raw, &EMOJI);
    assert_eq!(faults(&html), Vec::<String>::new(), "{raw:?} became {html:?}");
    let html = render_program(raw, &EMOJI);
    let inspector = Inspector { is_of_program: true, ..Inspector::default() };
    assert_eq!(faults_for(&html, inspector), Vec::<String>::new(), "{raw:?} of a program became {html:?}");
}

#[test]
fn no_attack_leaves_anything_that_runs_or_loads() {
    assert!(CORPUS.values().map(Vec::len).sum::<usize>() >= 500);
    for attack in CORPUS.values().flatten() {
        for raw in [
            attack.clone(),
            format!("text {attack} text"),
            format!("> - {attack}\n"),
            format!("**{attack}**"),
            format!("[{attack}](https://a.example)"),
            format!("[x]({attack})"),
            format!(":x:{attack}:x:"),
            format!("https://a.example/{attack}"),
            format!("`{attack}"),
        ] {
            check(&raw);
        }
    }
}

#[test]
fn the_inspector_finds_faults() {
    for hostile in [
        "<script>alert(1)</script>",
        "<p onclick=\"x\">x</p>",
        "<p class=\"x\">x</p>",
        "<a href=\"https://a.example\">x</a>",
        "<a href=\"javascript:x\" target=\"_blank\" rel=\"noopener noreferrer nofollow ugc\">x</a>",
        "<a href=\"https://a@b.example\" target=\"_blank\" rel=\"noopener noreferrer nofollow ugc\">x</a>",
        "<img class=\"emoji\" src=\"https://a.example/x.png\" alt=\":x:\" title=\":x:\">",
        "<img class=\"emoji\" src=\"/img/emoji/x.svg\" alt=\":x:\" title=\":x:\" onload=\"x\">",
        "<img class=\"emoji\" src=\"/img/emoji/none.svg\" alt=\":none:\" title=\":none:\">",
        "<!-- x -->",
        "<p>x",
        "x</p>",
        "<h1>x</h1>",
        "<svg></svg>",
    ] {
        assert!(!faults(hostile).is_empty(), "{hostile}");
    }
}

#[test]
fn a_message_says_what_was_typed() {
    let link = |address: &str, text: &str| {
        format!("<a href=\"{address}\" target=\"_blank\" rel=\"noopener noreferrer nofollow ugc\">{text}</a>")
    };
    let emoji =
        |name: &str| format!("<img class=\"emoji\" src=\"/img/emoji/{name}.svg\" alt=\":{name}:\" title=\":{name}:\">");
    for (raw, html) in [
        ("hello", "<p>hello</p>".to_owned()),
        ("", String::new()),
        (" \r\n\t\u{0} ", String::new()),
        ("*so* **very** `<b>` good", "<p><em>so</em> <strong>very</strong> <code>&lt;b&gt;</code> good</p>".to_owned()),
        ("one\ntwo  \nthree", "<p>one<br>two<br>three</p>".to_owned()),
        ("one\r\n\r\ntwo", "<p>one</p><p>two</p>".to_owned()),
        ("```rust\nlet x = 1 < 2;\n```", "<pre><code>let x = 1 &lt; 2;\n</code></pre>".to_owned()),
        ("1 < 2 && 3 > 2", "<p>1 &lt; 2 &amp;&amp; 3 &gt; 2</p>".to_owned()),
        ("I <3 this <b>very</b> much", "<p>I &lt;3 this &lt;b&gt;very&lt;/b&gt; much</p>".to_owned()),
        ("<div>\nx\n</div>", "<p>&lt;div&gt;<br>x<br>&lt;/div&gt;</p>".to_owned()),
        ("# not a heading", "<p># not a heading</p>".to_owned()),
        ("#1 of all", "<p>#1 of all</p>".to_owned()),
        ("- one\n- two", "<p>- one<br>- two</p>".to_owned()),
        ("2020. What a year", "<p>2020. What a year</p>".to_owned()),
        ("1) a\n2) *b*", "<p>1) a<br>2) <em>b</em></p>".to_owned()),
        ("> quoted\n\nanswer", "<p>&gt; quoted</p><p>answer</p>".to_owned()),
        ("---", "<p>---</p>".to_owned()),
        ("[a]: https://a.example", "<p>[a]: https://a.example</p>".to_owned()),
        ("2 * 3 * 4 = snake_case_name", "<p>2 * 3 * 4 = snake_case_name</p>".to_owned()),
        ("https://a.example", format!("<p>{}</p>", link("https://a.example/", "https://a.example"))),
        (
            "(see http://a.example/b_c_d?e=1&f=2).",
            format!(
                "<p>(see {}).</p>",
                link("http://a.example/b_c_d?e=1&amp;f=2", "http://a.example/b_c_d?e=1&amp;f=2")
            ),
        ),
        (
            "https://a.example/x_(y), HTTPS://B.EXAMPLE!",
            format!(
                "<p>{}, {}!</p>",
                link("https://a.example/x_(y)", "https://a.example/x_(y)"),
                link("https://b.example/", "HTTPS://B.EXAMPLE")
            ),
        ),
        ("xhttps://a.example http:// http://.", "<p>xhttps://a.example http:// http://.</p>".to_owned()),
        ("https://bank.example@evil.example/", "<p>https://bank.example@evil.example/</p>".to_owned()),
        ("[a *b*](https://a.example)", format!("<p>{}</p>", link("https://a.example/", "a <em>b</em>"))),
        ("[a](/admin) [b](mailto:b@b.example)", "<p>a b</p>".to_owned()),
        ("<https://a.example/>", format!("<p>{}</p>", link("https://a.example/", "https://a.example/"))),
        ("![cat](https://a.example/cat.png)", format!("<p>{}</p>", link("https://a.example/cat.png", "cat"))),
        (
            "https://\u{430}pple.example",
            format!("<p>{}</p>", link("https://xn--pple-43d.example/", "https://\u{430}pple.example")),
        ),
        ("hi :wave: :WAVE::+1:", format!("<p>hi {} {}{}</p>", emoji("wave"), emoji("wave"), emoji("+1"))),
        (":a_b_c: at 10:30:x:", format!("<p>{} at 10:30{}</p>", emoji("a_b_c"), emoji("x"))),
        ("`:x:` :none: :x", "<p><code>:x:</code> :none: :x</p>".to_owned()),
        ("[:x:](https://a.example)", format!("<p>{}</p>", link("https://a.example/", &emoji("x")))),
        ("https://a.example/:x:", format!("<p>{}</p>", link("https://a.example/:x", "https://a.example/:x") + ":")),
        ("שלום :x: 👩‍💻", format!("<p>שלום {} 👩‍💻</p>", emoji("x"))),
    ] {
        let expected = order(&html);
        assert_eq!(order(&render(raw, &EMOJI)), expected, "{raw}");
        assert_eq!(faults(&html), Vec::<String>::new(), "{raw}");
    }
}

/// The order of attributes and how signs are written in text say nothing.
fn order(html: &str) -> String {
    #[derive(Default)]
    struct Order(RefCell<String>);
    impl TokenSink for Order {
        type Handle = ();
        fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
            let mut text = self.0.borrow_mut();
            match token {
                Token::TagToken(mut tag) => {
                    tag.attrs.sort_by_key(|attribute| attribute.name.local.to_string());
                    let attributes: Vec<_> = tag.attrs.iter().map(|it| (&*it.name.local, &*it.value)).collect();
                    text.push_str(&format!("{:?} {} {attributes:?}", tag.kind, &*tag.name));
                }
                Token::CharacterTokens(characters) => text.push_str(&characters),
                _ => {}
            }
            TokenSinkResult::Continue
        }
    }
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(html));
    let tokenizer = Tokenizer::new(Order::default(), TokenizerOpts::default());
    let _no_script = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

#[test]
fn a_program_may_write_the_elements_of_a_message_itself() {
    let link =
        "<a href=\"https://a.example/poll?x=1&amp;y=2\" target=\"_blank\" rel=\"noopener noreferrer nofollow ugc\">";
    for (raw, html) in [
        ("<a href=\"https://a.example/poll?x=1&y=2\">Vote</a> now", format!("<p>{link}Vote</a> now</p>")),
        (
            "**now** <strong>or</strong> <em>never</em><br>*so*",
            "<p><strong>now</strong> <strong>or</strong> <em>never</em><br><em>so</em></p>".to_owned(),
        ),
        ("<p>one</p>\n\ntwo", "<p>one</p>\n<p>two</p>".to_owned()),
        ("1 &lt; 2 <span onclick=\"x()\">big</span> <script>x()</script>", "<p>1 &lt; 2 big </p>".to_owned()),
        (
            "<img class=\"emoji\" src=\"/img/emoji/x.svg\" alt=\":x:\" title=\":x:\">",
            "<img class=\"emoji\" src=\"/img/emoji/x.svg\" alt=\":x:\" title=\":x:\">".to_owned(),
        ),
        ("<img src=\"https://a.example/track.png\">see", "<p><img>see</p>".to_owned()),
    ] {
        assert_eq!(render_program(raw, &EMOJI), html, "{raw}");
    }
}

#[test]
fn a_message_has_no_more_than_a_hundred_emoji() {
    let html = render(&":x:".repeat(500), &EMOJI);
    assert_eq!(html.matches("<img").count(), 100);
    assert!(html.len() < 32 * 1024, "the room takes it");
}

/// The longest message there can be, built to be slow to read. A debug build on a busy machine takes some hundred times
/// what a release build takes; what grows with the square of the length would take minutes.
#[test]
fn hostile_nesting_takes_no_longer_than_text() {
    const MOST: usize = 8_192;
    // The stack of a thread of tokio.
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let rendering = thread.spawn(|| {
        for part in [
            "*a ",
            "**a ",
            "_a_*",
            "> ",
            "- ",
            "* x\n ",
            "1. ",
            "# ",
            "[",
            "![",
            "](",
            "[x](",
            "[a][",
            "`",
            "``` ",
            "<",
            "</",
            "<b>",
            "<a href=x>",
            "<!--",
            "<![CDATA[",
            "<?",
            "&",
            "&#",
            ":",
            ":x",
            ":x:",
            "h",
            "http://",
            "http://[",
            "https://a.example ",
            "https://a@",
            "https://(",
            "\\",
            "|",
            "~",
            "\n",
            "\n\n",
            "[a]: x\n",
            "[a]: <\n",
            "*_`[<",
            "\u{202e}",
            "a\u{300}",
            "🦊",
        ] {
            let raw: String = part.chars().cycle().take(MOST).collect();
            let begun = Instant::now();
            check(&raw);
            let took = begun.elapsed();
            println!("{part:?}: {took:?}");
            assert!(took < Duration::from_secs(20), "{part:?}: {took:?}");
        }
    });
    rendering.unwrap().join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_typed_only_allowed_elements_come_out(raw in "\\PC{0,200}") {
        check(&raw);
    }

    #[test]
    fn however_attacks_are_cut_and_joined(
        pieces in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, 0_usize..80), 1..8),
        glue in prop::sample::select(vec!["", "\n", "\n\n", " ", "\"", "'", ">", "<", "`", "](", ":", "*", "https://"]),
    ) {
        let attacks: Vec<&String> = CORPUS.values().flatten().collect();
        let cut = |(which, from, length): &(prop::sample::Index, usize, usize)| -> String {
            attacks[which.index(attacks.len())].chars().skip(*from).take(*length).collect()
        };
        let pieces: Vec<String> = pieces.iter().map(cut).collect();
        check(&pieces.join(glue));
    }
}
