//! Webhooks: declared web addresses that are told what happens, in order, until they have taken it.
//!
//! The task "webhooks" turns what broadcast and chat do into messages and puts each into the outbox of every webhook that
//! wants it. Each webhook has a task of its own that posts one message at a time, so a receiver that is slow or away
//! holds up no other, and none of them holds up the broadcast: an outbox is bounded and nobody waits for it.
//! Nothing here is kept across a restart of the engine.

mod connection;
mod delivery;
mod message;
mod outbox;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nixcast_core::chat::webhooks::WebhookEvent as ChatEvent;
use nixcast_core::control::{Condition, ObjectId, Webhook};
use nixcast_schema::WebhookEvent;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinHandle;

use crate::broadcast::{ChannelHandle, unix_millis};
use crate::counts;
use crate::declared::{Declared, Watch};
use crate::tasks::{self, chain};
use crate::title::State as TitleState;
use crate::web::Site;
use crate::web::view::BroadcastView;
use connection::Connection;
use delivery::Target;
use message::{Broadcast, Message, Situation};
use outbox::{Next, Outbox};

pub(crate) use outbox::Standing;

/// How often the audience is looked at, for the peak that the end of a broadcast is told with.
const AUDIENCE_LOOK: Duration = Duration::from_secs(5);

/// Every outbox, by the name of its webhook. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Webhooks(Arc<Mutex<BTreeMap<String, Outbox>>>);

impl Webhooks {
    /// Starts telling the declared webhooks what `channel` does.
    pub(crate) fn start(self, declared: Watch, channel: &ChannelHandle, site: Site) {
        let view = channel.view.clone();
        // What is on air already was told by the engine that began it.
        let on_air = view.borrow().as_ref().map(|view| Broadcast::started(view.id.clone(), view.started_at));
        let titled = site.title().follow();
        let said = site.chat().follow_webhooks();
        let follower = Follower { webhooks: self, declared, site, couriers: BTreeMap::new(), on_air };
        tasks::spawn("webhooks", follower.run(view, titled, said));
    }

    /// How each webhook fares.
    pub(crate) fn standings(&self) -> BTreeMap<String, Standing> {
        self.lock().iter().map(|(name, outbox)| (name.clone(), outbox.standing())).collect()
    }

    /// One for each webhook that does not take what it is told.
    pub(crate) fn conditions(&self) -> Vec<Condition> {
        self.lock()
            .iter()
            .filter_map(|(name, outbox)| {
                let message = format!("{}: {}", ObjectId::Webhook(name.clone()), outbox.trouble()?);
                Some(Condition { kind: "WebhookFailing".to_owned(), message })
            })
            .collect()
    }

    /// What `name` is to be sent next; none when it is no longer declared.
    fn next(&self, name: &str) -> Option<Next> {
        self.lock().get_mut(name).map(|outbox| outbox.next(Instant::now()))
    }

    fn with(&self, name: &str, change: impl FnOnce(&mut Outbox)) {
        if let Some(outbox) = self.lock().get_mut(name) {
            change(outbox);
        }
    }

    /// Locked for the length of one entry, never across an await.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Outbox>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees what happens, and decides who is told.
struct Follower {
    webhooks: Webhooks,
    declared: Watch,
    site: Site,
    couriers: BTreeMap<String, Courier>,
    on_air: Option<Broadcast>,
}

/// The task that posts one webhook's messages; ends with this value.
#[derive(Debug)]
struct Courier {
    webhook: Webhook,
    wake: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Follower {
    async fn run(
        mut self,
        mut view: watch::Receiver<Option<BroadcastView>>,
        mut titled: watch::Receiver<TitleState>,
        mut said: broadcast::Receiver<ChatEvent>,
    ) {
        let mut looks = tokio::time::interval(AUDIENCE_LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut titles_told = titled.borrow_and_update().changes;
        let mut event = None;
        loop {
            self.take_settings();
            let now = view.borrow_and_update().as_ref().map(|view| (view.id.clone(), view.started_at));
            self.take_broadcast(now);
            let titles = titled.borrow_and_update().changes;
            if titles != titles_told {
                titles_told = titles;
                self.tell_title();
            }
            if let Some(event) = event.take() {
                self.tell_talk(&event);
            }
            // All arms only wait, or take one event whole: what changed is read above, whichever of them won.
            let is_open = tokio::select! {
                changed = self.declared.changed() => changed.is_ok(),
                changed = view.changed() => changed.is_ok(),
                changed = titled.changed() => changed.is_ok(),
                heard = said.recv() => match heard {
                    Ok(heard) => {
                        event = Some(heard);
                        true
                    }
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "webhooks are not told of all that happens in the chat");
                        true
                    }
                    Err(RecvError::Closed) => false,
                },
                _tick = looks.tick() => true,
            };
            self.look_at_audience();
            if !is_open {
                return;
            }
        }
    }

