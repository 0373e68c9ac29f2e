//! Where on the time line pictures fall: the grid of IDR pictures, and the cap on a rung's frame rate. Pure.

/// Ticks in a millisecond of the 90 kHz clock.
const TICKS_PER_MS: i64 = 90;
const TICKS_PER_SECOND: i64 = 90_000;

/// The points at which all rungs start a segment: whole multiples of a length on the time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    ticks: i64,
    /// The cell the last picture was in.
    cell: Option<i64>,
}

impl Grid {
    /// A grid of `grid_ms`, at least 1 ms, that has seen no picture.
    pub(super) fn new(grid_ms: u32) -> Self {
        Self { ticks: i64::from(grid_ms.max(1)) * TICKS_PER_MS, cell: None }
    }

    /// Whether the picture at `pts` is the first at or after a grid point. The first picture of all always is.
    pub(super) fn crosses(&mut self, pts: i64) -> bool {
        let cell = pts.div_euclid(self.ticks);
        let is_first = self.cell.is_none_or(|last| cell > last);
        self.cell = Some(self.cell.map_or(cell, |last| last.max(cell)));
        is_first
    }

    /// The first grid point after `pts`.
    pub(super) const fn point_after(&self, pts: i64) -> i64 {
        pts.div_euclid(self.ticks).saturating_add(1).saturating_mul(self.ticks)
    }

    /// A grid of `grid_ms` whose first picture, at `pts`, was already taken for a grid picture.
    pub(super) fn starting_at(grid_ms: u32, pts: i64) -> Self {
        let mut grid = Self::new(grid_ms);
        grid.crosses(pts);
        grid
    }
}

/// Most ticks a picture may be early: 8 ms, the jitter of a capture and of stamps in whole milliseconds.
const MOST_SLACK: i64 = 750;

/// Drops pictures so that at most `rate` a second are left, evenly spread.
///
/// Every grid picture is kept and starts the count anew, so what is kept depends on the time line alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cadence {
    interval: i64,
    due: Option<i64>,
    /// The picture before, kept or not.
    last: Option<i64>,
}

impl Cadence {
    /// At most `rate` pictures a second; none: all of them.
    pub(super) fn new(rate: Option<u8>) -> Self {
        let rate = rate.map_or(TICKS_PER_SECOND, |rate| i64::from(rate.max(1)));
        Self { interval: TICKS_PER_SECOND / rate, due: None, last: None }
    }

    /// Whether to keep the picture at `pts`. `next_point` is the grid point that follows.
    pub(super) fn keeps(&mut self, pts: i64, is_grid: bool, next_point: i64) -> bool {
        let step = self.last.map_or(self.interval, |last| pts.saturating_sub(last)).max(1);
        self.last = Some(pts);
        let Some(due) = self.due.filter(|_| !is_grid) else {
            self.due = Some(pts.saturating_add(self.interval));
            return true;
        };
        // A source at just the rate allowed must come through whole, so a picture may be a little early.
        let slack = (self.interval / 4).min(MOST_SLACK);
        // The next grid picture will be kept whatever comes before it, so what comes just before it is not.
        let steps_to_grid = (next_point.saturating_sub(pts) + step - 1) / step;
        let is_too_close_to_grid = steps_to_grid.saturating_mul(step) < self.interval - slack;
        if pts < due - slack || is_too_close_to_grid {
            return false;
        }
        // After a hole the count starts at this picture, otherwise the hole would be made up for by a burst.
        let is_late = pts >= due.saturating_add(self.interval);
        self.due = Some(if is_late { pts } else { due }.saturating_add(self.interval));
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
mod tests {
    use super::{Cadence, Grid};

    /// Pictures kept of ten seconds at `source` frames a second, stamped in whole milliseconds as RTMP does.
    fn kept(source: f64, cap: Option<u8>) -> Vec<i64> {
        let (mut grid, mut cadence) = (Grid::new(2000), Cadence::new(cap));
        (0..(source * 10.0) as i64)
            .map(|n| ((n as f64 * 1000.0 / source).round() as i64) * 90)
            .filter(|pts| {
                let is_grid = grid.crosses(*pts);
                cadence.keeps(*pts, is_grid, grid.point_after(*pts))
            })
            .collect()
    }

    #[test]
    fn a_source_within_the_cap_comes_through_whole() {
        for source in [23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0] {
            let all = (source * 10.0) as usize;
            assert_eq!(kept(source, None).len(), all, "{source}");
            assert_eq!(kept(source, Some(source.ceil() as u8)).len(), all, "{source}");
            assert_eq!(kept(source, Some(120)).len(), all, "{source}");
        }
    }

    #[test]
    fn a_faster_source_is_thinned_evenly_to_the_cap() {
        for (source, cap) in
            [(60.0, 30), (50.0, 25), (50.0, 30), (30.0, 24), (60.0, 24), (29.97, 15), (25.0, 20), (30.0, 1)]
        {
            let kept = kept(source, Some(cap));
            let want = f64::from(cap) * 10.0;
            let got = kept.len() as f64;
            assert!(got <= want + 0.5 && got >= want * 0.93 - 5.0, "{source} to {cap}: {got}");
            let interval = 90_000 / i64::from(cap);
            let source_interval = (90_000.0 / source) as i64;
            for pair in kept.windows(2) {
                let step = pair[1] - pair[0];
                assert!(step > interval / 2 && step <= interval + 2 * source_interval, "{source} to {cap}: {step}");
            }
        }
    }

    #[test]
    fn half_the_rate_is_every_other_picture() {
        let steps: Vec<i64> = kept(60.0, Some(30)).windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| (2940..=3060).contains(step)), "{steps:?}");
    }

    #[test]
    fn grid_pictures_are_always_kept() {
        for source in [24.0, 29.97, 50.0, 60.0] {
            let kept = kept(source, Some(13));
            for point in 0..5_i64 {
                let first = kept.iter().find(|pts| **pts >= point * 180_000).unwrap();
                assert!(*first < point * 180_000 + (90_000.0 / source) as i64 + 90, "{source}: {point}");
            }
        }
    }

    #[test]
    fn the_grid_is_absolute_and_crossed_once() {
        let mut grid = Grid::new(2000);
        let crossed: Vec<i64> = [50_000, 179_999, 180_003, 183_000, 359_000, 900_000, 890_000]
            .into_iter()
            .filter(|p| grid.crosses(*p))
            .collect();
        assert_eq!(crossed, [50_000, 180_003, 900_000]);
        assert_eq!(grid.point_after(180_000), 360_000);
    }
}
