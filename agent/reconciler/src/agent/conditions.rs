//! Conditions remember when they last flipped.

use crate::report::{Condition, ConditionKind};

#[derive(Debug, Default)]
pub(super) struct Conditions(Vec<Condition>);

impl Conditions {
    pub(super) fn set(&mut self, kind: ConditionKind, is_true: bool, reason: &str, message: String, now: &str) {
        let known = self.0.iter().position(|condition| condition.kind == kind);
        let since = known
            .map(|index| &self.0[index])
            .filter(|condition| condition.is_true == is_true)
            .map_or_else(|| now.to_owned(), |condition| condition.last_transition_time.clone());
        let condition = Condition { kind, is_true, reason: reason.to_owned(), message, last_transition_time: since };
        match known {
            Some(index) => self.0[index] = condition,
            None => self.0.push(condition),
        }
    }

    pub(super) fn to_vec(&self) -> Vec<Condition> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_that_of_the_last_flip() {
        let mut conditions = Conditions::default();
        for (is_true, now, since) in [(true, "1", "1"), (true, "2", "1"), (false, "3", "3"), (false, "4", "3")] {
            conditions.set(ConditionKind::Converged, is_true, "R", String::new(), now);
            assert_eq!(conditions.to_vec()[0].last_transition_time, since);
        }
    }
}
