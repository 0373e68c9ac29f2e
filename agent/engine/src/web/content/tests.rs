#![allow(clippy::unwrap_used)]

mod attacks;

use proptest::prelude::*;

use super::*;
use attacks::ATTACKS;

/// Start tags in sanitised HTML, as (name, attributes).
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        let (tag, after) = rest.split_at(tag_length(rest));
        rest = after;
        if tag.starts_with("</") {
            continue;
        }
        let inner = tag.trim_start_matches('<').trim_end_matches('>');
        let (name, mut attributes) = inner.split_once(' ').unwrap_or((inner, ""));
        let mut pairs = Vec::new();
        while let Some((key, after)) = attributes.split_once("=\"") {
            let (value, after) = after.split_once('"').unwrap();
            pairs.push((key.trim().to_owned(), value.to_owned()));
            attributes = after;
        }
        found.push((name.to_owned(), pairs));
    }
    found
}

/// What is wrong with sanitised HTML, read by other code than made it. Nothing for HTML that may stand in the page.
fn faults(html: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (tag, attributes) in tags(html) {
        if !TAGS.contains(&tag.as_str()) {
            faults.push(format!("element {tag}"));
        }
        let allowed = |name: &str| {
            name == "rel" || ATTRIBUTES.iter().any(|(of, names)| (of.is_empty() || *of == tag) && names.contains(&name))
        };
        let value = |name: &str| attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        for (name, value) in &attributes {
            let is_web =
                ["http://", "https://", "mailto:"].iter().any(|scheme| value.to_lowercase().starts_with(scheme));
            let is_here = (value.starts_with('/') && !value.starts_with("//") && !value.starts_with("/\\"))
                || value.starts_with("#content-")
                || value == "#";
            let is_good = match (tag.as_str(), name.as_str()) {
                (_, "href") => is_web || is_here,
                (_, "src") => is_here && value.starts_with('/'),
                (_, "id") => value.starts_with(ID_PREFIX),
                (_, "target") => value == "_blank",
                (_, "rel") => value == "noopener noreferrer",
                (_, name) => allowed(name),
            };
            if !is_good {
                faults.push(format!("{tag} {name}={value}"));
            }
        }
        if tag == "a" && value("rel").is_none() {
            faults.push("a link without rel".to_owned());
        }
    }
    faults
}

#[test]
fn no_attack_leaves_anything_that_runs_or_loads() {
    assert!(ATTACKS.len() >= 60);
    for attack in ATTACKS {
        for markdown in [(*attack).to_owned(), format!("text {attack} text"), format!("> - {attack}\n")] {
            let html = render(&markdown);
            assert_eq!(faults(&html), Vec::<String>::new(), "{markdown} became {html}");
        }
    }
}

#[test]
fn the_reader_of_faults_finds_them() {
    for hostile in [
        "<script>",
        "<p onclick=\"x\">",
        "<a href=\"javascript:x\" rel=\"noopener noreferrer\">",
        "<a href=\"https://a.example\">",
        "<img src=\"https://a.example/x.png\">",
        "<img src=\"//a.example/x.png\">",
        "<p id=\"app\">",
        "<p style=\"x\">",
        "<p class=\"x\">",
        "<h1>",
    ] {
        assert_eq!(faults(hostile).len(), 1, "{hostile}");
    }
}

