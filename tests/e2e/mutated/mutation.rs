//! What can happen to a document on its way: each mutation is drawn from a good one.

use nixcast_tests::random::Random;
use serde_json::{Map, Value, json};

/// How a document was spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    BitFlip,
    TypeSwap,
    Deletion,
    Duplicate,
    Nesting,
    HugeString,
    Number,
    Unicode,
    Unknown,
    Several,
}

impl Kind {
    pub(super) const ALL: [Self; 10] = [
        Self::BitFlip,
        Self::TypeSwap,
        Self::Deletion,
        Self::Duplicate,
        Self::Nesting,
        Self::HugeString,
        Self::Number,
        Self::Unicode,
        Self::Unknown,
        Self::Several,
    ];
}

pub(super) struct Mutated {
    pub(super) kind: Kind,
    /// Usually text.
    pub(super) document: Vec<u8>,
}

/// Stands in a value tree for what only text can say; no document holds it.
const RAW: &str = "\u{e000}raw\u{e000}";

/// Times in a hundred that flipped bits may leave something that is no text.
const NO_TEXT_PERCENT: u64 = 2;

/// One mutation of a good document.
pub(super) fn draw(good: &str, random: &mut Random) -> Mutated {
    let kind = *random.pick(&Kind::ALL);
    let document = match kind {
        Kind::BitFlip => flip_bits(good, random),
        Kind::Several => {
            // Of those that leave a value tree, so that the next has something to work on.
            let mut document: Value = serde_json::from_str(good).unwrap();
            for _ in 0..random.between(2, 6) {
                let step: fn(&mut Value, &mut Random) =
                    *random.pick(&[swap_type as fn(&mut Value, &mut Random), delete, duplicate_entry, add_unknown]);
                step(&mut document, random);
            }
            document.to_string().into_bytes()
        }
        _ => mutate_once(kind, good, random).into_bytes(),
    };
    Mutated { kind, document }
}

fn mutate_once(kind: Kind, good: &str, random: &mut Random) -> String {
    let mut document: Value = serde_json::from_str(good).unwrap();
    match kind {
        Kind::TypeSwap => swap_type(&mut document, random),
        Kind::Deletion if random.chance(30) => return cut(good, random),
        Kind::Deletion => delete(&mut document, random),
        Kind::Duplicate if random.chance(50) => return duplicate_key(&mut document, random),
        Kind::Duplicate => duplicate_entry(&mut document, random),
        Kind::Nesting => {
            let raw = nested(random);
            return put_raw(&mut document, &raw, |_| true, random);
        }
        Kind::HugeString => {
            let raw = huge(random);
            return put_raw(&mut document, &raw, Value::is_string, random);
        }
        Kind::Number => {
            let raw = (*random.pick(&NUMBERS)).to_owned();
            return put_raw(&mut document, &raw, Value::is_number, random);
        }
        Kind::Unicode => return odd_text(&mut document, good, random),
        Kind::Unknown => add_unknown(&mut document, random),
        Kind::BitFlip | Kind::Several => unreachable!("drawn elsewhere"),
    }
    document.to_string()
}

fn flip_bits(good: &str, random: &mut Random) -> Vec<u8> {
    let may_be_no_text = random.chance(NO_TEXT_PERCENT);
    loop {
        let mut bytes = good.as_bytes().to_vec();
        for _ in 0..random.between(1, 4) {
            let place = random.below(bytes.len());
            bytes[place] ^= 1 << random.below(8);
        }
        if may_be_no_text != std::str::from_utf8(&bytes).is_ok() {
            return bytes;
        }
    }
}

/// JSON pointers of every value in the document, the document itself first.
fn places(value: &Value) -> Vec<String> {
    fn collect(value: &Value, at: &str, places: &mut Vec<String>) {
        places.push(at.to_owned());
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    collect(member, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), places);
                }
            }
            Value::Array(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    collect(entry, &format!("{at}/{index}"), places);
                }
            }
            _ => (),
        }
    }
    let mut all = Vec::new();
    collect(value, "", &mut all);
    all
}

/// Any value of this sort; of any sort, should there be none.
fn some<'a>(document: &'a mut Value, is_sought: impl Fn(&Value) -> bool, random: &mut Random) -> &'a mut Value {
    let all = places(document);
    let fitting: Vec<&String> = all.iter().filter(|place| document.pointer(place).is_some_and(&is_sought)).collect();
    let place = if fitting.is_empty() { random.pick(&all).clone() } else { (*random.pick(&fitting)).clone() };
    document.pointer_mut(&place).unwrap()
}

fn swap_type(document: &mut Value, random: &mut Random) {
    let place = some(document, |_| true, random);
    let text = match &place {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let others = [
        Value::Null,
        json!(true),
        json!(false),
        json!(0),
        json!(7),
        json!(-1.5),
        json!(""),
        json!(text),
        json!([]),
        json!([place.clone()]),
        json!({}),
        json!({ "value": place.clone() }),
    ];
    *place = random.pick(&others).clone();
}

fn delete(document: &mut Value, random: &mut Random) {
    let is_full = |value: &Value| match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(entries) => !entries.is_empty(),
        _ => false,
    };
    match some(document, is_full, random) {
        Value::Object(members) => {
            let names: Vec<String> = members.keys().cloned().collect();
            if !names.is_empty() {
                members.remove(random.pick(&names));
            }
        }
        Value::Array(entries) if !entries.is_empty() => drop(entries.remove(random.below(entries.len()))),
        other => *other = Value::Null,
    }
}

