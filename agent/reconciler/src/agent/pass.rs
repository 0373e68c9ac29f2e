//! One comparison: read what the paths hold, observe, plan, apply, observe again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nixcast_core::control::{ObjectId, Observed, Outcome, OutcomeResult, Step};
use nixcast_core::plan::{Change, Desired, FieldChange, Plan, plan};
use nixcast_schema::{OnDrift, Settings};
use tokio::sync::watch;
use tokio::time::Instant;

use super::conditions::Conditions;
use super::drift::{Basis, RanWhole, Tracker};
use crate::crash;
use crate::document::Document;
use crate::engine_link::{EngineError, EngineLink, LinkState};
use crate::ledger::{Entry, HeldObject, Progress};
use crate::material;
use crate::report::{DriftCounts, ObjectState, PlanReport};

/// A step that waits for a segment boundary is sent again after this long, should the engine have forgotten it.
const PENDING_PATIENCE: Duration = Duration::from_secs(30);

/// Compares and remembers how each object stands.
pub(super) struct Comparer {
    reader: material::Reader,
    link_state: watch::Receiver<LinkState>,
    desired: Option<Desired>,
    /// Counts changes of `desired`.
    revision: u64,
    tracker: Tracker,
    /// What ran whole when this agent started: drift since then is drift too.
    ran_whole: Option<RanWhole>,
    /// Steps the engine took for the next segment boundary, and when.
    pending: BTreeMap<ObjectId, (Step, Instant)>,
    pub(super) observed: Option<Observed>,
    pub(super) objects: BTreeMap<ObjectId, ObjectState>,
    /// The generation that `objects` is about, and the engine it was compared with.
    judged: Option<RanWhole>,
    /// Why the engine could not be asked.
    pub(super) unreachable: Option<String>,
    pub(super) drift: DriftCounts,
    pub(super) passes: u64,
    pub(super) conditions: Conditions,
}

impl Comparer {
    pub(super) fn new(
        reader: material::Reader,
        link_state: watch::Receiver<LinkState>,
        ran_whole: Option<RanWhole>,
    ) -> Self {
        Self {
            reader,
            link_state,
            desired: None,
            revision: 0,
            tracker: Tracker::default(),
            ran_whole,
            pending: BTreeMap::new(),
            observed: None,
            objects: BTreeMap::new(),
            judged: None,
            unreachable: None,
            drift: DriftCounts::default(),
            passes: 0,
            conditions: Conditions::default(),
        }
    }

    /// Brings the engine closer to the accepted document. `is_forced`: an operator asked, so drift is put right even
    /// where it is otherwise only reported.
    pub(super) async fn pass(
        &mut self,
        accepted: Option<(&Entry, &Document)>,
        link: &EngineLink,
        reason: &'static str,
        is_forced: bool,
    ) {
        self.passes += 1;
        let Some((entry, document)) = accepted else {
            self.look_only(link).await;
            return;
        };
        let desired = self.resolve(&document.settings).await;
        let heals = is_forced || document.settings.reconcile.on_drift == OnDrift::Heal;
        match self.converge(entry, &desired, link, heals, reason).await {
            Ok(()) => self.unreachable = None,
            Err(error) => self.lose_engine(&desired, &error),
        }
        self.desired = Some(desired);
    }

    /// What would change for a document that is not accepted.
    pub(super) async fn preview(&mut self, document: &Document, link: &EngineLink) -> Result<PlanReport, EngineError> {
        let material = self.reader.read_for_plan(&document.settings).await;
        let desired = Desired::resolve(&document.settings, &material);
        let Plan { steps: _, held, changes } = plan(&desired, &self.observe(link).await?);
        Ok(PlanReport { digest: document.digest.clone(), changes, held })
    }

    /// Fetches what changes by itself (the broadcast), without deciding anything.
    pub(super) async fn look_only(&mut self, link: &EngineLink) {
        match self.observe(link).await {
            Ok(observed) => {
                self.observed = Some(observed);
                self.unreachable = None;
            }
            Err(error) => {
                self.observed = None;
                self.unreachable = Some(error.to_string());
            }
        }
    }

