//! What the sandbox leaves: room for the work itself.

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nixcast_media::allowance;
use nixcast_media::sandbox::{self, Profile};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("the_kernel_has_every_layer_and_the_cell_says_so", every_layer),
    ("threads_and_memory_work_inside", || assert!(child(&["room", "threads"]).wait().unwrap().success())),
    ("a_process_with_threads_is_not_locked_in_by_halves", || {
        assert!(child(&["room", "too-late"]).wait().unwrap().success());
    }),
    ("a_busy_loop_ends_with_its_cpu_time", cpu_time_ends),
    ("flipped_bits_end_no_more_than_one_worker", crate::damage::flipped_bits),
];

/// Does one thing inside and exits 0 if it worked.
pub(crate) fn work(task: &str) -> ExitCode {
    match task {
        "layers" => {
            let began = Instant::now();
            let cell = sandbox::enter(Profile::Software).unwrap();
            println!("entered in {:?}: {cell:?}", began.elapsed());
            assert_eq!(cell.missing, []);
        }
        "threads" => {
            sandbox::enter(Profile::Software).unwrap();
            let threads: Vec<_> = (0..64_u8)
                .map(|number| {
                    std::thread::spawn(move || vec![number; 1 << 20].iter().map(|n| u64::from(*n)).sum::<u64>())
                })
                .collect();
            let sum: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
            assert_eq!(sum, (63 * 64 / 2) << 20);
        }
        "too-late" => {
            let (stop, wait) = std::sync::mpsc::channel::<()>();
            let thread = std::thread::spawn(move || wait.recv().is_err());
            assert!(matches!(sandbox::enter(Profile::Software), Err(sandbox::SandboxError::TooLate { threads: 2 })));
            drop(stop);
            assert!(thread.join().unwrap());
        }
        "spin" => {
            sandbox::enter(Profile::Software).unwrap();
            loop {
                std::hint::spin_loop();
            }
        }
        "worker" => nixcast_media::run_worker_on_stdin(nixcast_media::protocol::VideoEncoder::X264).unwrap(),
        _ => panic!("{task}?"),
    }
    ExitCode::SUCCESS
}

fn child(words: &[&str]) -> Child {
    Command::new(std::env::current_exe().unwrap()).args(words).stdin(Stdio::null()).spawn().unwrap()
}

fn every_layer() {
    assert!(child(&["room", "layers"]).wait().unwrap().success());
}

fn cpu_time_ends() {
    let mut spinning = child(&["room", "spin"]);
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(300));
        allowance::grant(spinning.id(), Duration::from_secs(1)).unwrap();
        assert!(spinning.try_wait().unwrap().is_none(), "it was granted more");
    }
    // Nothing more is granted: the kernel ends it.
    let status = spinning.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGXCPU));
}