    /// Gives every enabled webhook an outbox and a courier, and takes them from every other.
    fn take_settings(&mut self) {
        let declared = Arc::clone(&self.declared.borrow_and_update());
        let is_wanted = |name: &String| declared.webhooks.get(name).is_some_and(|webhook| webhook.enabled);
        self.couriers.retain(|name, _| is_wanted(name));
        self.webhooks.lock().retain(|name, _| is_wanted(name));
        for (name, webhook) in declared.webhooks.iter().filter(|(_, webhook)| webhook.enabled) {
            match self.couriers.get_mut(name) {
                Some(courier) if courier.webhook == *webhook => {}
                Some(courier) => {
                    courier.webhook = webhook.clone();
                    self.webhooks.with(name, Outbox::start_afresh);
                    courier.wake.notify_one();
                }
                None => {
                    self.webhooks.lock().insert(name.clone(), Outbox::default());
                    let wake = Arc::new(Notify::new());
                    let errands = carry(name.clone(), self.webhooks.clone(), self.declared.clone(), Arc::clone(&wake));
                    let task = tasks::spawn("webhook", errands);
                    self.couriers.insert(name.clone(), Courier { webhook: webhook.clone(), wake, task });
                }
            }
        }
    }

    /// Tells the end of what was on air and the start of what is. A broadcast whose end and successor are seen at once
    /// is told as both; one that came and went between two looks was never seen by a viewer either.
    fn take_broadcast(&mut self, now: Option<(String, i64)>) {
        let is_other = |had: &Broadcast| now.as_ref().is_none_or(|(id, _)| *id != had.id);
        if let Some(ended) = self.on_air.take_if(|had| is_other(had)) {
            let ended = Broadcast { ended_at_ms: Some(unix_millis()), ..ended };
            self.tell(WebhookEvent::StreamStopped, &ended);
        }
        if let (None, Some((id, started_at))) = (&self.on_air, now) {
            counts::BROADCASTS.add(1);
            let started = Broadcast { peak_viewers: self.site.peak_viewers(), ..Broadcast::started(id, started_at) };
            self.tell(WebhookEvent::StreamStarted, &started);
            self.on_air = Some(started);
        }
    }

    fn tell(&self, event: WebhookEvent, broadcast: &Broadcast) {
        self.tell_those_who_want(event, Some(broadcast), |situation| Message::of_stream(event, situation));
    }

    /// As in Owncast, nobody is told that a title was taken away.
    fn tell_title(&self) {
        let event = WebhookEvent::StreamTitleUpdated;
        if !self.site.title().get().is_empty() {
            self.tell_those_who_want(event, self.on_air.as_ref(), |situation| Message::of_stream(event, situation));
        }
    }

    fn tell_talk(&self, event: &ChatEvent) {
        let make = |situation: &Situation<'_>| Message::of_chat(event, situation);
        self.tell_those_who_want(message::kind_of(event), self.on_air.as_ref(), make);
    }

    fn tell_those_who_want(
        &self,
        event: WebhookEvent,
        broadcast: Option<&Broadcast>,
        make: impl FnOnce(&Situation<'_>) -> Result<Message, getrandom::Error>,
    ) {
        let wants = |courier: &Courier| courier.webhook.events.contains(&event);
        if !self.couriers.values().any(wants) {
            return;
        }
        let declared = Arc::clone(&self.declared.borrow());
        let situation = Situation {
            page: declared.page.as_ref(),
            title: self.site.title().get(),
            broadcast,
            last_live: self.site.last_live(),
            viewers: self.site.viewer_count(),
        };
        let message = match make(&situation) {
            Ok(message) => message,
            Err(error) => return tracing::error!(error = chain(&error), "no webhook could be told"),
        };
        for (name, courier) in self.couriers.iter().filter(|(_, courier)| wants(courier)) {
            self.webhooks.with(name, |outbox| outbox.push(message.clone()));
            courier.wake.notify_one();
        }
    }

    /// Remembers how many watched: once the broadcast has ended, nobody can say any more.
    fn look_at_audience(&mut self) {
        let peak = self.site.peak_viewers();
        if let Some(on_air) = &mut self.on_air {
            on_air.peak_viewers = on_air.peak_viewers.max(peak);
        }
    }
}

/// Posts what is in the outbox of `name`, one message after the other, to wherever the settings of that moment say.
async fn carry(name: String, webhooks: Webhooks, declared: Watch, wake: Arc<Notify>) {
    let mut connection = Connection::default();
    while let Some(next) = webhooks.next(&name) {
        match next {
            Next::Nothing => wake.notified().await,
            // Waking early is harmless: the outbox is asked again.
            Next::At(moment) => tokio::select! {
                () = tokio::time::sleep_until(moment.into()) => {}
                () = wake.notified() => {}
            },
            Next::Post(message) => {
                let Some(target) = target(&declared.borrow(), &name) else { return };
                let posted = delivery::post(&mut connection, &target, &message).await;
                finish(&name, &webhooks, message, posted);
            }
        }
    }
}

fn target(declared: &Declared, name: &str) -> Option<Target> {
    let webhook = declared.webhooks.get(name)?;
    Some(Target { url: webhook.url.clone(), secret: declared.signing_secrets.get(name).cloned() })
}

fn finish(name: &str, webhooks: &Webhooks, message: Message, posted: Result<(), delivery::DeliveryError>) {
    let event = message.event();
    let error = match posted {
        Ok(()) => {
            tracing::info!(webhook = name, event, "webhook told");
            return webhooks.with(name, Outbox::delivered);
        }
        Err(error) => chain(&error),
    };
    let mut is_given_up = false;
    webhooks.with(name, |outbox| is_given_up = outbox.failed(message, &error, Instant::now(), outbox::chance()));
    if is_given_up {
        tracing::warn!(webhook = name, event, error, "webhook not told: tried for too long");
    } else {
        tracing::debug!(webhook = name, event, error, "webhook not told yet");
    }
}