    /// Whether `objects` tells how this generation stands in the engine that was observed last, and not how another one
    /// stood, or the same one in an engine that has gone since.
    pub(super) fn has_judged(&self, generation: u64) -> bool {
        let engine_pid = self.observed.as_ref().map(|observed| observed.engine_pid);
        engine_pid.is_some_and(|engine_pid| self.judged == Some(RanWhole { generation, engine_pid }))
    }

    pub(super) fn is_pending(&self) -> bool {
        self.objects.values().any(|state| matches!(state, ObjectState::Pending))
    }

    /// Whether looking again before the interval would be of no use.
    pub(super) fn is_settled(&self) -> bool {
        self.objects.values().all(|state| matches!(state, ObjectState::Converged | ObjectState::Drifted { .. }))
    }

    /// How far the accepted document has come; none while that is still being found out.
    pub(super) fn progress(&self) -> Option<Progress> {
        let is_known = self.unreachable.is_none() && !self.objects.is_empty();
        let is_final = |state: &ObjectState| matches!(state, ObjectState::Converged | ObjectState::Held { .. });
        if !is_known || !self.objects.values().all(is_final) {
            return None;
        }
        let held = self.objects.iter().filter_map(|(object, state)| match state {
            ObjectState::Held { reason } => Some((object.to_string(), reason.as_str())),
            _ => None,
        });
        let objects = HeldObject::all(held);
        let engine_pid = self.observed.as_ref()?.engine_pid;
        let now = jiff::Timestamp::now().as_second();
        Some(if objects.is_empty() {
            Progress::Converged { at: now, engine_pid }
        } else {
            Progress::Held { since: now, objects }
        })
    }

    async fn resolve(&mut self, settings: &Settings) -> Desired {
        let material = self.reader.read(settings).await;
        crash::reached(crash::Point::MaterialRead);
        let desired = Desired::resolve(settings, &material);
        if self.desired.as_ref() != Some(&desired) {
            self.revision += 1;
        }
        desired
    }

    /// Does not wait for an engine that is known to be away.
    async fn observe(&self, link: &EngineLink) -> Result<Observed, EngineError> {
        if let LinkState::Down { reason } = &*self.link_state.borrow() {
            return Err(EngineError::Unreachable { reason: reason.clone() });
        }
        link.observe().await
    }

    async fn converge(
        &mut self,
        entry: &Entry,
        desired: &Desired,
        link: &EngineLink,
        heals: bool,
        reason: &'static str,
    ) -> Result<(), EngineError> {
        let mut observed = self.observe(link).await?;
        crash::reached(crash::Point::Observed);
        let first = plan(desired, &observed);
        crash::reached(crash::Point::Planned);
        let is_new_generation = observed.generation != entry.generation;
        self.note_drift(&first, &observed, is_new_generation, heals);
        let steps: Vec<Step> =
            first.steps.into_iter().filter(|step| self.is_to_be_sent(step, &observed, heals)).collect();
        let mut outcomes = Vec::new();
        // A document that changes nothing is still told by its number, or the two generations would never agree.
        if !steps.is_empty() || is_new_generation {
            tracing::info!(reason, generation = entry.generation, steps = steps.len(), "applying");
            outcomes = link.apply(entry.generation, entry.digest.clone(), steps.clone()).await?;
            self.remember_pending(steps, &outcomes);
            observed = link.observe().await?;
            crash::reached(crash::Point::ObservedAgain);
        } else {
            tracing::debug!(reason, "nothing to apply");
        }
        let left = plan(desired, &observed);
        self.judge_objects(desired, &observed, &left, &outcomes);
        self.judged = Some(RanWhole { generation: entry.generation, engine_pid: observed.engine_pid });
        let still_differing = left.steps.iter().map(|step| step.object.clone()).collect();
        self.tracker.settle(&still_differing, heals);
        self.observed = Some(observed);
        Ok(())
    }

