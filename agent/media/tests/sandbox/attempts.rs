//! What somebody who took a worker over might try.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

/// How the sandbox answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    /// With an error, and the process goes on.
    Error,
    /// With the end of the process (SIGSYS).
    Death,
    /// Memory runs out, and the process ends itself.
    Abort,
}

pub(crate) struct Attempt {
    pub(crate) name: &'static str,
    /// What has to be there before the sandbox is entered.
    pub(crate) prepare: Option<fn()>,
    pub(crate) run: fn() -> io::Result<()>,
    pub(crate) refusal: Refusal,
}

const fn refused(name: &'static str, run: fn() -> io::Result<()>) -> Attempt {
    Attempt { name, prepare: None, run, refusal: Refusal::Error }
}

const fn fatal(name: &'static str, run: fn() -> io::Result<()>) -> Attempt {
    Attempt { name, prepare: None, run, refusal: Refusal::Death }
}

const fn prepared(prepare: fn(), attempt: Attempt) -> Attempt {
    Attempt { prepare: Some(prepare), ..attempt }
}

pub(crate) const ATTEMPTS: &[Attempt] = &[
    refused("read_a_file", || fs::read("/etc/passwd").map(drop)),
    refused("read_proc", || fs::read("/proc/self/maps").map(drop)),
    refused("read_a_folder", || fs::read_dir("/etc").map(drop)),
    refused("look_at_a_file", || fs::metadata("/etc/passwd").map(drop)),
    refused("follow_a_link", || fs::read_link("/proc/self/exe").map(drop)),
    refused("write_a_file", || File::options().write(true).open("/dev/null")?.write_all(b"x")),
    prepared(|| drop(scratch()), refused("create_a_file", || File::create(scratch().join("new")).map(drop))),
    prepared(|| drop(scratch()), refused("make_a_folder", || fs::create_dir(scratch().join("folder")))),
    prepared(|| drop(scratch()), refused("remove_a_file", || fs::remove_file(scratch().join("old")))),
    prepared(|| drop(scratch()), refused("rename_a_file", || fs::rename(scratch().join("old"), scratch().join("x")))),
    refused("change_folder", || std::env::set_current_dir("/")),
    fatal("change_root", || done(unsafe { libc::chroot(c"/".as_ptr()) })),
    fatal("run_a_program", || Command::new("true").status().map(drop)),
    fatal("become_a_program", || {
        let words = [c"true".as_ptr(), null()];
        done(unsafe { libc::execv(c"/bin/true".as_ptr(), words.as_ptr()) })
    }),
    fatal("fork", fork),
    fatal("fork_by_clone", || child(unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) })),
    refused("fork_by_clone3", || {
        let mut arguments = [0_u64; 8];
        arguments[4] = u64::from(libc::SIGCHLD.unsigned_abs());
        child(unsafe { libc::syscall(libc::SYS_clone3, arguments.as_mut_ptr(), size_of_val(&arguments)) })
    }),
    fatal("open_a_tcp_socket", || TcpListener::bind("127.0.0.1:0").map(drop)),
    fatal("connect", || {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        TcpStream::connect(listener.local_addr()?).map(drop)
    }),
    prepared(
        || {
            listener();
        },
        refused("ask_about_a_socket_it_was_given", || {
            done(unsafe {
                // By a call that is none of those which kill: what is not on the list is refused.
                libc::getsockname(listener_fd(), [0_u8; 128].as_mut_ptr().cast(), &mut 128)
            })
        }),
    ),
    fatal("open_a_udp_socket", || UdpSocket::bind("127.0.0.1:0").map(drop)),
    fatal("open_a_unix_socket", || UnixStream::pair().map(drop)),
    fatal("open_a_netlink_socket", || done(unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, 0) })),
    refused("signal_another_process", || done(unsafe { libc::kill(libc::getppid(), 0) })),
    refused("signal_a_thread_of_another_process", || {
        let parent = unsafe { libc::getppid() };
        done_long(unsafe { libc::syscall(libc::SYS_tgkill, parent, parent, 0) })
    }),
    fatal("debug", || done_long(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, null_mut::<u8>(), null_mut::<u8>()) })),
    fatal("read_the_memory_of_a_process", || {
        let mut to = [0_u8; 1];
        let from = [1_u8; 1];
        let local = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: 1 };
        let remote = libc::iovec { iov_base: from.as_ptr().cast_mut().cast(), iov_len: 1 };
        let own = unsafe { libc::getpid() };
        done_long(unsafe { libc::process_vm_readv(own, &raw const local, 1, &raw const remote, 1, 0) } as i64)
    }),
    fatal("hold_a_process", || done_long(unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getppid(), 0) })),
    fatal("mount", || {
        let nowhere = null();
        done(unsafe {
            libc::unshare(libc::CLONE_NEWNS);
            libc::mount(c"none".as_ptr(), c"/tmp".as_ptr(), c"tmpfs".as_ptr(), 0, nowhere)
        })
    }),
    fatal("leave_the_namespace", || done(unsafe { libc::unshare(libc::CLONE_NEWNS) })),
    fatal("change_personality", || done(unsafe { libc::personality(0) })),
    fatal("use_io_uring", || {
        let mut parameters = [0_u8; 120];
        done_long(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) })
    }),
    fatal("use_the_keyring", || {
        // KEYCTL_GET_KEYRING_ID of the process's own keyring, made if need be.
        done_long(unsafe { libc::syscall(libc::SYS_keyctl, 0, -2, 1) })
    }),
    fatal("make_a_file_in_memory", || done(unsafe { libc::memfd_create(c"x".as_ptr(), 0) })),
    refused("map_code", || map(libc::PROT_READ | libc::PROT_EXEC).map(drop)),
    refused("turn_data_into_code", || {
        let place = map(libc::PROT_READ | libc::PROT_WRITE)?;
        done(unsafe { libc::mprotect(place.cast(), 4096, libc::PROT_READ | libc::PROT_EXEC) })
    }),
    refused("ask_a_device", || done(unsafe { libc::ioctl(0, libc::FIONBIO, &mut 0) })),
    refused("raise_a_limit", || {
        let limit = libc::rlimit { rlim_cur: 4096, rlim_max: 4096 };
        done(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })
    }),
    refused("ignore_the_end_of_its_cpu_time", || {
        if unsafe { libc::signal(libc::SIGXCPU, libc::SIG_IGN) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }),
    refused("hold_many_files", || {
        let handles: io::Result<Vec<_>> =
            (0..100).map(|_| done(unsafe { libc::fcntl(0, libc::F_DUPFD_CLOEXEC, 0) })).collect();
        handles.map(drop)
    }),
    refused("become_nicer", || done(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 1) })),
    refused("be_looked_into", || done(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) })),
    refused("learn_its_parents_rights", || done_long(unsafe { libc::syscall(libc::SYS_getsid, libc::getppid()) })),
    Attempt { name: "take_all_memory", prepare: None, run: take_memory, refusal: Refusal::Abort },
];

