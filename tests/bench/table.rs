//! The table of results: ours, theirs, and what we aim for.

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) ours: f64,
    /// Name and figure of what it is compared with.
    pub(crate) theirs: Option<(&'static str, f64)>,
    pub(crate) unit: &'static str,
    /// Least and most of the rounds: of the ratio where there is something beside, else of the figure.
    pub(crate) spread: String,
    pub(crate) aim: Aim,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// At most this many times theirs.
    Ratio(f64),
    /// At least this many times theirs.
    AtLeastRatio(f64),
    AtMost(f64),
}

impl Row {
    /// A figure that is compared with nothing.
    pub(crate) fn alone(what: String, ours: f64, unit: &'static str, aim: Aim) -> Self {
        Self { what, ours, theirs: None, unit, spread: "-".to_owned(), aim }
    }

    /// Medians of some rounds of (ours, theirs), and how far the ratios of the rounds lie apart.
    pub(crate) fn of_pairs(
        what: String,
        peer: &'static str,
        pairs: &[(f64, f64)],
        unit: &'static str,
        aim: Aim,
    ) -> Self {
        let (ours, theirs): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let ratios = pairs.iter().map(|(ours, theirs)| ours / theirs);
        let (least, most) =
            ratios.fold((f64::MAX, f64::MIN), |(least, most), ratio| (least.min(ratio), most.max(ratio)));
        let spread = format!("{least:.2} to {most:.2}");
        Self { what, ours: median(&ours), theirs: Some((peer, median(&theirs))), unit, spread, aim }
    }

    fn is_met(&self) -> bool {
        match (self.aim, self.theirs) {
            (Aim::Ratio(most), Some((_, theirs))) => self.ours <= theirs * most,
            (Aim::AtLeastRatio(least), Some((_, theirs))) => self.ours >= theirs * least,
            (Aim::Ratio(_) | Aim::AtLeastRatio(_), None) => false,
            (Aim::AtMost(most), _) => self.ours <= most,
        }
    }

    fn cells(&self) -> [String; 7] {
        let unit = self.unit;
        let theirs = self.theirs.map_or_else(|| "-".to_owned(), |(name, figure)| format!("{figure:.4} ({name})"));
        let ratio = self.theirs.map_or_else(|| "-".to_owned(), |(_, figure)| format!("{:.2}", self.ours / figure));
        let aim = match self.aim {
            Aim::Ratio(most) => format!("ratio <= {most}"),
            Aim::AtLeastRatio(least) => format!("ratio >= {least}"),
            Aim::AtMost(most) => format!("<= {most} {unit}"),
        };
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        [
            self.what.clone(),
            format!("{:.4} {unit}", self.ours),
            theirs,
            ratio,
            self.spread.clone(),
            aim,
            verdict.to_owned(),
        ]
    }
}

/// Prints the table as Markdown, so that it can go into docs/benchmarks.md as it is.
pub(crate) fn print(rows: &[Row]) {
    let head = ["what", "nixcast", "beside", "ratio", "spread", "aim", ""].map(str::to_owned);
    let rule = ["---"; 7].map(str::to_owned);
    for cells in [head, rule].into_iter().chain(rows.iter().map(Row::cells)) {
        println!("| {} |", cells.join(" | "));
    }
}

/// The middle of some figures; of an even number, the mean of the two in the middle.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// The figure that `percent` of the figures do not exceed (nearest rank).
pub(crate) fn percentile(figures: &[f64], percent: usize) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}
