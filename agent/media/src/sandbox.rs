//! The cell a worker locks itself into before it reads the first byte of a publisher's media.
//!
//! Whoever takes a worker over through a bug in a decoder has the engine's socket, three open descriptors, a bounded
//! amount of memory and CPU time, and nothing else: no file, no network, no other process, no code of their own. Each
//! layer stands alone, so that one that the kernel lacks weakens the cell and does not open it:
//!
//! - [`limits`]: memory, open files, size of files, no core dump; CPU time is the engine's to grant, see
//!   [`crate::allowance`];
//! - [`files`]: Landlock with every right handled and no rule;
//! - [`calls`]: three seccomp filters, on which all else rests where Landlock is missing;
//! - no new privileges, no capability, no debugger, first in line when the machine is out of memory.
//!
//! Called by the worker before it starts a thread. A layer that cannot be had is told and done without: a broadcast
//! with a weaker cell is better than none, and the operator sees it as a condition in `status`.

mod calls;
mod files;
mod limits;

use std::io;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};

/// What a worker does, and so what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// x264 alone: nothing but memory, threads and the socket.
    Software,
    /// A hardware encoder, whose libraries are loaded and whose device is open by now: drivers speak to it by `ioctl`,
    /// and some open its node once more. No other file can be opened, and no code be loaded any more.
    Hardware,
}

/// A part of the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    Privileges,
    Limits,
    Landlock,
    SystemCalls,
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Privileges => "no new privileges",
            Self::Limits => "resource limits",
            Self::Landlock => "Landlock",
            Self::SystemCalls => "the system call filter",
        })
    }
}

/// How the cell stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Layers that could not be had, each with the reason.
    pub missing: Vec<(Layer, String)>,
    /// Whether the kernel's Landlock knows all that was asked of it; false also where it knows none of it.
    pub is_landlock_complete: bool,
}

/// Why a worker must not go on: it was called too late, and would only lock up one of its threads.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the sandbox was to be entered with {threads} threads running, which it would not hold")]
    TooLate { threads: usize },
    #[error("the worker's own threads could not be counted")]
    Threads(#[source] io::Error),
}

/// Closes every descriptor but the three standard ones, whoever passed them on to this program. For the very beginning
/// of a program: what it has opened itself is closed with the rest.
///
/// # Errors
/// The kernel is older than 5.9.
#[allow(unsafe_code)]
pub fn close_inherited() -> io::Result<()> {
    // SAFETY: the call touches no memory; that nothing of this program's own is open yet is the caller's part.
    match unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Locks the process in, for good.
///
/// # Errors
/// The process has more than one thread, or cannot tell. A layer that the kernel lacks is no error: see [`Cell`].
pub fn enter(profile: Profile) -> Result<Cell, SandboxError> {
    let threads = std::fs::read_dir("/proc/self/task").map_err(SandboxError::Threads)?.count();
    if threads != 1 {
        return Err(SandboxError::TooLate { threads });
    }
    let mut cell = Cell::default();
    let mut note = |layer, result: Result<(), String>| {
        cell.missing.extend(result.err().map(|reason| (layer, reason)));
    };
    // Best effort, as all of these only matter once something else has failed: where memory runs out, the worker goes
    // before the engine does; what no file and no socket can be had with needs no capability to be taken from it.
    let _is_first_to_go = std::fs::write("/proc/self/oom_score_adj", "1000");
    let none = CapabilitySet::empty();
    let _is_stripped = set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none });
    note(Layer::Privileges, give_up_privileges().map_err(|error| error.to_string()));
    note(Layer::Limits, limits::apply().map_err(|error| error.to_string()));
    let landlock = files::restrict(profile);
    note(Layer::Landlock, landlock.as_ref().map(|_| ()).map_err(ToString::to_string));
    // The last, because it forbids what the others need.
    let may_open = profile == Profile::Hardware && landlock.is_ok();
    note(Layer::SystemCalls, calls::restrict(profile, may_open).map_err(|error| error.to_string()));
    cell.is_landlock_complete = landlock.is_ok_and(|is_complete| is_complete);
    Ok(cell)
}

/// No program that is run could have more rights, and nobody may look into this process or stop it with a debugger.
fn give_up_privileges() -> io::Result<()> {
    set_no_new_privs(true)?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}
