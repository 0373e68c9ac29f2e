//! A server with a publisher and a watcher, and the promise that holds for all three.

use nixcast_schema::Variant;
use nixcast_tests::clip::Clip;
use nixcast_tests::process;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{Nixcast, Scene};
use nixcast_tests::watcher::{LiveWatcher, Story};

/// A server that is live with the key "main".
pub(crate) struct Live {
    pub(crate) server: Nixcast,
    pub(crate) publisher: Publisher,
    pub(crate) watcher: LiveWatcher,
    engine_pid: u32,
    session: u64,
}

impl Live {
    pub(crate) fn start(scene: Scene) -> Self {
        let server = scene.start();
        let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
        Self::around(server, publisher)
    }

    /// Waits until the publisher's broadcast plays, and watches from there.
    pub(crate) fn around(server: Nixcast, publisher: Publisher) -> Self {
        let facts = server.wait_live();
        let watcher = LiveWatcher::start(server.http_port());
        watcher.wait_track("/hls/audio/stream.m3u8", 1);
        let engine_pid = server.observe().engine_pid;
        Self { server, publisher, watcher, engine_pid, session: facts.session }
    }

    /// Same engine process, same publisher connection.
    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        let observed = self.server.observe();
        assert_eq!(observed.engine_pid, self.engine_pid, "the engine is another process");
        assert!(process::is_alive(self.engine_pid), "the engine is gone");
        assert!(self.publisher.is_running(), "the publisher was cut off:\n{}", self.publisher.log());
        let session = observed.broadcast.map(|broadcast| broadcast.session);
        assert_eq!(session, Some(self.session), "the publisher has another session");
    }

    /// Lets a few more segments pass, then checks publisher, engine and every playlist, and decodes all of it.
    #[track_caller]
    pub(crate) fn finish(self) -> Story {
        self.watcher.wait_segments(3);
        self.assert_untouched();
        self.server.assert_no_key_is_kept();
        let story = self.watcher.finish();
        story.assert_plays();
        story
    }
}

/// A transcoded rung small enough to be encoded several times over on two busy cores.
pub(crate) fn rung(name: &str, height: u16, video_bitrate_kbps: u32) -> Variant {
    Variant {
        height: Some(height),
        video_bitrate_kbps,
        preset: nixcast_schema::Preset::Superfast,
        ..Variant::named(name)
    }
}

/// The publisher's own picture, first in the menu.
pub(crate) fn source() -> Variant {
    Variant { passthrough: true, order: 1, ..Variant::named("source") }
}

/// Pictures that pass through, and pictures that are encoded, for as little as possible.
pub(crate) fn source_and_low() -> Vec<Variant> {
    vec![source(), Variant { order: 2, ..rung("low", 144, 150) }]
}

pub(crate) fn playlist_of(rung: &str) -> String {
    format!("/hls/video/{rung}/stream.m3u8")
}
