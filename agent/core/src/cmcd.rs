//! What players say of how playback goes, in Common Media Client Data: CTA-5004, and CTA-5004-A and -B, which add latency,
//! download times and events.
//!
//! It comes as text of a query or of header fields (CTA-5004, section 2), as lines, or as JSON. Anybody can say anything: a
//! value that no player has is passed over, and so is every key that is not known. What is left is small.

use serde_json::Value;

/// Longest id of a session (CTA-5004, `sid`), characters.
pub const MOST_SESSION_CHARS: usize = 64;

/// Most bytes of text that are read. All keys of CTA-5004 with their longest values take some 600.
pub const MOST_TEXT_BYTES: usize = 4096;

/// Greatest of each that is believed. A picture of 8K takes a tenth of that rate, and who is ten minutes behind is not live.
const MOST_KBPS: u32 = 1_000_000;
const MOST_THROUGHPUT_KBPS: u32 = 10_000_000;
const MOST_LATENCY_MS: u32 = 600_000;
const MOST_DOWNLOAD_MS: u32 = 120_000;

/// Keys that a report may have and that say nothing we show.
const OTHER_KEYS: [&str; 16] =
    ["bl", "cid", "d", "df", "dl", "nor", "nrr", "pr", "rtp", "sf", "sn", "st", "sta", "su", "tb", "v"];

/// What one player says of one moment. None: it says nothing of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// `sid`.
    pub session: Option<String>,
    /// `br` of pictures: what it fetches, as encoded.
    pub bitrate_kbps: Option<u32>,
    /// `mtp`.
    pub throughput_kbps: Option<u32>,
    /// `ltc`.
    pub latency_ms: Option<u32>,
    /// `ttlb`: from asking for an object to having it.
    pub download_ms: Option<u32>,
    /// `bs`, or the event `e=e`: it had nothing to play, or failed.
    pub is_troubled: bool,
    /// The event `e=bc`: another bitrate.
    pub has_switched: bool,
}

impl Report {
    /// Of texts like `br=3200,bs,sid="6e2f"` (RFC 8941, section 3.2), which together are one report. None if they are none,
    /// or longer than [`MOST_TEXT_BYTES`].
    #[must_use]
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let (mut reader, mut bytes) = (Reader::default(), 0);
        for text in texts {
            bytes += text.len();
            if bytes > MOST_TEXT_BYTES {
                return None;
            }
            for pair in split(text) {
                let (key, value) = pair.split_once('=').unwrap_or((pair, "?1"));
                reader.take(key.trim(), value.trim());
            }
        }
        reader.finish()
    }

    /// Of an object with the same keys.
    #[must_use]
    pub fn of_json(value: &Value) -> Option<Self> {
        let mut reader = Reader::default();
        for (key, value) in value.as_object()? {
            match value.as_array().map_or(Some(value), |list| list.first()) {
                Some(Value::Bool(is_so)) => reader.take(key, if *is_so { "?1" } else { "?0" }),
                Some(Value::Number(number)) => reader.take(key, &number.to_string()),
                Some(Value::String(text)) => reader.take(key, text),
                _ => {}
            }
        }
        reader.finish()
    }

    /// Of numbers as older pages of Owncast report them: kbit/s, seconds, seconds. What makes no sense is none.
    #[must_use]
    pub fn of_numbers(bandwidth_kbps: f64, latency_s: f64, download_s: f64) -> Self {
        let believed = |value: f64, most: u32| whole(value).filter(|value| (1..=most).contains(value));
        Self {
            throughput_kbps: believed(bandwidth_kbps, MOST_THROUGHPUT_KBPS),
            latency_ms: believed(latency_s * 1000.0, MOST_LATENCY_MS),
            download_ms: believed(download_s * 1000.0, MOST_DOWNLOAD_MS),
            ..Self::default()
        }
    }
}

/// While it is read: what a bitrate is of may be said after it.
#[derive(Debug, Default)]
struct Reader {
    report: Report,
    is_report: bool,
    is_no_picture: bool,
}