#[test]
fn markdown_says_what_it_says() {
    const REL: &str = "rel=\"noopener noreferrer\"";
    let cases = [
        ("Back at **nine**.", "<p>Back at <strong>nine</strong>.</p>".to_owned()),
        ("", String::new()),
        (" \n", String::new()),
        ("# One\n\n###### Six", "<h2>One</h2>\n<h6>Six</h6>".to_owned()),
        ("<h1 title=\"t\">x</h1>", "<h2 title=\"t\">x</h2>".to_owned()),
        ("~~no~~ `a<b`", "<p><del>no</del> <code>a&lt;b</code></p>".to_owned()),
        ("- [x] done\n- [ ] not", "<ul>\n<li>☑ done</li>\n<li>☐ not</li>\n</ul>".to_owned()),
        (
            "|a|b|\n|:-|-:|\n|1|2|",
            "<table><thead><tr><th align=\"left\">a</th><th align=\"right\">b</th></tr></thead><tbody>\n\
             <tr><td align=\"left\">1</td><td align=\"right\">2</td></tr>\n</tbody></table>"
                .to_owned(),
        ),
        (
            "<details open><summary>More</summary>\n\nText\n\n</details>",
            "<details open=\"\"><summary>More</summary>\n<p>Text</p>\n</details>".to_owned(),
        ),
        (
            "[site](https://a.example/?a=1&b=2)",
            format!("<p><a target=\"_blank\" href=\"https://a.example/?a=1&amp;b=2\" {REL}>site</a></p>"),
        ),
        ("[mail](mailto:a@a.example)", format!("<p><a href=\"mailto:a@a.example\" {REL}>mail</a></p>")),
        ("[rules](/rules)", format!("<p><a href=\"/rules\" {REL}>rules</a></p>")),
        (
            "[down](#later)\n\n<p id=\"later\">x</p>",
            format!("<p><a href=\"#content-later\" {REL}>down</a></p>\n<p id=\"content-later\">x</p>"),
        ),
        ("[x](ftp://a.example)", format!("<p><a {REL}>x</a></p>")),
        ("![our mark](/logo)", "<p><img src=\"/logo\" alt=\"our mark\"></p>".to_owned()),
        (
            "![a <b> \"c\"](https://a.example/p.png)",
            format!("<p><a target=\"_blank\" href=\"https://a.example/p.png\" {REL}>a &lt;b&gt; \"c\"</a></p>"),
        ),
        (
            "<img src='https://a.example/p.png'>",
            format!("<a target=\"_blank\" href=\"https://a.example/p.png\" {REL}>https://a.example/p.png</a>"),
        ),
        (
            "[![badge](https://b.example/b.svg)](https://a.example/)",
            format!("<p><a target=\"_blank\" href=\"https://a.example/\" {REL}>badge</a></p>"),
        ),
        ("![x](//a.example/p.png)", "<p><img alt=\"x\"></p>".to_owned()),
    ];
    for (markdown, expected) in cases {
        let html = render(markdown);
        assert_eq!(attributes_in_order(&html), attributes_in_order(&expected), "{markdown} became {html}");
    }
}

/// The order of attributes says nothing.
fn attributes_in_order(html: &str) -> String {
    let mut ordered = html.to_owned();
    for (name, mut attributes) in tags(html) {
        let written = |pairs: &[(String, String)]| {
            pairs.iter().map(|(key, value)| format!(" {key}=\"{value}\"")).collect::<String>()
        };
        let before = format!("<{name}{}>", written(&attributes));
        attributes.sort();
        ordered = ordered.replacen(&before, &format!("<{name}{}>", written(&attributes)), 1);
    }
    ordered
}

#[test]
fn rendering_again_changes_nothing() {
    for markdown in ["# a\n\n[x](#y) ![p](/logo)\n\n|a|\n|:-|\n|b|", "<div><p id=x>t</p></div>"] {
        let once = render(markdown);
        assert_eq!(FINAL.clean(&once).to_string(), once);
    }
}

/// An absurd text of the greatest length must not overflow a stack, which would end the engine.
#[test]
fn deep_and_long_text_is_only_text() {
    const MOST: usize = 50_000;
    let nested = |part: &str| part.repeat(MOST / part.len());
    // The stack of a thread of tokio.
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let rendering = thread.spawn(move || {
        for part in [
            "> ",
            "* x\n ",
            "<ul>",
            "- ",
            "<b>",
            "<details>",
            "<a href=x>",
            "<table><tr><td>",
            "<svg>",
            "[",
            "![",
            "*a_",
            "`",
            "<",
            "|",
            "&",
        ] {
            let begun = std::time::Instant::now();
            let html = render(&nested(part));
            println!("{part:?}: {:?}, {} bytes", begun.elapsed(), html.len());
            assert_eq!(faults(&html), Vec::<String>::new(), "{part}");
        }
    });
    rendering.unwrap().join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_only_allowed_elements_come_out(text in "\\PC{0,200}") {
        prop_assert_eq!(faults(&render(&text)), Vec::<String>::new());
    }

    #[test]
    fn however_attacks_are_cut_and_joined(
        pieces in prop::collection::vec((0..ATTACKS.len(), 0_usize..80, 0_usize..80), 1..8),
        glue in prop::sample::select(vec!["", "\n", "\n\n", " ", "\"", "'", ">", "<", "`", "]("]),
    ) {
        let cut = |(which, from, length): &(usize, usize, usize)| -> String {
            ATTACKS[*which].chars().skip(*from % 12).take(*length).collect()
        };
        let text: Vec<String> = pieces.iter().map(cut).collect();
        let html = render(&text.join(glue));
        prop_assert_eq!(faults(&html), Vec::<String>::new(), "{}", html);
    }
}
