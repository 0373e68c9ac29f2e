//! A media playlist taken apart line by line, for what the playlist parser does not know.

/// One segment with the lines that belong to it, or the open one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Block {
    pub(super) lines: Vec<String>,
    /// Addresses and durations.
    pub(super) parts: Vec<(String, f64)>,
    /// None for the open segment.
    pub(super) uri: Option<String>,
    pub(super) duration: f64,
}

impl Block {
    /// The segment's address, whole or open.
    pub(super) fn address(&self) -> Option<String> {
        let parent = |(uri, _): &(String, f64)| super::super::parent_of(uri).unwrap().0;
        self.uri.clone().or_else(|| self.parts.first().map(parent))
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Listing {
    pub(super) head: Vec<String>,
    pub(super) blocks: Vec<Block>,
    /// Hint, reports, end mark.
    pub(super) tail: Vec<String>,
}

impl Listing {
    pub(super) fn of(text: &str) -> Self {
        let mut listing = Self::default();
        let mut block = Block::default();
        for line in text.lines() {
            let name = line.split(':').next().unwrap();
            match name {
                "#EXTM3U"
                | "#EXT-X-VERSION"
                | "#EXT-X-TARGETDURATION"
                | "#EXT-X-SERVER-CONTROL"
                | "#EXT-X-PART-INF"
                | "#EXT-X-MEDIA-SEQUENCE"
                | "#EXT-X-DISCONTINUITY-SEQUENCE"
                | "#EXT-X-INDEPENDENT-SEGMENTS"
                | "#EXT-X-SKIP" => listing.head.push(line.to_owned()),
                "#EXT-X-PRELOAD-HINT" | "#EXT-X-RENDITION-REPORT" | "#EXT-X-ENDLIST" => {
                    listing.tail.push(line.to_owned());
                }
                _ => {
                    block.lines.push(line.to_owned());
                    if name == "#EXT-X-PART" {
                        let duration = attribute(line, "DURATION").unwrap().parse().unwrap();
                        block.parts.push((attribute(line, "URI").unwrap(), duration));
                    } else if let Some(duration) = line.strip_prefix("#EXTINF:") {
                        block.duration = duration.trim_end_matches(',').parse().unwrap();
                    } else if !line.starts_with('#') {
                        block.uri = Some(line.to_owned());
                        listing.blocks.push(std::mem::take(&mut block));
                    }
                }
            }
        }
        if !block.lines.is_empty() {
            listing.blocks.push(block);
        }
        listing
    }

    /// An attribute of the tag `name` in the head or tail.
    pub(super) fn attribute(&self, name: &str, attribute_name: &str) -> Option<String> {
        let is_it = |line: &&String| line.split(':').next() == Some(name);
        attribute(self.head.iter().chain(&self.tail).find(is_it)?, attribute_name)
    }

    pub(super) fn number(&self, name: &str, attribute_name: &str) -> f64 {
        self.attribute(name, attribute_name).unwrap().parse().unwrap()
    }

    pub(super) fn media_sequence(&self) -> u64 {
        let line = self.head.iter().find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"));
        line.unwrap().parse().unwrap()
    }

    /// Number and whole-or-open block of each segment.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u64, &Block)> {
        (self.media_sequence()..).zip(&self.blocks)
    }

    /// A delta update laid over the playlist it was made of gives that playlist again.
    pub(super) fn check_delta(&self, delta: &Self) {
        let Some(skipped) = delta.attribute("#EXT-X-SKIP", "SKIPPED-SEGMENTS") else {
            assert_eq!(self, delta);
            return;
        };
        let skipped: usize = skipped.parse().unwrap();
        assert!(delta.head.contains(&"#EXT-X-VERSION:9".to_owned()));
        let plain = |head: &[String]| {
            let is_plain = |line: &&String| !line.starts_with("#EXT-X-VERSION") && !line.starts_with("#EXT-X-SKIP");
            head.iter().filter(is_plain).cloned().collect::<Vec<_>>()
        };
        assert_eq!(plain(&self.head), plain(&delta.head));
        assert_eq!(self.blocks[skipped..], delta.blocks);
        assert_eq!(self.tail, delta.tail);
        let kept: f64 = delta.blocks.iter().filter(|block| block.uri.is_some()).map(|block| block.duration).sum();
        assert!(kept >= self.number("#EXT-X-SERVER-CONTROL", "CAN-SKIP-UNTIL") - 0.001, "{kept} s are not skipped");
    }
}

fn attribute(line: &str, name: &str) -> Option<String> {
    let (_, attributes) = line.split_once(':')?;
    let value = attributes.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim_matches('"').to_owned())
}
