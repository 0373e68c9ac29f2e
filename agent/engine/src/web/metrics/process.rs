//! What the kernel says of this process, under the names every Prometheus client library uses.
//!
//! The worker is a process of its own and not in here.

use std::fs;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::exposition::{Exposition, Kind};

/// None: the kernel would not say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProcessFigures {
    cpu_seconds: Option<f64>,
    resident_bytes: Option<f64>,
    virtual_bytes: Option<f64>,
    open_files: Option<f64>,
    most_files: Option<f64>,
}

impl ProcessFigures {
    pub(super) fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Self {
            cpu_seconds: f64::from(u32::try_from(cpu.tv_nsec).unwrap_or(0))
                .mul_add(1e-9, super::exact(cpu.tv_sec))
                .into(),
            resident_bytes: bytes(&status, "VmRSS:"),
            virtual_bytes: bytes(&status, "VmSize:"),
            // The listing itself is one.
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| super::exact(files.count().saturating_sub(1))),
            most_files: getrlimit(Resource::Nofile).current.map(super::exact),
        }
    }

    pub(super) fn write(&self, text: &mut Exposition) {
        let Self { cpu_seconds, resident_bytes, virtual_bytes, open_files, most_files } = *self;
        let mut put = |name, kind, help, value: Option<f64>| text.family(name, kind, help, value.map(|v| (&[][..], v)));
        put("process_cpu_seconds_total", Kind::Counter, "CPU time of the engine, without the worker.", cpu_seconds);
        put("process_resident_memory_bytes", Kind::Gauge, "Memory the engine holds.", resident_bytes);
        put("process_virtual_memory_bytes", Kind::Gauge, "Address space the engine has reserved.", virtual_bytes);
        put("process_open_fds", Kind::Gauge, "Open file descriptors.", open_files);
        put("process_max_fds", Kind::Gauge, "Most file descriptors the engine may open.", most_files);
    }
}

/// A line of /proc/PID/status such as "VmRSS:     1234 kB" (proc_pid_status(5)).
fn bytes(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(super::exact(kib * 1024))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_kernel_says_all_of_it() {
        let ProcessFigures { cpu_seconds, resident_bytes, virtual_bytes, open_files, most_files } =
            ProcessFigures::read();
        assert!(cpu_seconds.unwrap() > 0.0);
        assert!(resident_bytes.unwrap() > 1e6 && virtual_bytes.unwrap() >= resident_bytes.unwrap());
        assert!(open_files.unwrap() >= 3.0 && most_files.unwrap() >= open_files.unwrap());
    }

    #[test]
    fn memory_is_told_in_bytes() {
        assert_eq!(bytes("VmPeak:\t  9 kB\nVmRSS:\t     12 kB\n", "VmRSS:"), Some(12_288.0));
        assert_eq!(bytes("VmRSS:\t12 MB\n", "VmRSS:"), None);
    }
}
