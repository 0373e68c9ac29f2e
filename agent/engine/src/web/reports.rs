//! What players say of how playback goes: our own page over its event socket, others by CMCD in what they ask for or post.
//!
//! What they say is believed and not checked, so nothing is decided by it: it is shown to the operator, and forgotten with
//! the page, or a minute or two after a player was heard last. Who it was is kept as keyed hashes alone; the key is random,
//! new with each start, and never written down. Reads no clock.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nixcast_core::cmcd::Report;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A page that plays reports every ten seconds; one that was silent for longer than two reports take is not counted.
const PAGE_COUNTED_FOR: Duration = Duration::from_secs(25);

/// Other players report with each segment or every ten seconds; Owncast counts them for as long.
const COUNTED_FOR: Duration = Duration::from_secs(60);

/// How long a player that stood still counts as one in trouble. Owncast forgets errors with each of its rounds, which are
/// two minutes long.
const TROUBLED_FOR: Duration = Duration::from_secs(60);

/// Players that are remembered beside pages, of which there are no more than [`super::MOST_PAGES`], and of them those
/// behind one address or one /64 of IPv6. What more of them say is passed over. A player takes some 150 bytes.
const MOST_PLAYERS: usize = 4_000;
const MOST_OF_HOME: usize = 100;

/// Changes of quality within a minute that are believed of one player.
const MOST_SWITCHES: u32 = 30;

/// The reports of all open pages and other players. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports {
    state: Arc<Mutex<State>>,
    next_page: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    /// By the number of their sockets.
    pages: HashMap<u64, Player>,
    others: HashMap<Who, Player>,
    hasher: RandomState,
}

/// Keyed hashes of where a player is, and of what tells it from others there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Who {
    home: u64,
    session: u64,
}

/// Each thing as it was said last.
#[derive(Clone, Copy, Debug)]
struct Player {
    at: Instant,
    troubled_at: Option<Instant>,
    /// Since the last round.
    switches: u32,
    bitrate_kbps: Option<u32>,
    throughput_kbps: Option<Said>,
    latency_ms: Option<Said>,
    download_ms: Option<Said>,
}

#[derive(Clone, Copy, Debug)]
struct Said {
    value: u32,
    at: Instant,
}

/// How playback goes in the players that say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Playback {
    pub(super) reporting: usize,
    /// Of those, the ones whose picture has not stood still lately.
    pub(super) smooth: usize,
}

/// The same, and what they measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) playback: Playback,
    /// Changes of quality since the last round.
    pub(super) switches: u32,
    /// What is on screen was made this long ago.
    pub(super) latency_ms: Option<Spread>,
    /// A segment took this long to come.
    pub(super) download_ms: Option<Spread>,
    pub(super) throughput_kbps: Option<Spread>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Spread {
    pub(super) lowest: u32,
    pub(super) median: u32,
    pub(super) highest: u32,
}

/// One open page. It is forgotten when this is dropped.
#[derive(Debug)]
pub(super) struct OpenPage {
    reports: Reports,
    number: u64,
}

/// What a page says, as JSON.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum Told {
    /// It plays. Since it last said so the picture stood still and the quality changed this often; the rest are its
    /// measurements, under CMCD's keys.
    Playback {
        stalls: u32,
        #[serde(default)]
        switches: u32,
        #[serde(default)]
        cmcd: Value,
    },
}

impl Reports {
    pub(super) fn open_page(&self) -> OpenPage {
        OpenPage { reports: self.clone(), number: self.next_page.fetch_add(1, Ordering::Relaxed) }
    }

    /// Takes what a player said at `now`. One that names no session is known by its address and its user agent, as
    /// viewers are.
    pub(super) fn hear(&self, (address, agent): (IpAddr, &[u8]), report: &Report, now: Instant) {
        let mut state = self.lock();
        let who = state.who(address, agent, report.session.as_deref());
        if !state.others.contains_key(&who) && !state.has_place(who.home, now) {
            return;
        }
        // Where it says nothing of changes, another bitrate is one.
        let player = state.others.entry(who).or_insert(Player::new(now));
        let is_other = player.bitrate_kbps.zip(report.bitrate_kbps).is_some_and(|(had, has)| had != has);
        player.hear(report, u32::from(report.is_troubled), u32::from(report.has_switched || is_other), now);
    }

    pub(super) fn playback(&self, now: Instant) -> Playback {
        let state = self.lock();
        state.speaking(now).fold(Playback::default(), |sum, player| sum.with(player, now))
    }

    /// How it goes at `now`; the round goes on.
    pub(super) fn figures(&self, now: Instant) -> Figures {
        self.lock().figures(now)
    }

    /// How it went in the round that ends at `now`. Who fell silent is forgotten.
    pub(super) fn end_round(&self, now: Instant) -> Figures {
        let mut state = self.lock();
        let figures = state.figures(now);
        state.others.retain(|_who, player| is_within(player.at, COUNTED_FOR, now));
        let State { pages, others, hasher: _ } = &mut *state;
        pages.values_mut().chain(others.values_mut()).for_each(|player| player.switches = 0);
        figures
    }

