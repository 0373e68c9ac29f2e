//! How much a worker may use.

use std::io;

use rustix::fs::{FileType, fstat};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::system::sysinfo;

const MIB: u64 = 1 << 20;

/// Memory that can be written to, as far as it does not grow with the number of CPUs: pictures of the decoder, of the
/// queues and of x264's look-ahead.
const MEMORY: u64 = 4096 * MIB;

/// And for each CPU: x264 and the decoder run a frame thread and a half on each for every rung, and each has a stack
/// of 8 MiB and pictures of its own.
const MEMORY_PER_CPU: u64 = 512 * MIB;

/// Descriptors beyond those that are open: the worker duplicates its socket.
const SPARE_FILES: u64 = 8;

/// Sets all limits, soft and hard, so that nothing in here can raise them again.
///
/// Not `RLIMIT_NPROC`: it counts all threads of the user, and so those of the engine and of whatever else a developer
/// runs. What threads cost is memory, and that is bounded.
pub(super) fn apply() -> io::Result<()> {
    set(Resource::Data, memory_bytes())?;
    set(Resource::Core, 0)?;
    set(Resource::Memlock, 0)?;
    set(Resource::Msgqueue, 0)?;
    set(Resource::Nofile, highest_descriptor()? + 1 + SPARE_FILES)?;
    if !logs_to_a_file() {
        set(Resource::Fsize, 0)?;
    }
    Ok(())
}

fn set(resource: Resource, most: u64) -> io::Result<()> {
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// Bytes of private writable memory (`RLIMIT_DATA`). Not of address space (`RLIMIT_AS`), of which glibc sets 64 MiB
/// aside for each thread that allocates and uses next to nothing.
///
/// A ladder of five rungs from 4K down, all with the slowest presets' look-ahead, took 2.6 GB on two CPUs. Never more
/// than the machine has: what does not fit ends the worker and not its neighbours.
fn memory_bytes() -> u64 {
    let cpus = std::thread::available_parallelism().map_or(1, |count| u64::try_from(count.get()).unwrap_or(1));
    let info = sysinfo();
    let machine = info.totalram.saturating_mul(u64::from(info.mem_unit));
    (MEMORY + MEMORY_PER_CPU.saturating_mul(cpus)).min(machine)
}

fn highest_descriptor() -> io::Result<u64> {
    let names = std::fs::read_dir("/proc/self/fd")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(names.max().unwrap_or(2))
}

/// Standard error in a regular file has to grow; no other file can be written to anyway.
fn logs_to_a_file() -> bool {
    fstat(io::stderr()).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}