/// Text that lost its end, its beginning or something in between.
fn cut(good: &str, random: &mut Random) -> String {
    let letters: Vec<char> = good.chars().collect();
    let from = random.below(letters.len());
    let to = from + random.below(letters.len() - from + 1).min(if random.chance(50) { 12 } else { usize::MAX });
    letters[..from].iter().chain(&letters[to..]).collect()
}

fn duplicate_entry(document: &mut Value, random: &mut Random) {
    if let Value::Array(entries) = some(document, |value| value.as_array().is_some_and(|list| !list.is_empty()), random)
        && !entries.is_empty()
    {
        let entry = random.pick(entries).clone();
        let times = if random.chance(10) { 2000 } else { random.between(1, 3) };
        for _ in 0..times {
            entries.push(entry.clone());
        }
    }
}

/// A key that is there twice, which a value tree cannot hold.
fn duplicate_key(document: &mut Value, random: &mut Random) -> String {
    let place = some(document, |value| value.as_object().is_some_and(|members| !members.is_empty()), random);
    let Value::Object(members) = place else { return document.to_string() };
    let names: Vec<String> = members.keys().cloned().collect();
    let Some(name) = (!names.is_empty()).then(|| random.pick(&names).clone()) else { return document.to_string() };
    let mut value = members[&name].clone();
    if random.chance(50) {
        swap_type(&mut value, random);
    }
    members.insert(RAW.to_owned(), value);
    document.to_string().replacen(&json!(RAW).to_string(), &json!(name).to_string(), 1)
}

fn put_raw(document: &mut Value, raw: &str, is_sought: impl Fn(&Value) -> bool, random: &mut Random) -> String {
    *some(document, is_sought, random) = json!(RAW);
    document.to_string().replacen(&json!(RAW).to_string(), raw, 1)
}

/// As deep as a reader might follow, or far deeper.
fn nested(random: &mut Random) -> String {
    let depth = *random.pick(&[1, 2, 10, 100, 126, 127, 128, 129, 1000, 10_000, 100_000]);
    let (open, close) = *random.pick(&[("[", "]"), ("{\"a\":", "}"), ("[[],", "]")]);
    let inner = if open == "[[]," { "1" } else { "null" };
    let closing = if random.chance(80) { depth } else { depth / 2 };
    format!("{}{inner}{}", open.repeat(depth), close.repeat(closing))
}

fn huge(random: &mut Random) -> String {
    let piece =
        *random.pick(&["a", "A b ", "é", "🎬", "\\n", "\\u0000", "#", "/", "../", "<script>", "%n", "\\\"", "0"]);
    let length = *random.pick(&[41, 101, 501, 2501, 10_000, 50_001, 100_001, 300_000, 1_100_000]);
    format!("\"{}\"", piece.repeat(length / piece.len()))
}

/// Numbers at the ends of types, and spellings that JSON knows and does not know.
const NUMBERS: [&str; 36] = [
    "0",
    "-0",
    "0.0",
    "-1",
    "1",
    "2",
    "1.0",
    "1e0",
    "1E+2",
    "63",
    "64",
    "65",
    "119",
    "120",
    "121",
    "1.5",
    "255",
    "256",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "1e309",
    "-1e999999",
    "0.1e-400",
    "01",
    "0x10",
    "NaN",
    "+1",
];

/// Letters that look like others, like none, or like the end of something.
fn odd_text(document: &mut Value, good: &str, random: &mut Random) -> String {
    const ODD: [&str; 16] = [
        "\u{200b}",
        "\u{202e}",
        "\u{feff}",
        "\u{2028}",
        "\u{0301}",
        "\u{1f3ac}",
        "\u{0430}",
        "\u{ff0f}",
        "\u{ffff}",
        "\\u0000",
        "\\ud800",
        "\\udc00\\ud800",
        "\\ud83c\\udfac",
        "\\u001b[31m",
        "\\x41",
        "\u{10ffff}",
    ];
    let odd = (*random.pick(&ODD)).to_owned();
    if random.chance(15) {
        // Anywhere between two letters, inside a text or not.
        let letters: Vec<char> = good.chars().collect();
        let place = random.below(letters.len() + 1);
        return letters[..place].iter().collect::<String>() + &odd + &letters[place..].iter().collect::<String>();
    }
    let text = some(document, Value::is_string, random);
    let letters: Vec<char> = text.as_str().unwrap_or_default().chars().collect();
    let place = random.below(letters.len() + 1);
    let marked: String =
        letters[..place].iter().chain(RAW.chars().collect::<Vec<_>>().iter()).chain(&letters[place..]).collect();
    *text = json!(marked);
    let raw = json!(RAW).to_string();
    document.to_string().replacen(raw.trim_matches('"'), &odd, 1)
}

fn add_unknown(document: &mut Value, random: &mut Random) {
    let Value::Object(members) = some(document, Value::is_object, random) else { return };
    let known: Vec<String> = members.keys().cloned().collect();
    let name = match random.below(4) {
        0 => String::new(),
        1 => "__proto__".to_owned(),
        2 if !known.is_empty() => format!("{}s", random.pick(&known)),
        _ if !known.is_empty() => random.pick(&known).to_uppercase(),
        _ => "x".to_owned(),
    };
    let before = Map::clone(members);
    members.insert(name, random.pick(&[json!(null), json!(1), json!("x"), json!([]), json!(before)]).clone());
}