    /// Locked for the length of one entry or one sum, never across an await.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn who(&self, address: IpAddr, agent: &[u8], session: Option<&str>) -> Who {
        let session =
            session.map_or_else(|| self.hasher.hash_one((0_u8, agent)), |id| self.hasher.hash_one((1_u8, id)));
        Who { home: self.hasher.hash_one(home_of(address)), session }
    }

    fn has_place(&mut self, home: u64, now: Instant) -> bool {
        if self.others.len() >= MOST_PLAYERS {
            self.others.retain(|_who, player| is_within(player.at, COUNTED_FOR, now));
        }
        self.others.len() < MOST_PLAYERS && self.others.keys().filter(|who| who.home == home).count() < MOST_OF_HOME
    }

    fn speaking(&self, now: Instant) -> impl Iterator<Item = &Player> {
        let pages = self.pages.values().filter(move |page| is_within(page.at, PAGE_COUNTED_FOR, now));
        pages.chain(self.others.values().filter(move |player| is_within(player.at, COUNTED_FOR, now)))
    }

    fn figures(&self, now: Instant) -> Figures {
        let players: Vec<&Player> = self.speaking(now).collect();
        let spread = |of: fn(&Player) -> Option<Said>| {
            let said = players.iter().filter_map(|player| of(player));
            Spread::of(said.filter(|said| is_within(said.at, COUNTED_FOR, now)).map(|said| said.value).collect())
        };
        Figures {
            playback: players.iter().fold(Playback::default(), |sum, player| sum.with(player, now)),
            switches: players.iter().map(|player| player.switches).sum(),
            latency_ms: spread(|player| player.latency_ms),
            download_ms: spread(|player| player.download_ms),
            throughput_kbps: spread(|player| player.throughput_kbps),
        }
    }
}

impl Player {
    fn new(at: Instant) -> Self {
        Self {
            at,
            troubled_at: None,
            switches: 0,
            bitrate_kbps: None,
            throughput_kbps: None,
            latency_ms: None,
            download_ms: None,
        }
    }

    fn hear(&mut self, report: &Report, stalls: u32, switches: u32, now: Instant) {
        let said = |value: Option<u32>, before| value.map(|value| Said { value, at: now }).or(before);
        self.at = now;
        if stalls > 0 {
            self.troubled_at = Some(now);
        }
        self.switches = self.switches.saturating_add(switches).min(MOST_SWITCHES);
        self.bitrate_kbps = report.bitrate_kbps.or(self.bitrate_kbps);
        self.throughput_kbps = said(report.throughput_kbps, self.throughput_kbps);
        self.latency_ms = said(report.latency_ms, self.latency_ms);
        self.download_ms = said(report.download_ms, self.download_ms);
    }
}

impl Playback {
    fn with(self, player: &Player, now: Instant) -> Self {
        let is_smooth = player.troubled_at.is_none_or(|at| !is_within(at, TROUBLED_FOR, now));
        Self { reporting: self.reporting + 1, smooth: self.smooth + usize::from(is_smooth) }
    }

    /// Those whose picture stood still lately.
    pub(super) fn troubled(self) -> usize {
        self.reporting.saturating_sub(self.smooth)
    }
}

impl Spread {
    fn of(mut values: Vec<u32>) -> Option<Self> {
        values.sort_unstable();
        let middle = (values.len().saturating_sub(1) / 2, values.len() / 2);
        let median = values.get(middle.0)?.midpoint(*values.get(middle.1)?);
        Some(Self { lowest: *values.first()?, median, highest: *values.last()? })
    }
}

impl OpenPage {
    /// Takes what the page sent at `now`. What makes no sense is passed over.
    pub(super) fn hear(&self, text: &str, now: Instant) {
        let Ok(Told::Playback { stalls, switches, cmcd }) = serde_json::from_str(text) else { return };
        let report = Report::of_json(&cmcd).unwrap_or_default();
        let mut state = self.reports.lock();
        state.pages.entry(self.number).or_insert(Player::new(now)).hear(&report, stalls, switches, now);
    }
}

impl Drop for OpenPage {
    fn drop(&mut self) {
        self.reports.lock().pages.remove(&self.number);
    }
}

fn is_within(at: Instant, within: Duration, now: Instant) -> bool {
    now.saturating_duration_since(at) < within
}

