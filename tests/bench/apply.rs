//! Time from the write of a settings file to convergence, over many changes of a value that takes hold at once.

use std::time::{Duration, Instant};

use nixcast_tests::server::{Nixcast, Scene};
use serde_json::Value;

use crate::table::{Aim, Row, percentile};

const CHANGES: usize = 200;
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn measure() -> Vec<Row> {
    let mut server = Scene::with_key().start();
    let mut took = Vec::with_capacity(CHANGES);
    for number in 0..CHANGES {
        let before = generation(&status(&server));
        let began = Instant::now();
        server.write(|settings| settings.instance.name = format!("change {number}"));
        while !is_converged_after(&status(&server), before) {
            assert!(began.elapsed() < PATIENCE, "change {number} did not converge");
            std::thread::sleep(Duration::from_millis(1));
        }
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let row = |percent, most| Row {
        what: format!("file written to converged, p{percent} of {CHANGES} live changes"),
        ours: percentile(&took, percent),
        theirs: None,
        unit: "ms",
        aim: Aim::AtMost(most),
    };
    vec![row(50, 50.0), row(99, 50.0)]
}

fn status(server: &Nixcast) -> Value {
    server.agent_status().unwrap_or_else(|reason| panic!("the agent has no status: {reason}"))
}

fn generation(status: &Value) -> u64 {
    status["accepted"]["generation"].as_u64().unwrap_or(0)
}

fn is_converged_after(status: &Value, before: u64) -> bool {
    let accepted = generation(status);
    let conditions = status["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let is_converged = conditions.iter().any(|one| one["kind"] == "Converged" && one["isTrue"] == true);
    accepted > before && is_converged && status["observedGeneration"] == accepted
}
