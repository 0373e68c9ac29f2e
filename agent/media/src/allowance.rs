//! CPU time that an engine grants its worker, little by little.
//!
//! A worker that makes progress is given more before it runs out. One that turns in circles is not, and the kernel ends
//! it, whatever the engine is doing at that time.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

/// Lets the process `pid` use `more` CPU time from now on, and no more. The kernel counts whole seconds.
///
/// # Errors
/// There is no such process, or it is not ours.
pub fn grant(pid: u32, more: Duration) -> io::Result<()> {
    let raw = i32::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    let process = Pid::from_raw(raw).ok_or(io::ErrorKind::InvalidInput)?;
    let most = (used(raw)? + more).as_secs() + 1;
    // The hard limit stays what the process inherited from us: once lowered, only root could raise it again.
    let maximum = getrlimit(Resource::Cpu).maximum;
    let current = Some(maximum.map_or(most, |maximum| maximum.min(most)));
    prlimit(Some(process), Resource::Cpu, Rlimit { current, maximum })?;
    Ok(())
}

/// CPU time that all threads of a process have used. From its clock and not from `/proc`, where a process that lets
/// nobody look into it may be hidden even from its parent.
#[allow(unsafe_code)]
fn used(pid: i32) -> io::Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let mut clock: libc::clockid_t = 0;
    // SAFETY: both calls write to nothing but the places they are given, which live on this stack.
    let error = unsafe {
        match libc::clock_getcpuclockid(pid, &raw mut clock) {
            0 if libc::clock_gettime(clock, &raw mut time) == 0 => return duration(&time),
            0 => io::Error::last_os_error(),
            number => io::Error::from_raw_os_error(number),
        }
    };
    Err(error)
}

fn duration(time: &libc::timespec) -> io::Result<Duration> {
    let seconds = u64::try_from(time.tv_sec).map_err(|_| io::ErrorKind::InvalidData)?;
    let nanos = u32::try_from(time.tv_nsec).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Duration::new(seconds, nanos))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_turns_in_circles_runs_out_of_time() {
        let mut child = Command::new("sh").args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn().unwrap();
        grant(child.id(), Duration::ZERO).unwrap();
        let status = child.wait().unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&status).unwrap();
        assert!([libc::SIGXCPU, libc::SIGKILL].contains(&signal), "{status}");
    }

    #[test]
    fn a_process_that_is_gone_is_given_nothing() {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(grant(child.id(), Duration::from_secs(1)).is_err());
        assert!(grant(0, Duration::from_secs(1)).is_err());
    }
}