/// What people behind one connection share: an address, or 64 bits of one.
fn home_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn playback(reporting: usize, smooth: usize) -> Playback {
        Playback { reporting, smooth }
    }

    fn told(stalls: u32) -> String {
        format!("{{\"kind\":\"playback\",\"stalls\":{stalls}}}")
    }

    fn says(reports: &Reports, last: u8, text: &str, now: Instant) {
        reports.hear((IpAddr::from([192, 0, 2, last]), b"player/1"), &Report::of_texts([text]).unwrap(), now);
    }

    #[test]
    fn a_page_that_stood_still_is_in_trouble_for_a_minute() {
        let (reports, now) = (Reports::default(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        let [one, other] = [reports.open_page(), reports.open_page()];
        one.hear(&told(0), now);
        other.hear(&told(2), now);
        assert_eq!(reports.playback(now), playback(2, 1));
        for seconds in (10..60).step_by(10) {
            one.hear(&told(0), at(seconds));
            other.hear(&told(0), at(seconds));
            assert_eq!(reports.playback(at(seconds)), playback(2, 1));
        }
        assert_eq!(reports.playback(at(60)), playback(2, 2));
    }

    #[test]
    fn who_is_silent_or_gone_or_makes_no_sense_is_not_counted() {
        let (reports, now) = (Reports::default(), Instant::now());
        let page = reports.open_page();
        for nonsense in ["", "{}", "[]", "{\"kind\":\"playback\"}", "{\"kind\":\"playback\",\"stalls\":-1}", "stalls"] {
            page.hear(nonsense, now);
        }
        assert_eq!(reports.playback(now), playback(0, 0));
        page.hear(&told(0), now);
        assert_eq!(reports.playback(now + PAGE_COUNTED_FOR), playback(0, 0), "a viewer who paused says nothing");
        assert_eq!(reports.playback(now), playback(1, 1));
        drop(page);
        assert_eq!(reports.playback(now), playback(0, 0));
        assert!(reports.lock().pages.is_empty());
    }

    #[test]
    fn what_pages_and_players_measured_is_summed_up() {
        let (reports, now) = (Reports::default(), Instant::now());
        let page = reports.open_page();
        page.hear(r#"{"kind":"playback","stalls":0,"switches":2,"cmcd":{"ltc":2400,"mtp":5100,"ttlb":100}}"#, now);
        says(&reports, 1, "sid=\"a\",br=3200,ltc=4000,bs", now);
        says(&reports, 1, "sid=\"b\",br=800,ltc=3000,mtp=900", now);
        says(&reports, 1, "sid=\"a\",br=1200", now);
        says(&reports, 2, "ot=m,sf=h", now);
        let expected = Figures {
            playback: playback(4, 3),
            switches: 3,
            latency_ms: Some(Spread { lowest: 2400, median: 3000, highest: 4000 }),
            download_ms: Some(Spread { lowest: 100, median: 100, highest: 100 }),
            throughput_kbps: Some(Spread { lowest: 900, median: 3000, highest: 5100 }),
        };
        assert_eq!(reports.figures(now), expected);
        assert_eq!(reports.end_round(now), expected);
        assert_eq!(reports.figures(now), Figures { switches: 0, ..expected }, "changes are those of one round");
        drop(page);
        assert_eq!(reports.end_round(now + COUNTED_FOR), Figures::default());
        assert!(reports.lock().others.is_empty());
    }

    #[test]
    fn what_was_said_long_ago_by_a_player_that_still_speaks_is_not_shown_as_of_now() {
        let (reports, now) = (Reports::default(), Instant::now());
        says(&reports, 1, "ltc=4000", now);
        for seconds in [30, 59, 60] {
            says(&reports, 1, "mtp=900", now + Duration::from_secs(seconds));
        }
        let figures = reports.figures(now + COUNTED_FOR);
        assert_eq!((figures.latency_ms, figures.playback), (None, playback(1, 1)));
        assert!(figures.throughput_kbps.is_some());
    }

    #[test]
    fn players_are_told_apart_by_session_or_else_by_address_and_user_agent() {
        let (reports, now) = (Reports::default(), Instant::now());
        let report = Report::of_texts(["mtp=900"]).unwrap();
        for agent in [&b"one"[..], b"two", b"one"] {
            reports.hear((IpAddr::from([192, 0, 2, 1]), agent), &report, now);
        }
        says(&reports, 1, "sid=\"one\",mtp=900", now);
        assert_eq!(reports.playback(now).reporting, 3);
    }

    #[test]
    fn nobody_fills_it_for_others() {
        let (reports, now) = (Reports::default(), Instant::now());
        let report =
            |session: &str| Report { session: Some(session.to_owned()), has_switched: true, ..Report::default() };
        for number in 0..MOST_OF_HOME + 10 {
            let address = format!("2001:db8::{number:x}").parse().unwrap();
            reports.hear((address, b""), &report(&number.to_string()), now);
        }
        assert_eq!(reports.playback(now).reporting, MOST_OF_HOME);
        for _flood in 0..MOST_SWITCHES * 2 {
            reports.hear(("2001:db8::1".parse().unwrap(), b""), &report("1"), now);
        }
        let before = u32::try_from(MOST_OF_HOME).unwrap() - 1;
        assert_eq!(reports.figures(now).switches, before + MOST_SWITCHES);
        for host in 0..u32::try_from(MOST_PLAYERS).unwrap() {
            reports.hear((IpAddr::from((host + 256).to_be_bytes()), b""), &report("a"), now);
        }
        assert_eq!(reports.playback(now).reporting, MOST_PLAYERS);
        let later = now + COUNTED_FOR;
        says(&reports, 1, "mtp=900", later);
        assert_eq!(
            (reports.playback(later).reporting, reports.lock().others.len()),
            (1, 1),
            "who is silent makes room"
        );
    }
}
