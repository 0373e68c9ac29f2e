//! Telling drift from change: something runs otherwise than it was last seen to run, though nobody declared anything.

use std::collections::BTreeSet;

use nixcast_core::control::ObjectId;

/// What the comparison is about. Differences under a new basis are changes, under an old one drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Basis {
    /// A restarted engine has not drifted, it is new.
    pub(super) engine_pid: u32,
    /// Counts changes of what is desired: settings, secrets, logo.
    pub(super) revision: u64,
}

/// A generation that an engine process was seen to run whole, by an agent before this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RanWhole {
    pub(super) generation: u64,
    pub(super) engine_pid: u32,
}

/// Remembers what was still being changed when the last comparison ended.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    basis: Option<Basis>,
    unsettled: BTreeSet<ObjectId>,
    drifting: BTreeSet<ObjectId>,
}

impl Tracker {
    /// Goes on where an earlier agent left off, before the first comparison: only `changed` may differ without having
    /// drifted.
    pub(super) fn resume(&mut self, basis: Basis, changed: BTreeSet<ObjectId>) {
        if self.basis.is_none() {
            *self = Self { basis: Some(basis), unsettled: changed, drifting: BTreeSet::new() };
        }
    }

    /// Takes the objects that differ and returns those that newly drifted.
    pub(super) fn judge(&mut self, basis: Basis, differing: &BTreeSet<ObjectId>) -> Vec<ObjectId> {
        if self.basis != Some(basis) {
            *self = Self { basis: Some(basis), unsettled: differing.clone(), drifting: BTreeSet::new() };
            return Vec::new();
        }
        let drifting: BTreeSet<ObjectId> = differing.difference(&self.unsettled).cloned().collect();
        let newly = drifting.difference(&self.drifting).cloned().collect();
        self.drifting = drifting;
        newly
    }

    pub(super) fn is_drifting(&self, object: &ObjectId) -> bool {
        self.drifting.contains(object)
    }

    /// Takes the objects that still differ after an apply that left drift alone (or not).
    pub(super) fn settle(&mut self, still_differing: &BTreeSet<ObjectId>, was_healed: bool) {
        if was_healed {
            self.drifting.clear();
        }
        self.unsettled = still_differing.difference(&self.drifting).cloned().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASIS: Basis = Basis { engine_pid: 1, revision: 1 };

    fn page() -> BTreeSet<ObjectId> {
        BTreeSet::from([ObjectId::Page])
    }

    #[test]
    fn a_first_comparison_finds_changes_and_a_later_one_drift() {
        let mut tracker = Tracker::default();
        assert!(tracker.judge(BASIS, &page()).is_empty());
        tracker.settle(&BTreeSet::new(), true);
        assert_eq!(tracker.judge(BASIS, &page()), [ObjectId::Page]);
    }

    #[test]
    fn what_was_never_reached_has_not_drifted() {
        let mut tracker = Tracker::default();
        tracker.judge(BASIS, &page());
        tracker.settle(&page(), true);
        assert!(tracker.judge(BASIS, &page()).is_empty());
    }

    #[test]
    fn drift_left_alone_is_counted_once_and_stays_drift() {
        let mut tracker = Tracker::default();
        tracker.judge(BASIS, &BTreeSet::new());
        tracker.settle(&BTreeSet::new(), false);
        assert_eq!(tracker.judge(BASIS, &page()).len(), 1);
        tracker.settle(&page(), false);
        assert!(tracker.judge(BASIS, &page()).is_empty());
        assert!(tracker.is_drifting(&ObjectId::Page));
    }

    #[test]
    fn new_settings_and_a_new_engine_are_no_drift() {
        for basis in [Basis { engine_pid: 2, ..BASIS }, Basis { revision: 2, ..BASIS }] {
            let mut tracker = Tracker::default();
            tracker.judge(BASIS, &BTreeSet::new());
            tracker.settle(&BTreeSet::new(), true);
            assert!(tracker.judge(basis, &page()).is_empty(), "{basis:?}");
        }
    }
}
