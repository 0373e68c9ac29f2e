//! Random valid changes of every effect while one publishes and ten watch: the short form of what `make bench`
//! measures over a thousand.

use nixcast_schema::Effect;
use nixcast_tests::changes;

#[test]
fn random_changes_converge_and_nobody_notices() {
    let counts = [(Effect::Live, 30), (Effect::Segment, 10), (Effect::Session, 10), (Effect::Rebind, 10)];
    let run = changes::run(&counts, 41);
    for (effect, took) in &run.took {
        let slowest = took.iter().max_by_key(|took| took.converged).unwrap();
        println!("{effect:?}: {} changes, the slowest took {:?}: {}", took.len(), slowest.converged, slowest.pattern);
    }
    let watched = &run.watched;
    println!("{} requests, {} segments, {} changes of quality", watched.requests, watched.segments, watched.switches);
    assert_eq!(run.took.values().map(Vec::len).sum::<usize>(), 60);
    assert_eq!((run.publisher_reconnects, run.engine_restarts), (0, 0));
    assert_eq!((&watched.gaps[..], &watched.errors[..], watched.reconnects), (&[][..], &[][..], 0));
    assert!(watched.segments > 40, "too few segments to tell: {watched:?}");
}
