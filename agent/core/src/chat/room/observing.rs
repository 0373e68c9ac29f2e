//! Who reads along: a stage, an overlay, a frame that shows the chat. Nobody is told of them, and nothing is taken from
//! them; they are told what everybody is told.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::{Answer, Room, Turn};
use crate::chat::bounds::{MAX_CONNECTIONS, MAX_OBSERVERS_PER_ADDRESS};
use crate::chat::effect::{CloseReason, Done};
use crate::chat::ids::{ConnectionId, MessageId};
use crate::chat::rates::home_of;
use crate::chat::refusal::Refusal;

#[derive(Clone, Debug, Default)]
pub(super) struct Observers {
    addresses: BTreeMap<ConnectionId, IpAddr>,
    /// How many there are from one home.
    homes: HashMap<IpAddr, usize>,
}

impl Observers {
    pub(super) fn len(&self) -> usize {
        self.addresses.len()
    }

    pub(super) fn contain(&self, connection: ConnectionId) -> bool {
        self.addresses.contains_key(&connection)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.addresses.keys().copied()
    }

    fn from(&self, address: IpAddr) -> usize {
        self.homes.get(&home_of(address)).copied().unwrap_or(0)
    }

    fn add(&mut self, connection: ConnectionId, address: IpAddr) {
        self.addresses.insert(connection, address);
        *self.homes.entry(home_of(address)).or_default() += 1;
    }

    pub(super) fn remove(&mut self, connection: ConnectionId) {
        let Some(home) = self.addresses.remove(&connection).map(home_of) else { return };
        if let Some(count) = self.homes.get_mut(&home) {
            *count -= 1;
            if *count == 0 {
                self.homes.remove(&home);
            }
        }
    }
}

impl Room {
    pub(super) fn observe(
        &mut self,
        turn: &mut Turn,
        connection: ConnectionId,
        address: IpAddr,
        since: Option<MessageId>,
    ) -> Answer {
        if !self.rules.enable {
            return Err(Refusal::ChatOff);
        }
        self.admit(address, None)?;
        if self.observers.from(address) >= MAX_OBSERVERS_PER_ADDRESS {
            return Err(Refusal::TooManyObservers);
        }
        if self.sockets() >= MAX_CONNECTIONS {
            return Err(Refusal::Full);
        }
        self.detach(turn, connection);
        self.observers.add(connection, address);
        if let Some(since) = since {
            self.resume(turn, connection, since);
        }
        Ok(Done::Done)
    }

    pub(super) fn enforce_bans_of_observers(&mut self, turn: &mut Turn) {
        let banned =
            |(connection, address): (&ConnectionId, &IpAddr)| self.bans.contain(*address).then_some(*connection);
        for connection in self.observers.addresses.iter().filter_map(banned).collect::<Vec<_>>() {
            self.close(turn, connection, CloseReason::NetworkBanned);
        }
    }
}