impl Reader {
    fn take(&mut self, key: &str, value: &str) {
        let report = &mut self.report;
        let is_known = match key {
            "sid" => set(&mut report.session, session(value)),
            "br" => set(&mut report.bitrate_kbps, number(value, 1, MOST_KBPS)),
            "mtp" => set(&mut report.throughput_kbps, number(value, 1, MOST_THROUGHPUT_KBPS)),
            "ltc" => set(&mut report.latency_ms, number(value, 0, MOST_LATENCY_MS)),
            "ttlb" => set(&mut report.download_ms, number(value, 1, MOST_DOWNLOAD_MS)),
            "bs" => {
                report.is_troubled |= value == "?1";
                ["?0", "?1"].contains(&value)
            }
            "e" => {
                report.is_troubled |= value == "e";
                report.has_switched |= value == "bc";
                !value.is_empty()
            }
            "ot" => {
                self.is_no_picture = !["v", "av"].contains(&value);
                !value.is_empty()
            }
            other => OTHER_KEYS.contains(&other) && !value.is_empty(),
        };
        self.is_report |= is_known;
    }

    fn finish(self) -> Option<Report> {
        let Self { mut report, is_report, is_no_picture } = self;
        if is_no_picture {
            report.bitrate_kbps = None;
        }
        is_report.then_some(report)
    }
}

/// Whether there was something to set it to.
fn set<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    *place = value;
    place.is_some()
}

