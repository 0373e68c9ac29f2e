//! Waiting for an apply: until the engine runs the document, or it is plain that it will not in time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::agent::{ENGINE_UNREACHABLE, TakenIn};
use crate::report::{ApplyReport, ApplyVerdict, ConditionKind, ObjectState, Status};

/// A held object is given this long: three more tries at the loop's back-off. A switch should not wait a whole
/// minute for a secret file that is simply not there.
const HELD_PATIENCE: Duration = Duration::from_secs(3);
/// An engine that is away is given this long: it may be starting beside the agent.
const UNREACHABLE_PATIENCE: Duration = Duration::from_secs(5);

/// None when the loop has ended.
pub(super) async fn wait(
    mut statuses: watch::Receiver<Arc<Status>>,
    taken: TakenIn,
    wait_seconds: Option<u32>,
) -> Option<ApplyReport> {
    let started = Instant::now();
    let mut last = None;
    loop {
        let status = Arc::clone(&statuses.borrow_and_update());
        let wait = Duration::from_secs(u64::from(wait_seconds.unwrap_or(status.timeout_seconds)));
        // The first comparison is always waited for, within its own deadlines.
        let deadline = if status.passes > taken.passes {
            let (verdict, patience) = judge(&status);
            let deadline = started + patience.min(wait);
            if verdict == ApplyVerdict::Converged || Instant::now() >= deadline {
                return Some(ApplyReport { verdict, status: status.as_ref().clone() });
            }
            last = Some((verdict, Arc::clone(&status)));
            Some(deadline)
        } else {
            None
        };
        let changed = match deadline {
            Some(deadline) => timeout_at(deadline, statuses.changed()).await,
            None => Ok(statuses.changed().await),
        };
        match changed {
            Ok(Ok(())) => (),
            Ok(Err(_)) => return None,
            Err(_) => {
                return last.map(|(verdict, status)| ApplyReport { verdict, status: status.as_ref().clone() });
            }
        }
    }
}

/// How it stands, and how long to be content with that.
fn judge(status: &Status) -> (ApplyVerdict, Duration) {
    if status.is(ConditionKind::Converged) {
        return (ApplyVerdict::Converged, Duration::ZERO);
    }
    if status.reason(ConditionKind::Converged) == Some(ENGINE_UNREACHABLE) {
        return (ApplyVerdict::EngineUnreachable, UNREACHABLE_PATIENCE);
    }
    let moves = |state: &ObjectState| matches!(state, ObjectState::Pending | ObjectState::Waiting { .. });
    let patience = if status.objects.iter().any(|object| moves(&object.state)) { Duration::MAX } else { HELD_PATIENCE };
    (ApplyVerdict::NotConverged, patience)
}
