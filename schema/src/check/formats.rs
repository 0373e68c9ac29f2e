//! Texts with a shape of their own: names, addresses, paths, moments and colours.

use std::net::IpAddr;
use std::path::{Component, Path};

use super::quote;

/// What is wrong and what would be right.
type Fault = (String, String);

/// The fault of a text in the given format, if it has one.
pub(super) fn fault(format: &str, text: &str) -> Option<Fault> {
    match format {
        "name" => name(text),
        "ip" => ip(text),
        "secret-path" => secret_path(text),
        "absolute-path" => absolute_path(text),
        "date-time" => date_time(text),
        "web-url" => web_url(text),
        "colour" => colour(text),
        "network" => network(text),
        _ => None,
    }
}

/// Whether [`fault`] checks this format; the integer formats are bounds in other words.
#[cfg(test)]
pub(super) fn is_known(format: &str) -> bool {
    const TEXTS: [&str; 8] =
        ["name", "ip", "secret-path", "absolute-path", "date-time", "web-url", "colour", "network"];
    TEXTS.contains(&format) || format.starts_with("uint")
}

fn told(text: &str, what: &str, hint: &str) -> Option<Fault> {
    Some((format!("{} is not {what}", quote(text)), hint.to_owned()))
}

/// Names stand in addresses and file names, so they cannot be "..", hidden, or need escaping.
fn name(text: &str) -> Option<Fault> {
    let fits = text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-'));
    if fits {
        return None;
    }
    told(text, "a usable name", "start with a letter or digit; letters, digits, \".\", \"_\" and \"-\" may follow")
}

fn ip(text: &str) -> Option<Fault> {
    if text.parse::<IpAddr>().is_ok() {
        return None;
    }
    let hint = match text {
        "localhost" => "write \"127.0.0.1\" or \"::1\"",
        "*" | "" => "write \"::\" for every address of the machine",
        _ if text.starts_with('[') => "write an IPv6 address without brackets",
        _ if text.parse::<std::net::SocketAddr>().is_ok() => "the port has an option of its own",
        _ => "write an IPv4 or IPv6 address such as \"127.0.0.1\" or \"::\"",
    };
    told(text, "an IP address", hint)
}

/// The text is never repeated in the message: a common mistake is to put the key itself where its file belongs.
fn secret_path(text: &str) -> Option<Fault> {
    let hint = "name a file that only the agent can read, for example \"/run/secrets/stream-key\"".to_owned();
    if !is_tidy_absolute(text) || text.ends_with('/') {
        return Some(("is not the absolute path of a file".to_owned(), hint));
    }
    let in_store = Path::new(text).starts_with("/nix/store");
    in_store.then(|| ("lies in the Nix store, which everyone can read".to_owned(), hint))
}

fn absolute_path(text: &str) -> Option<Fault> {
    if is_tidy_absolute(text) {
        return None;
    }
    told(text, "an absolute path", "start with \"/\" and leave out \"..\"")
}

/// Absolute, without "..", without a NUL byte, no longer than Linux takes (PATH_MAX).
fn is_tidy_absolute(text: &str) -> bool {
    let path = Path::new(text);
    path.is_absolute()
        && text.len() < 4096
        && !text.contains('\0')
        && path.components().all(|component| component != Component::ParentDir)
}

/// RFC 3339 to the letter; jiff alone would also take a space for the "T" and a missing colon in the offset.
fn date_time(text: &str) -> Option<Fault> {
    let has_zone = text.ends_with('Z')
        || text
            .len()
            .checked_sub(6)
            .and_then(|at| text.get(at..))
            .is_some_and(|offset| offset.starts_with(['+', '-']) && offset.as_bytes().get(3) == Some(&b':'));
    let has_time = text.as_bytes().get(10) == Some(&b'T') && text.as_bytes().get(16) == Some(&b':');
    let zone_name = text.contains('[');
    if has_zone && has_time && !zone_name && text.parse::<jiff::Timestamp>().is_ok() {
        return None;
    }
    told(
        text,
        "a moment with a time zone",
        "write RFC 3339, for example \"2027-01-31T20:00:00Z\" or \"2027-01-31T21:00:00+01:00\"",
    )
}

