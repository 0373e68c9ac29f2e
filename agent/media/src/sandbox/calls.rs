//! The system calls of a running worker.
//!
//! Two answers to what is not on the list. A call that a library may well try on its way (opening a file of `/sys` to
//! count CPUs, being nicer, asking for huge pages) gets `EPERM`, and the library goes on without. One that no library
//! here makes, and that only an intruder wants (another program, a socket, a debugger, a namespace), ends the process at
//! once: there is nothing to hope for from it, and the engine has another worker a moment later.
//!
//! `clone3` hides its flags from a filter, in memory that the caller can still change. It is answered with `ENOSYS`, as
//! by a kernel that does not know it, and glibc takes `clone`, whose flags can be seen: threads and nothing else.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use super::Profile;

#[cfg(target_arch = "x86_64")]
const ARCH: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: TargetArch = TargetArch::aarch64;

/// Memory, threads, time, the open descriptors, and questions about the process itself.
const ALLOWED: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_shutdown,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
    // Answered by a filter of its own.
    libc::SYS_clone3,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getrlimit,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

/// What a driver does besides.
const FOR_DEVICES: &[c_long] = &[libc::SYS_ioctl, libc::SYS_eventfd2];

/// To open a device's node once more; Landlock says which.
const FOR_OPENING: &[c_long] = &[libc::SYS_openat, libc::SYS_newfstatat, libc::SYS_readlinkat];

/// What only an intruder asks for.
const HOSTILE: &[c_long] = &[
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_add_key,
    libc::SYS_bind,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_connect,
    libc::SYS_delete_module,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_finit_module,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_listen,
    libc::SYS_memfd_create,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_sendmmsg,
    libc::SYS_setns,
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_swapon,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];

/// Flags of `clone` that have an `int`'s width in every place that is looked at here.
const THREAD: u64 = libc::CLONE_THREAD as u64;
const EXECUTABLE: u64 = libc::PROT_EXEC as u64;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Lets through what a worker of `profile` needs, and with `may_open` the opening of files.
pub(super) fn restrict(profile: Profile, may_open: bool) -> Result<(), seccompiler::Error> {
    // Every filter is asked and the strictest answer counts, so each adds to those before it. The list of what is
    // allowed comes last: nothing could be added behind it.
    let hostile = filter(hostile()?, SeccompAction::KillProcess, SeccompAction::Allow)?;
    let unknown = filter(anyhow(&[libc::SYS_clone3]), errno(libc::ENOSYS), SeccompAction::Allow)?;
    let allowed = filter(allowed(profile, may_open)?, SeccompAction::Allow, errno(libc::EPERM))?;
    [hostile, unknown, allowed].iter().try_for_each(|program| apply_filter(program))
}

fn filter(rules: Rules, matched: SeccompAction, otherwise: SeccompAction) -> Result<BpfProgram, seccompiler::Error> {
    Ok(SeccompFilter::new(rules, otherwise, matched, ARCH)?.try_into()?)
}

fn errno(number: i32) -> SeccompAction {
    SeccompAction::Errno(number.unsigned_abs())
}

/// These calls with whatever arguments.
fn anyhow(calls: &[c_long]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

fn hostile() -> Result<Rules, seccompiler::Error> {
    let mut rules = anyhow(HOSTILE);
    rules.insert(libc::SYS_clone, vec![rule(0, SeccompCmpOp::MaskedEq(THREAD), 0)?]);
    Ok(rules)
}

fn allowed(profile: Profile, may_open: bool) -> Result<Rules, seccompiler::Error> {
    let mut rules = anyhow(ALLOWED);
    if profile == Profile::Hardware {
        rules.extend(anyhow(FOR_DEVICES));
    }
    if may_open {
        rules.extend(anyhow(FOR_OPENING));
    }
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_clone, vec![rule(0, SeccompCmpOp::MaskedEq(THREAD), THREAD)?]);
    rules.insert(libc::SYS_mmap, vec![rule(2, SeccompCmpOp::MaskedEq(EXECUTABLE), 0)?]);
    rules.insert(libc::SYS_mprotect, vec![rule(2, SeccompCmpOp::MaskedEq(EXECUTABLE), 0)?]);
    // SIGXCPU ends a worker that has used up what CPU time it was granted, so it is not the worker's to ignore.
    let cpu = u64::from(libc::SIGXCPU.unsigned_abs());
    rules.insert(libc::SYS_rt_sigaction, vec![rule(0, SeccompCmpOp::Ne, cpu)?]);
    // To a thread of its own, which is how a process ends itself.
    rules.insert(libc::SYS_tgkill, vec![rule(0, SeccompCmpOp::Eq, own)?]);
    // To the other end, and to no address.
    rules.insert(libc::SYS_sendto, vec![wide_rule(4, 0)?]);
    // Its own limits, to read.
    rules.insert(libc::SYS_prlimit64, vec![wide_rule(2, 0)?]);
    let names = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];
    rules.insert(libc::SYS_prctl, one_of(0, &names.map(i32::unsigned_abs))?);
    let descriptors = [libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_SETFL];
    rules.insert(libc::SYS_fcntl, one_of(1, &descriptors.map(i32::unsigned_abs))?);
    Ok(rules)
}

fn one_of(argument: u8, values: &[u32]) -> Result<Vec<SeccompRule>, seccompiler::Error> {
    values.iter().map(|value| rule(argument, SeccompCmpOp::Eq, u64::from(*value))).collect()
}

/// An argument of which the kernel looks at 32 bits.
fn rule(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::Error> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

/// An argument that is an address.
fn wide_rule(argument: u8, value: u64) -> Result<SeccompRule, seccompiler::Error> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}
