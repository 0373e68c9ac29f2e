//! CPU of a ladder of pass-through alone, beside nginx-rtmp that makes HLS of the same stream. Both get the same clip
//! at the same time, so whatever else the machine does hits both.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nixcast_tests::clip::Clip;
use nixcast_tests::process::{self, Process};
use nixcast_tests::publish::{Publisher, Target};
use nixcast_tests::server::{Scene, free_port};
use nixcast_tests::wait;

use crate::table::{Aim, Row};

/// Time over which both are measured: long, because 1 % of a core is one tick of the kernel's clock in a second.
const MEASURED: Duration = Duration::from_secs(60);
const LIVE_WITHIN: Duration = Duration::from_secs(30);

pub(crate) fn measure() -> Vec<Row> {
    let server = Scene::with_key().start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let nginx = nginx(folder.path(), port);
    let theirs_pids = || [vec![nginx.id()], process::descendants(nginx.id())].concat();

    let _ours = Publisher::copy(&server.target("main"), &Clip::FULL_HD);
    let _theirs = Publisher::copy(&Target { rtmp_port: port, stream_key: "bench".to_owned() }, &Clip::FULL_HD);
    server.wait_live();
    wait::until("nginx-rtmp's playlist", LIVE_WITHIN, || folder.path().join("hls/bench.m3u8").exists().then_some(()));

    let cpu = |pids: Vec<u32>| pids.into_iter().map(process::cpu_seconds).sum::<f64>();
    let before = (cpu(server.pids()), cpu(theirs_pids()));
    thread::sleep(MEASURED);
    let seconds = MEASURED.as_secs_f64();
    let per_second = |before: f64, after: f64| (after - before) / seconds;
    vec![Row {
        what: "CPU of pass-through alone at 1080p30, 6 Mbit/s, per second of media".to_owned(),
        ours: per_second(before.0, cpu(server.pids())),
        theirs: Some(("nginx-rtmp", per_second(before.1, cpu(theirs_pids())))),
        unit: "s",
        spread: "-".to_owned(),
        aim: Aim::Ratio(1.0),
    }]
}

/// nginx in the foreground, with nothing but RTMP in and HLS out in this folder.
pub(crate) fn nginx(folder: &Path, port: u16) -> Process {
    let here = folder.display();
    // Started by root, nginx gives its worker to another user, who could not write to this folder.
    let user = if process::is_root() { "user root;" } else { "" };
    let config = format!(
        "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\n\
         daemon off; worker_processes 1; {user} pid {here}/pid; error_log {here}/error.log;\n\
         events {{}}\n\
         rtmp {{ access_log off; server {{ listen 127.0.0.1:{port}; application live {{ live on;\n\
           hls on; hls_path {here}/hls; hls_fragment 2s; hls_playlist_length 12s; }} }} }}\n"
    );
    fs::create_dir(folder.join("hls")).expect("a fresh folder can be written to");
    let file = folder.join("nginx.conf");
    fs::write(&file, config).expect("a fresh folder can be written to");
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-p").arg(folder).arg("-c").arg(&file).arg("-e").arg(folder.join("error.log"));
    Process::spawn("nginx", &mut command, &folder.join("log"))
}