/// At the commas that stand neither in quotes nor in brackets.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped, mut depth) = (false, false, 0_usize);
    let parts = text.split(move |char: char| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match char {
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            '"' if !was_escaped => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth = depth.saturating_sub(1),
            ',' => return !is_quoted && depth == 0,
            _ => {}
        }
        false
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// The first of a list, and without parameters, as in `(3200;v 128;a)`. A fraction is cut off.
fn number(value: &str, least: u32, most: u32) -> Option<u32> {
    let value = value.trim_start_matches('(');
    let end = value.find(|char: char| !char.is_ascii_digit()).unwrap_or(value.len());
    let (digits, rest) = value.split_at_checked(end)?;
    let fraction = rest.strip_prefix('.').unwrap_or_default();
    let is_whole = rest.is_empty()
        || rest.starts_with([';', ' ', ')'])
        || fraction.starts_with(|char: char| char.is_ascii_digit());
    let is_power = fraction.contains(['e', 'E']);
    digits.parse().ok().filter(|number| is_whole && !is_power && (least..=most).contains(number))
}

fn session(value: &str) -> Option<String> {
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let fits =
        !value.is_empty() && value.len() <= MOST_SESSION_CHARS && value.chars().all(|char| char.is_ascii_graphic());
    fits.then(|| value.to_owned())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked; a fraction is cut off")]
fn whole(value: f64) -> Option<u32> {
    (0.0..=f64::from(u32::MAX)).contains(&value).then_some(value as u32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of_text(text: &str) -> Option<Report> {
        Report::of_texts([text])
    }

    /// The examples of CTA-5004 with every key, as query and as header fields.
    #[test]
    fn the_examples_of_the_standard_say_the_same_either_way() {
        let query = r#"bl=21300,br=3200,bs,cid="faec5fc2-ac30-11ea-bb37-0242ac130002",d=4004,dl=18500,mtp=48100,nor="..%2F300kbps%2Ftrack.m4v",nrr="12323-48763",ot=v,pr=1.08,rtp=12000,sf=d,sid="6e2fb550-c457-11e9-bb97-0800200c9a66",st=v,su,tb=6000"#;
        let fields = [
            r#"bl=21300,dl=18500,mtp=48100,nor="..%2F300kbps%2Ftrack.m4v",nrr="12323-48763",su"#,
            "br=3200,d=4004,ot=v,tb=6000",
            "bs,rtp=12000",
            r#"cid="faec5fc2-ac30-11ea-bb37-0242ac130002",pr=1.08,sf=d,sid="6e2fb550-c457-11e9-bb97-0800200c9a66",st=v"#,
        ];
        let expected = Report {
            session: Some("6e2fb550-c457-11e9-bb97-0800200c9a66".to_owned()),
            bitrate_kbps: Some(3200),
            throughput_kbps: Some(48_100),
            is_troubled: true,
            ..Report::default()
        };
        assert_eq!(of_text(query).unwrap(), expected);
        assert_eq!(Report::of_texts(fields).unwrap(), expected);
    }

    #[test]
    fn what_the_second_version_adds_is_read_from_text_and_json() {
        let text =
            r#"br=(3200;v 128;a),bs,cid="a,b=\"c\"",e=bc,ltc=2400,mtp=(25400),ot=av,sid="6e2f-5",sta=w,ttlb=180,v=2"#;
        let expected = Report {
            session: Some("6e2f-5".to_owned()),
            bitrate_kbps: Some(3200),
            throughput_kbps: Some(25_400),
            latency_ms: Some(2400),
            download_ms: Some(180),
            is_troubled: true,
            has_switched: true,
        };
        assert_eq!(of_text(text).unwrap(), expected);
        let object = json!({
            "br": [3200, 128], "bs": true, "e": "bc", "ltc": 2400, "mtp": [25400], "nor": null, "ot": "v", "sid": "6e2f-5", "ttlb": 180.4,
        });
        assert_eq!(Report::of_json(&object).unwrap(), expected);
        assert!(of_text("e=e").unwrap().is_troubled);
        assert_eq!(of_text("br=128,ot=a").unwrap().bitrate_kbps, None, "of sound");
        assert_eq!(of_text("ot=m,sf=h,su").unwrap(), Report::default(), "a player that has nothing to say yet");
    }

    #[test]
    fn what_no_player_says_is_passed_over() {
        let long = format!("br=100,cid=\"{}\"", "x".repeat(MOST_TEXT_BYTES));
        let texts = [
            "",
            ",",
            "=",
            "br",
            "br=",
            "br=-1",
            "br=0",
            "br=1e9",
            "br=1.0e9",
            "br=99999999999999999999",
            "br=32x0",
            "br=1.",
            "ltc=600001",
            "sid=\"two words\"",
            "bs=1",
            "\"",
            "((((",
            "x=\"bc",
            "ttlb=0",
            "mtp=NaN",
            "mtp=Infinity",
            "br=\u{664}",
            &long,
        ];
        for text in texts {
            assert_eq!(of_text(text), None, "{text}");
        }
        for value in [
            json!(null),
            json!([]),
            json!("br=1"),
            json!({}),
            json!({ "br": {} }),
            json!({ "br": -5 }),
            json!({ "br": 1e300 }),
            json!({ "bs": "yes" }),
            json!({ "sid": ["", "a"] }),
        ] {
            assert_eq!(Report::of_json(&value), None, "{value}");
        }
        let long = format!("br=100,sid=\"{}\"", "x".repeat(MOST_SESSION_CHARS + 1));
        assert_eq!(of_text(&long).unwrap().session, None);
        assert_eq!(Report::of_texts(["br=1", &"x".repeat(MOST_TEXT_BYTES)]), None);
    }

    #[test]
    fn numbers_of_older_pages_are_believed_within_reason() {
        let report = Report::of_numbers(5100.4, 2.5, 0.18);
        let told = (report.throughput_kbps, report.latency_ms, report.download_ms);
        assert_eq!(told, (Some(5100), Some(2500), Some(180)));
        for nonsense in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300] {
            assert_eq!(Report::of_numbers(nonsense, nonsense, nonsense), Report::default(), "{nonsense}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_that_is_sent_breaks_it(text in "\\PC*", keyed in "(br|ltc|sid|mtp|bs|e)=[0-9(\");,.\\\\ -]*") {
            for report in [of_text(&text), of_text(&keyed)].into_iter().flatten() {
                prop_assert!(report.bitrate_kbps.is_none_or(|kbps| kbps <= MOST_KBPS));
                prop_assert!(report.latency_ms.is_none_or(|ms| ms <= MOST_LATENCY_MS));
                prop_assert!(report.session.is_none_or(|session| session.len() <= MOST_SESSION_CHARS));
            }
        }
    }
}
