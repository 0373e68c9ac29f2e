//! A viewer with a player: one rung and the sound, over one kept connection, fetching each segment once and forgetting
//! it. Lighter than a watcher, so that many can watch for long.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use m3u8_rs::{MediaPlaylist, parse_master_playlist_res, parse_media_playlist_res};

use crate::connection::Connection;
use crate::playlist;

/// Time between two looks at the playlists: hls.js reloads once per target duration, this is a bit more eager.
const ROUND: Duration = Duration::from_millis(500);

/// What one viewer, or all of them together, went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    pub requests: u64,
    pub segments: u64,
    pub bytes: u64,
    /// Connections beyond the first.
    pub reconnects: u64,
    /// Changes to a playlist of another name, because the one watched left the menu.
    pub switches: u64,
    /// Jumps in a media sequence, each in words.
    pub gaps: Vec<String>,
    /// Whatever was not 200, each in words.
    pub errors: Vec<String>,
}

impl Watched {
    /// Several viewers' experience as one.
    #[must_use]
    pub fn sum(all: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = Self::default();
        for Self { requests, segments, bytes, reconnects, switches, gaps, errors } in all {
            sum.requests += requests;
            sum.segments += segments;
            sum.bytes += bytes;
            sum.reconnects += reconnects;
            sum.switches += switches;
            sum.gaps.extend(gaps);
            sum.errors.extend(errors);
        }
        sum
    }
}

/// A viewer at work.
#[derive(Debug)]
pub struct Viewer {
    stop: Arc<AtomicBool>,
    /// Where the page is now, for the case that the connection must be opened again.
    address: Arc<Mutex<SocketAddr>>,
    thread: Option<JoinHandle<Watched>>,
}

impl Viewer {
    /// Watches the `choice`th variant of the menu, counted round and round.
    pub fn start(address: SocketAddr, choice: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let address = Arc::new(Mutex::new(address));
        let thread = thread::spawn({
            let (stop, address) = (Arc::clone(&stop), Arc::clone(&address));
            move || {
                let connection = Connection::to(*address.lock().unwrap());
                let mut player = Player { connection, choice, watched: Watched::default(), next: BTreeMap::new() };
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    player.connection.point_to(*address.lock().unwrap());
                    player.round();
                    thread::sleep(ROUND.saturating_sub(began.elapsed()));
                }
                player.watched.reconnects = u64::from(player.connection.opened().saturating_sub(1));
                player.watched
            }
        });
        Self { stop, address, thread: Some(thread) }
    }

    /// Tells it where the page has moved to; an open connection is kept.
    pub fn moved_to(&self, address: SocketAddr) {
        *self.address.lock().unwrap() = address;
    }

    pub fn finish(mut self) -> Watched {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("taken here only");
        thread.join().expect("a viewer counts errors instead of panicking")
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

struct Player {
    connection: Connection,
    choice: usize,
    watched: Watched,
    /// The next media sequence number of each playlist that is being watched.
    next: BTreeMap<String, u64>,
}

impl Player {
    fn round(&mut self) {
        let Some(body) = self.fetch(playlist::MULTIVARIANT) else { return };
        let Ok(menu) = parse_master_playlist_res(&body) else {
            return self.watched.errors.push(format!("{} cannot be parsed", playlist::MULTIVARIANT));
        };
        let variants: Vec<String> =
            menu.variants.iter().map(|variant| playlist::resolve(playlist::MULTIVARIANT, &variant.uri)).collect();
        let sound = menu.alternatives.iter().filter_map(|rendition| rendition.uri.as_deref());
        let sound: Vec<String> = sound.map(|uri| playlist::resolve(playlist::MULTIVARIANT, uri)).collect();
        let watched = self.next.keys().find(|path| !sound.contains(path)).cloned();
        // A player stays with its variant while it is offered, as the page does.
        let picture = match watched.filter(|path| variants.contains(path)) {
            Some(path) => path,
            None => {
                let Some(path) = variants.get(self.choice % variants.len().max(1)).cloned() else {
                    return self.watched.errors.push("the menu is empty".to_owned());
                };
                self.watched.switches += u64::from(!self.next.is_empty());
                path
            }
        };
        self.next.retain(|path, _| *path == picture || sound.contains(path));
        for path in [picture].into_iter().chain(sound) {
            if let Some(body) = self.fetch(&path) {
                match parse_media_playlist_res(&body) {
                    Ok(list) => self.play(&path, &list),
                    Err(_) => self.watched.errors.push(format!("{path} cannot be parsed")),
                }
            }
        }
    }

    fn play(&mut self, path: &str, list: &MediaPlaylist) {
        let end = list.media_sequence + list.segments.len() as u64;
        // A player starts near the live edge.
        let next = self.next.get(path).copied().unwrap_or(end.saturating_sub(1)).max(list.media_sequence.min(end));
        if let Some(wanted) = self.next.get(path).copied() {
            if list.media_sequence > wanted {
                self.watched.gaps.push(format!("{path}: from segment {wanted} to {}", list.media_sequence));
            }
            if end < wanted {
                self.watched.gaps.push(format!("{path}: back from segment {wanted} to {end}"));
            }
        }
        for (msn, segment) in (list.media_sequence..).zip(&list.segments).filter(|(msn, _)| *msn >= next) {
            if segment.uri.starts_with("gap-") {
                self.watched.gaps.push(format!("{path}: segment {msn} is missing"));
            } else if let Some(bytes) = self.fetch(&playlist::resolve(path, &segment.uri)) {
                self.watched.segments += 1;
                self.watched.bytes += bytes.len() as u64;
            }
        }
        self.next.insert(path.to_owned(), end.max(next));
    }

    fn fetch(&mut self, path: &str) -> Option<Vec<u8>> {
        self.watched.requests += 1;
        match self.connection.get(path) {
            Ok(reply) if reply.status == 200 => return Some(reply.body),
            Ok(reply) => self.watched.errors.push(format!("{path}: status {}", reply.status)),
            Err(error) => self.watched.errors.push(format!("{path}: {error}")),
        }
        None
    }
}
