//! Prometheus' text format 0.0.4, written by hand: the official crate writes OpenMetrics alone, which older scrapers
//! refuse (a counter's name differs between its samples and its description).

use std::fmt::Write as _;

pub(in crate::web) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How a value behaves.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) enum Kind {
    /// Only grows, until the engine ends.
    Counter,
    Gauge,
}

/// A page of figures in the making.
#[derive(Debug, Default)]
pub(in crate::web) struct Exposition(String);

impl Exposition {
    /// One metric with all its samples; one without samples is left out.
    pub(in crate::web) fn family<'a>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        samples: impl IntoIterator<Item = (&'a [(&'static str, &'a str)], f64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.put(format_args!("# HELP {name} {}\n# TYPE {name} {kind}\n", escape(help, false)));
        for (labels, value) in samples {
            let labels: Vec<String> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escape(value, true))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            self.put(format_args!("{name}{labels} {value}\n"));
        }
    }

    pub(in crate::web) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, Kind::Counter, help, [(&[][..], super::exact(value))]);
    }

    pub(in crate::web) fn gauge(&mut self, name: &str, help: &str, value: impl TryInto<i64>) {
        self.family(name, Kind::Gauge, help, [(&[][..], super::exact(value))]);
    }

    /// A counter for each value of one label.
    pub(in crate::web) fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        counts: impl IntoIterator<Item = (&'static str, u64)>,
    ) {
        let samples: Vec<_> =
            counts.into_iter().map(|(value, count)| ([(label, value)], super::exact(count))).collect();
        self.family(name, Kind::Counter, help, samples.iter().map(|(labels, count)| (&labels[..], *count)));
    }

    pub(in crate::web) fn finish(self) -> String {
        self.0
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _is_written = self.0.write_fmt(text);
    }
}

/// Backslashes and line ends, and in a label's value quotes.
fn escape(text: &str, is_label: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if is_label { text.replace('"', "\\\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_the_format_has_it() {
        let mut text = Exposition::default();
        text.gauge("a", "A \\ and\nmore.", 3_u64);
        text.counters("b_total", "B.", "class", [("x", 1), ("y", u64::from(u32::MAX))]);
        text.family("c", Kind::Gauge, "C.", [(&[("n", "q\"\\\n"), ("m", "")][..], 0.25)]);
        text.family("left_out", Kind::Gauge, "No samples.", []);
        let expected = [
            "# HELP a A \\\\ and\\nmore.",
            "# TYPE a gauge",
            "a 3",
            "# HELP b_total B.",
            "# TYPE b_total counter",
            "b_total{class=\"x\"} 1",
            "b_total{class=\"y\"} 4294967295",
            "# HELP c C.",
            "# TYPE c gauge",
            "c{n=\"q\\\"\\\\\\n\",m=\"\"} 0.25",
            "",
        ];
        assert_eq!(text.finish(), expected.join("\n"));
    }
}