/// More than a worker may have, and less than this machine has: it is set aside and not touched.
fn take_memory() -> io::Result<()> {
    const STEP: usize = 1 << 28;
    let mut taken: Vec<Vec<u8>> = Vec::new();
    for _ in 0..256 {
        taken.push(Vec::with_capacity(STEP));
    }
    std::hint::black_box(&taken);
    Ok(())
}

fn fork() -> io::Result<()> {
    // As a program older than clone3 would; glibc's own `fork` makes the call `clone`.
    #[cfg(target_arch = "x86_64")]
    return child(unsafe { libc::syscall(libc::SYS_fork) });
    #[cfg(not(target_arch = "x86_64"))]
    child(i64::from(unsafe { libc::fork() }))
}

fn child(id: i64) -> io::Result<()> {
    if id == 0 {
        unsafe { libc::_exit(0) };
    }
    done_long(id)
}

fn map(protection: i32) -> io::Result<*mut u8> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let place = unsafe { libc::mmap(null_mut(), 4096, protection, flags, -1, 0) };
    if place == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(place.cast()) }
}

fn done(answer: i32) -> io::Result<()> {
    done_long(i64::from(answer))
}

fn done_long(answer: i64) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A folder of this process with a file in it.
fn scratch() -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        File::create(folder.path().join("old")).unwrap();
        folder
    });
    folder.path().to_owned()
}

fn listener() -> &'static TcpListener {
    static LISTENER: OnceLock<TcpListener> = OnceLock::new();
    LISTENER.get_or_init(|| TcpListener::bind("127.0.0.1:0").unwrap())
}

fn listener_fd() -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(listener())
}
