//! Ending with the process that started us: it holds the other end of standard input, and when it is gone, however it
//! went, standard input ends. Needs no signal and no `unsafe`.

use std::io::{self, Read as _};

use tokio::sync::oneshot;

/// Completes when standard input ends; never, if nobody asked for that.
pub(crate) async fn ended(is_wanted: bool) {
    if !is_wanted {
        return std::future::pending().await;
    }
    let (tell, told) = oneshot::channel();
    // A thread of its own: a read of standard input cannot be cancelled, and must not keep the runtime from ending.
    let watching = std::thread::Builder::new().name("lifeline".to_owned()).spawn(move || {
        let mut ignored = [0; 64];
        while matches!(io::stdin().read(&mut ignored), Ok(1..)) {}
        // Nobody waits any more when the process is ending anyway.
        tell.send(()).unwrap_or_default();
    });
    match watching {
        Ok(_) => told.await.unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "cannot watch standard input");
            std::future::pending().await
        }
    }
}
