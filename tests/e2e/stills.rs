//! The thumbnail and the preview of a running broadcast, and what is there instead while there is none.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nixcast_tests::clip::Clip;
use nixcast_tests::http::Reply;
use nixcast_tests::server::{Nixcast, Scene};
use nixcast_tests::wait;

use crate::live::{Live, rung, source_and_low};

const THUMBNAIL: &str = "/thumbnail.jpg";
const PREVIEW: &str = "/preview.gif";
const LOGO: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"/>";

/// A keyframe of the publisher's, a busy machine.
const SEEN_WITHIN: Duration = Duration::from_secs(60);

/// The file makes itself anew every 20 seconds of the broadcast.
const RENEWED_WITHIN: Duration = Duration::from_secs(90);

/// How coarsely pictures are compared.
const CELLS: usize = 16 * 9;

fn is_a(reply: &Reply, content_type: &str) -> bool {
    reply.status == 200 && reply.header("content-type") == Some(content_type)
}

#[track_caller]
fn wait_still(server: &Nixcast, path: &str, content_type: &str) -> Vec<u8> {
    wait::until(&format!("{content_type} at {path}"), SEEN_WITHIN, || {
        let reply = server.get(path);
        assert_eq!(reply.header("cache-control"), Some("public, max-age=20"));
        is_a(&reply, content_type).then_some(reply.body)
    })
}

#[track_caller]
fn wait_logo(server: &Nixcast) {
    for path in [THUMBNAIL, PREVIEW] {
        let logo = wait_still(server, path, "image/svg+xml");
        assert_eq!(logo, LOGO.as_bytes());
    }
}

/// The average colours of the cells of the first picture of a file.
fn cells(file: &Path) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        .args([
            "-frames:v",
            "1",
            "-vf",
            "format=rgb24,scale=16:9:flags=area",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout.len(), CELLS * 3);
    output.stdout
}

/// Most of the test picture stands still; the rest is noise and things that move.
#[track_caller]
fn assert_looks_like_the_clip(still: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("still");
    std::fs::write(&file, still).unwrap();
    let (seen, sent) = (cells(&file), cells(&Clip::SMALL.file()));
    let is_alike = |(a, b): &(&[u8], &[u8])| a.iter().zip(*b).all(|(a, b)| a.abs_diff(*b) <= 12);
    let alike = seen.chunks(3).zip(sent.chunks(3)).filter(is_alike).count();
    assert!(alike >= CELLS * 6 / 10, "only {alike} of {CELLS} cells have the colour that was sent");
}

fn pictures(still: &[u8]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("still.gif");
    std::fs::write(&file, still).unwrap();
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

fn scene() -> Scene {
    let mut scene = Scene::with_key();
    let logo = scene.folder().join("logo.svg");
    std::fs::write(&logo, LOGO).unwrap();
    scene.settings.instance.logo = Some(logo.to_str().unwrap().to_owned());
    scene
}

#[test]
fn stills_show_what_is_sent_and_follow_the_setting() {
    let mut scene = scene();
    scene.settings.video.variants = source_and_low();
    let mut live = Live::start(scene);
    assert_looks_like_the_clip(&wait_still(&live.server, THUMBNAIL, "image/jpeg"));
    let first = wait_still(&live.server, PREVIEW, "image/gif");
    assert_looks_like_the_clip(&first);
    wait::until("a preview that moves", RENEWED_WITHIN, || {
        (pictures(&live.server.get(PREVIEW).body) > 1).then_some(())
    });

    live.server.change(|settings| settings.video.stills = false);
    wait_logo(&live.server);
    live.server.change(|settings| settings.video.stills = true);
    assert_looks_like_the_clip(&wait_still(&live.server, THUMBNAIL, "image/jpeg"));
    live.finish();
}

#[test]
fn a_ladder_of_pass_through_alone_has_stills_and_can_have_rungs_as_well() {
    let mut live = Live::start(scene());
    assert_looks_like_the_clip(&wait_still(&live.server, THUMBNAIL, "image/jpeg"));
    assert_looks_like_the_clip(&wait_still(&live.server, PREVIEW, "image/gif"));
    assert!(live.server.broadcast().unwrap().worker_pid.is_some());
    wait::until("a preview of keyframes", RENEWED_WITHIN, || {
        (pictures(&live.server.get(PREVIEW).body) > 1).then_some(())
    });

    // The worker goes from keyframes alone to all pictures and back.
    live.server.change(|settings| settings.video.variants.push(rung("low", 144, 150)));
    live.watcher.wait_track("/hls/video/low/stream.m3u8", 3);
    // The playlist of the rung goes on with the publisher's own segments, which are longer.
    live.watcher.expect_longer_segments();
    live.server.change(|settings| settings.video.variants.truncate(1));
    wait::until("the rung to be gone", SEEN_WITHIN, || (live.server.broadcast()?.variants.len() == 1).then_some(()));
    wait_still(&live.server, THUMBNAIL, "image/jpeg");

    live.server.change(|settings| settings.video.stills = false);
    wait::until("no worker", SEEN_WITHIN, || live.server.broadcast()?.worker_pid.is_none().then_some(()));
    wait_logo(&live.server);
    live.server.change(|settings| settings.video.stills = true);
    wait_still(&live.server, THUMBNAIL, "image/jpeg");
    let port = live.server.http_port();
    assert!(live.watcher.problems().is_empty(), "{:?}", live.watcher.problems());
    live.assert_untouched();

    let Live { server, publisher, watcher, .. } = live;
    watcher.finish().assert_decodes();
    drop(publisher);
    server.wait_offline(SEEN_WITHIN);
    assert_eq!(server.http_port(), port);
    wait_logo(&server);
}

#[test]
fn without_a_logo_the_built_in_mark_stands_in() {
    let server = Scene::new().start();
    for path in [THUMBNAIL, PREVIEW] {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.header("cache-control")), (307, Some("public, max-age=20")), "{path}");
        let mark = server.get(reply.header("location").unwrap());
        assert!(mark.status == 200 && mark.header("content-type").unwrap().starts_with("image/"), "{path}");
    }
}
