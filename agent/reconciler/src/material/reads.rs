//! Reading files beside the loop, each on its own: one on a dead mount holds back its own object and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokio::task::{AbortHandle, JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout_at};

use super::READ_DEADLINE;

/// Remembers which reads never came back, so that at most one is under way for each file.
#[derive(Debug, Default)]
pub(super) struct Reads {
    overdue: BTreeMap<PathBuf, AbortHandle>,
}

/// A read under way, or none because an earlier one still is.
#[derive(Debug)]
pub(super) struct Read<T> {
    path: PathBuf,
    under_way: Option<JoinHandle<Result<T, String>>>,
}

impl Reads {
    /// Starts reading; the reason of a failure completes a sentence that begins with the path.
    pub(super) fn start<T: Send + 'static>(
        &mut self,
        path: &Path,
        read: impl FnOnce(&Path) -> Result<T, String> + Send + 'static,
    ) -> Read<T> {
        if self.overdue.get(path).is_some_and(|overdue| !overdue.is_finished()) {
            return Read { path: path.to_owned(), under_way: None };
        }
        self.overdue.remove(path);
        let path = path.to_owned();
        let own = path.clone();
        Read { path, under_way: Some(spawn_blocking(move || read(&own))) }
    }

    /// Waits for a read until `deadline`.
    pub(super) async fn finish<T>(&mut self, read: Read<T>, deadline: Instant) -> Result<T, String> {
        let late = || Err(format!("could not be read within {} s", READ_DEADLINE.as_secs()));
        let Some(mut under_way) = read.under_way else { return late() };
        match timeout_at(deadline, &mut under_way).await {
            Ok(Ok(content)) => content,
            Ok(Err(error)) => Err(format!("could not be read: {error}")),
            Err(_) => {
                self.overdue.insert(read.path, under_way.abort_handle());
                late()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_read_that_hangs_is_not_begun_again_and_delays_no_other() {
        let mut reads = Reads::default();
        let (hang, hanging) = mpsc::channel::<()>();
        let (dead, good) = (Path::new("/dead"), Path::new("/good"));
        let soon = || Instant::now() + Duration::from_millis(20);
        let long = || Instant::now() + Duration::from_secs(20);

        let first = reads.start(dead, move |_| hanging.recv().map_err(|_| "was let go".to_owned()));
        let other = reads.start(good, |path| Ok(path.to_owned()));
        let late = reads.finish(first, soon()).await.unwrap_err();
        assert_eq!(late, "could not be read within 5 s");
        assert_eq!(reads.finish(other, long()).await.unwrap(), good);

        let second = reads.start(dead, |_| Ok("never called"));
        assert!(second.under_way.is_none());
        assert_eq!(reads.finish(second, long()).await.unwrap_err(), late);

        drop(hang);
        let end = long();
        let content = loop {
            let again = reads.start(dead, |_| Ok("back"));
            match reads.finish(again, long()).await {
                Err(_) if Instant::now() < end => tokio::time::sleep(Duration::from_millis(5)).await,
                content => break content,
            }
        };
        assert_eq!(content.unwrap(), "back");
    }
}
