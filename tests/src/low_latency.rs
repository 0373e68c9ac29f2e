//! Media playlists with everything that low-latency players read from them, and plain playlist parsers pass over.

use std::collections::BTreeMap;

use crate::http;
use crate::playlist::resolve;

/// An attribute list as it stands: names and values without quotes.
pub type Attributes = BTreeMap<String, String>;

/// One part, or what was said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Path on the server.
    pub path: String,
    /// Seconds.
    pub duration: f64,
    pub is_independent: bool,
}

/// A segment, or the one that is still growing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segment {
    pub msn: u64,
    /// Path on the server; none while it grows.
    pub path: Option<String>,
    /// Seconds; 0 while it grows.
    pub duration: f64,
    pub parts: Vec<Part>,
    pub is_gap: bool,
    /// The tags and the address, line by line.
    pub lines: Vec<String>,
}

/// One answer to a request for a media playlist.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    pub version: u64,
    pub target_duration: f64,
    pub part_target: f64,
    pub control: Attributes,
    pub skipped: u64,
    /// Those that were not skipped.
    pub segments: Vec<Segment>,
    /// Path of the part that comes next.
    pub hint: Option<String>,
    /// Last segment and part of other playlists, by their path.
    pub reports: BTreeMap<String, (u64, Option<u64>)>,
    pub is_ended: bool,
}

impl Listing {
    /// Asks for the playlist at `path` with these delivery directives, and waits for the answer.
    pub fn ask(port: u16, path: &str, directives: &str) -> Result<Self, u16> {
        let url = if directives.is_empty() { path.to_owned() } else { format!("{path}?{directives}") };
        let reply = http::get(port, &url).unwrap_or_else(|error| panic!("{url}: {error}"));
        if reply.status == 200 { Ok(Self::parse(path, &reply.text())) } else { Err(reply.status) }
    }

    /// The playlist at `path` as it is now.
    #[track_caller]
    pub fn now(port: u16, path: &str) -> Self {
        Self::ask(port, path, "").unwrap_or_else(|status| panic!("{path}: status {status}"))
    }

    /// Reads the text of the playlist at `path`.
    pub fn parse(path: &str, text: &str) -> Self {
        let mut listing = Self::default();
        let mut segment = Segment::default();
        let mut first_msn = 0;
        for line in text.lines() {
            let (tag, rest) = line.split_once(':').unwrap_or((line, ""));
            let named = attributes(rest);
            let there = |name: &str| resolve(path, &named[name]);
            match tag {
                "#EXTM3U" | "#EXT-X-INDEPENDENT-SEGMENTS" | "#EXT-X-DISCONTINUITY-SEQUENCE" => {}
                "#EXT-X-VERSION" => listing.version = rest.parse().unwrap(),
                "#EXT-X-TARGETDURATION" => listing.target_duration = rest.parse().unwrap(),
                "#EXT-X-MEDIA-SEQUENCE" => first_msn = rest.parse().unwrap(),
                "#EXT-X-SERVER-CONTROL" => listing.control = named,
                "#EXT-X-PART-INF" => listing.part_target = named["PART-TARGET"].parse().unwrap(),
                "#EXT-X-SKIP" => listing.skipped = named["SKIPPED-SEGMENTS"].parse().unwrap(),
                "#EXT-X-PRELOAD-HINT" => {
                    assert_eq!((named["TYPE"].as_str(), &listing.hint), ("PART", &None), "{text}");
                    listing.hint = Some(there("URI"));
                }
                "#EXT-X-RENDITION-REPORT" => {
                    let last = (named["LAST-MSN"].parse().unwrap(), named.get("LAST-PART").map(|n| n.parse().unwrap()));
                    listing.reports.insert(there("URI"), last);
                }
                "#EXT-X-ENDLIST" => listing.is_ended = true,
                _ => {
                    segment.lines.push(line.to_owned());
                    match tag {
                        "#EXT-X-PART" => segment.parts.push(Part {
                            path: there("URI"),
                            duration: named["DURATION"].parse().unwrap(),
                            is_independent: named.get("INDEPENDENT").is_some_and(|value| value == "YES"),
                        }),
                        "#EXT-X-GAP" => segment.is_gap = true,
                        "#EXTINF" => segment.duration = rest.trim_end_matches(',').parse().unwrap(),
                        address if !address.starts_with('#') => {
                            segment.path = Some(resolve(path, line));
                            listing.segments.push(std::mem::take(&mut segment));
                        }
                        _ => {}
                    }
                }
            }
        }
        if !segment.lines.is_empty() {
            listing.segments.push(segment);
        }
        let msns = first_msn + listing.skipped..;
        listing.segments.iter_mut().zip(msns).for_each(|(segment, msn)| segment.msn = msn);
        listing
    }

    /// A number of the server control tag.
    pub fn control(&self, name: &str) -> f64 {
        self.control[name].parse().unwrap()
    }

    /// Number of the segment, and index of the part, that comes next.
    pub fn next(&self) -> (u64, u64) {
        let last = self.segments.last().expect("a playlist lists something");
        if last.path.is_none() { (last.msn, last.parts.len() as u64) } else { (last.msn + 1, 0) }
    }

    /// Segments that are whole.
    pub fn whole(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.path.is_some())
    }
}

fn attributes(list: &str) -> Attributes {
    let mut attributes = Attributes::new();
    let mut rest = list;
    while let Some((name, more)) = rest.split_once('=') {
        let (value, after) = match more.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => more.split_at(more.find(',').unwrap_or(more.len())),
        };
        attributes.insert(name.to_owned(), value.to_owned());
        rest = after.trim_start_matches(',');
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hints_and_reports_are_read() {
        let text = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,HOLD-BACK=6\n\
                    #EXT-X-PART-INF:PART-TARGET=0.35\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n\
                    #EXT-X-PART:DURATION=0.35,URI=\"a-10.0.m4s\",INDEPENDENT=YES\n#EXTINF:2.0,\na-10.m4s\n\
                    #EXT-X-PART:DURATION=0.3,URI=\"../b/a-4.0.m4s\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"a-11.1.m4s\"\n\
                    #EXT-X-RENDITION-REPORT:URI=\"../../audio/stream.m3u8\",LAST-MSN=11,LAST-PART=2\n";
        let listing = Listing::parse("/hls/video/a/stream.m3u8", text);
        assert_eq!((listing.skipped, listing.control("HOLD-BACK"), listing.next()), (3, 6.0, (11, 1)));
        assert_eq!(listing.segments[0].path.as_deref(), Some("/hls/video/a/a-10.m4s"));
        assert!(listing.segments[0].parts[0].is_independent && !listing.segments[1].parts[0].is_independent);
        assert_eq!(listing.segments[1].parts[0].path, "/hls/video/b/a-4.0.m4s");
        assert_eq!(listing.hint.as_deref(), Some("/hls/video/a/a-11.1.m4s"));
        assert_eq!(listing.reports["/hls/audio/stream.m3u8"], (11, Some(2)));
    }
}