fn web_url(text: &str) -> Option<Fault> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else {
        return told(text, "a web address", "start with \"https://\" or \"http://\"");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some((
            "holds a user name or password".to_owned(),
            "the link is public: leave out what stands before \"@\"".to_owned(),
        ));
    }
    let clean = text.len() <= 2048
        && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || "<>\"\\^`{|}".contains(letter));
    if clean && is_host_and_port(authority) {
        return None;
    }
    told(text, "a web address", "write it as the browser shows it, without spaces, at most 2048 bytes")
}

fn is_host_and_port(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => (address, port.strip_prefix(':')),
        Some(_) => return false,
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    !host.is_empty() && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn colour(text: &str) -> Option<Fault> {
    let digits = text.strip_prefix('#').filter(|digits| matches!(digits.len(), 6 | 8));
    if digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())) {
        return None;
    }
    told(text, "a colour", "write \"#rrggbb\" or \"#rrggbbaa\" with hexadecimal digits, for example \"#7ebae4\"")
}

/// A single address counts as a network of one.
fn network(text: &str) -> Option<Fault> {
    if text.parse::<IpAddr>().is_ok() || text.parse::<ipnet::IpNet>().is_ok() {
        return None;
    }
    told(text, "a network", "write an IP address or a network such as \"10.0.0.0/8\" or \"fd00::/8\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(fault(format, text), None, "{format} {text}");
        }
        for text in bad {
            assert!(fault(format, text).is_some(), "{format} {text}");
        }
    }

    #[test]
    fn formats() {
        check("name", &["a", "720p", "main-stage_1.b"], &["", ".", "..", "-a", "a b", "a/b", "ä", "a\n"]);
        check("ip", &["::", "127.0.0.1", "fe80::1"], &["", "localhost", "[::]", "127.0.0.1:80", "256.0.0.1", "1.2.3"]);
        check(
            "secret-path",
            &["/run/secrets/key", "/etc/nix/storekey", "/nix/store-of-mine/key"],
            &[
                "",
                "key",
                "./key",
                "/nix/store/abc-key",
                "//nix//store/abc",
                "/nix/./store/a",
                "/run/../nix/store/x",
                "/run/",
                "/a\0b",
            ],
        );
        check("absolute-path", &["/nix/store/abc-logo.svg", "/srv/logo.png"], &["", "logo.svg", "/srv/../logo.svg"]);
        check(
            "date-time",
            &["2026-10-01T00:00:00Z", "2026-10-01T00:00:00.5+02:00", "2028-02-29T23:59:59-11:30"],
            &[
                "",
                "2026-10-01",
                "2026-10-01T00:00:00",
                "2026-10-01 00:00:00Z",
                "2026-02-30T00:00:00Z",
                "2026-10-01T00:00:00+02:00[Europe/Berlin]",
                "2026-10-01T00:00:00+0200",
                "tomorrow",
                "😀😀😀😀😀😀",
            ],
        );
        check(
            "web-url",
            &["https://a.example/@me", "http://[::1]:8080/x?y#z", "https://a.example:443"],
            &[
                "",
                "a.example",
                "ftp://a",
                "javascript:alert(1)",
                "https://",
                "https://:80",
                "https://a b/",
                "https://u:p@a/",
                "https://a:99999/",
                "https://[zz]/",
            ],
        );
        check(
            "network",
            &["10.0.0.0/8", "::1", "fd00::/8", "192.0.2.7", "0.0.0.0/0"],
            &["", "10.0.0.0/33", "10.0.0/8", "::/129", "localhost", "10.0.0.0/", "10.0.0.0/-1", "[::1]/128"],
        );
        check("colour", &["#7ebae4", "#7EBAE4ff"], &["", "red", "#fff", "#7ebae", "#ggeeff", "7ebae4"]);
    }

    #[test]
    fn a_key_written_in_place_of_its_file_is_not_repeated() {
        for text in ["hunter2", "hunter2/", "/nix/store/hunter2"] {
            let (message, hint) = fault("secret-path", text).expect("it is no secret file");
            assert!(!message.contains("hunter2") && !hint.contains("hunter2"));
        }
    }
}