    fn note_drift(&mut self, plan: &Plan, observed: &Observed, is_new_generation: bool, heals: bool) {
        let basis = Basis { engine_pid: observed.engine_pid, revision: self.revision };
        let differing: BTreeSet<ObjectId> = plan
            .steps
            .iter()
            .map(|step| step.object.clone())
            .filter(|object| !observed.pending.contains(object) && !self.pending.contains_key(object))
            .collect();
        let runs = RanWhole { generation: observed.generation, engine_pid: observed.engine_pid };
        if !is_new_generation && self.ran_whole == Some(runs) {
            let changed = plan.changes.iter().filter(|change| is_of_files(change));
            self.tracker.resume(basis, changed.map(|change| change.object.clone()).collect());
        }
        let newly = self.tracker.judge(basis, &differing);
        for change in plan.changes.iter().filter(|change| newly.contains(&change.object)) {
            self.drift.found += 1;
            self.drift.healed += u64::from(heals);
            log_drift(change, heals);
        }
    }

    fn is_to_be_sent(&self, step: &Step, observed: &Observed, heals: bool) -> bool {
        if !heals && self.tracker.is_drifting(&step.object) {
            return false;
        }
        let waits = self.pending.get(&step.object).is_some_and(|(sent, since)| {
            sent == step && since.elapsed() < PENDING_PATIENCE && observed.pending.contains(&step.object)
        });
        !waits
    }

    fn remember_pending(&mut self, steps: Vec<Step>, outcomes: &[Outcome]) {
        for step in steps {
            let is_pending = outcomes
                .iter()
                .any(|outcome| outcome.object == step.object && outcome.result == OutcomeResult::Pending);
            if is_pending {
                self.pending.insert(step.object.clone(), (step, Instant::now()));
            } else {
                self.pending.remove(&step.object);
            }
        }
    }

    fn judge_objects(&mut self, desired: &Desired, observed: &Observed, left: &Plan, outcomes: &[Outcome]) {
        self.pending.retain(|object, _| observed.pending.contains(object));
        let mut objects: BTreeMap<ObjectId, ObjectState> =
            desired.objects().map(|object| (object, ObjectState::Converged)).collect();
        for change in &left.changes {
            let Change { object, fields, .. } = change;
            objects.insert(object.clone(), self.unfinished(object, fields.clone(), outcomes));
        }
        for object in &observed.pending {
            objects.insert(object.clone(), ObjectState::Pending);
        }
        for held in &left.held {
            objects.insert(held.object.clone(), ObjectState::Held { reason: held.reason.clone() });
        }
        self.objects = objects;
    }

    /// The state of an object whose `fields` still differ.
    fn unfinished(&self, object: &ObjectId, fields: Vec<FieldChange>, outcomes: &[Outcome]) -> ObjectState {
        if self.tracker.is_drifting(object) && !outcomes.iter().any(|outcome| outcome.object == *object) {
            return ObjectState::Drifted { fields };
        }
        match outcomes.iter().find(|outcome| outcome.object == *object).map(|outcome| &outcome.result) {
            Some(OutcomeResult::Held { reason }) => ObjectState::Held { reason: reason.clone() },
            Some(OutcomeResult::Pending) => ObjectState::Pending,
            Some(OutcomeResult::Applied) => {
                ObjectState::Waiting { reason: "the engine took the change but does not run it yet".to_owned() }
            }
            None => ObjectState::Waiting { reason: "changed while it was being compared".to_owned() },
        }
    }

    fn lose_engine(&mut self, desired: &Desired, error: &EngineError) {
        let reason = error.to_string();
        if self.unreachable.as_ref() != Some(&reason) {
            tracing::warn!(%error, "the engine cannot be told anything");
        }
        self.objects =
            desired.objects().map(|object| (object, ObjectState::Waiting { reason: reason.clone() })).collect();
        self.observed = None;
        self.unreachable = Some(reason);
    }
}

/// Whether only what lies behind paths differs: that may have been replaced while no agent looked.
fn is_of_files(change: &Change) -> bool {
    let is_of_file = |option: &str| ["File", ".logo", ".emojiFolder"].iter().any(|leaf| option.ends_with(leaf));
    change.fields.iter().all(|field| is_of_file(&field.option))
}

fn log_drift(change: &Change, heals: bool) {
    for field in &change.fields {
        let (before, after) = (field.before.as_ref(), field.after.as_ref());
        let shown = |value: Option<&serde_json::Value>| value.map_or_else(|| "none".to_owned(), ToString::to_string);
        tracing::warn!(option = %field.option, runs = %shown(before), declared = %shown(after), heals, "drift");
    }
}
