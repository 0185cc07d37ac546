//! RabbitMQ, in memory.

use std::time::Duration;

use async_trait::async_trait;
use broker::{Delivery, Outgoing, PublishError, SetAside};
use schemas::names::DEFAULT_DELIVERY_LIMIT;
use schemas::{Event, Message as _, Names, Reply, State as WorkflowState, decode};
use worker::Courier;

use crate::point::Point;
use crate::schedule::What;
use crate::world::{Go, Task, World};

/// A message in a queue.
pub(crate) struct Message {
    pub(crate) id: u64,
    queue: String,
    message: Outgoing,
    /// Not handed out before this time.
    ready_at: Duration,
    deliveries: u32,
    /// Who has it without having acknowledged it.
    pub(crate) held_by: Option<usize>,
}

/// The right to acknowledge: worth nothing once the message was handed out again or lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag {
    id: u64,
    delivery: u32,
}

/// What RabbitMQ holds, and what others took from it.
#[derive(Default)]
pub(crate) struct Queues {
    messages: Vec<Message>,
    next_id: u64,
    /// What a listener got that refuses nothing.
    pub(crate) events: Vec<Event>,
    /// What a listener got whose queue is full at times.
    pub(crate) events_of_full: Vec<Event>,
    /// It is full until then.
    full_until: Duration,
    /// What requesters got.
    pub(crate) replies: Vec<Reply>,
    /// What was set aside, with the reason.
    pub(crate) dead_letters: Vec<(Outgoing, String)>,
    /// What was published, for a look at secrets.
    pub(crate) bodies: Vec<Vec<u8>>,
}

impl Queues {
    /// Whether the second listener's queue is full.
    fn is_full(&self, now: Duration) -> bool {
        now < self.full_until
    }

    /// Routes a message.
    pub(crate) fn take(
        &mut self,
        message: Outgoing,
        now: Duration,
        ready_at: Duration,
    ) -> Result<(), String> {
        let names = Names::default();
        self.bodies.push(message.body.clone());
        if message.exchange == names.commands_exchange() {
            let queue = queue(&names, &message.routing_key)
                .ok_or_else(|| format!("no queue takes {}", message.routing_key))?;
            self.next_id += 1;
            self.messages.push(Message {
                id: self.next_id,
                queue,
                message,
                ready_at,
                deliveries: 0,
                held_by: None,
            });
        } else if message.message_type == Event::TYPE {
            let event: Event = decode(&message.body).map_err(|error| error.to_string())?;
            self.events.push(event.clone());
            if !self.is_full(now) {
                self.events_of_full.push(event);
            }
        } else {
            // Straight to the requester's queue, or to the events exchange for want of one.
            let reply = decode(&message.body).map_err(|error| error.to_string())?;
            self.replies.push(reply);
        }
        Ok(())
    }

    /// The messages that can be handed out.
    pub(crate) fn ready(&self, now: Duration) -> Vec<u64> {
        let ready = |message: &&Message| message.held_by.is_none() && message.ready_at <= now;
        self.messages
            .iter()
            .filter(ready)
            .map(|message| message.id)
            .collect()
    }

    /// When the next message can be handed out that can't be yet.
    pub(crate) fn next_ready(&self, now: Duration) -> Option<Duration> {
        let later = self.messages.iter().map(|message| message.ready_at);
        later.filter(|ready_at| *ready_at > now).min()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Hands a message out; `None` sets it aside, since it was handed out too often.
    pub(crate) fn deliver(&mut self, id: u64, worker: usize) -> Option<(Delivery, Tag)> {
        let index = self.messages.iter().position(|message| message.id == id)?;
        let message = &mut self.messages[index];
        if message.deliveries > DEFAULT_DELIVERY_LIMIT {
            let message = self.messages.remove(index);
            let reason = "delivered too often".to_owned();
            self.dead_letters.push((message.message, reason));
            return None;
        }
        message.deliveries += 1;
        message.held_by = Some(worker);
        let tag = Tag {
            id,
            delivery: message.deliveries,
        };
        let again = message.deliveries > 1;
        Some((
            Delivery::local(&message.queue, &message.message, again),
            tag,
        ))
    }

    pub(crate) fn acknowledge(&mut self, tag: Tag) {
        self.messages.retain(|message| !message.is(tag));
    }

    pub(crate) fn give_back(&mut self, tag: Tag) {
        if let Some(message) = self.messages.iter_mut().find(|message| message.is(tag)) {
            message.held_by = None;
        }
    }

    /// The connection of a worker, or everyone's, is gone.
    pub(crate) fn give_back_all(&mut self, of: Option<usize>) {
        for message in &mut self.messages {
            if of.is_none() || message.held_by == of {
                message.held_by = None;
            }
        }
    }

    pub(crate) fn forget(&mut self) {
        self.messages.clear();
    }
}

impl Message {
    fn is(&self, tag: Tag) -> bool {
        self.id == tag.id && self.deliveries == tag.delivery && self.held_by.is_some()
    }
}

fn queue(names: &Names, key: &str) -> Option<String> {
    if key == Names::REQUEST_KEY {
        return Some(names.request_queue());
    }
    let of_key = |state: &&WorkflowState| Names::state_key(**state).as_deref() == Some(key);
    let state = WorkflowState::ALL.iter().find(of_key)?;
    names.state_queue(*state)
}

/// A worker's way to RabbitMQ.
pub(crate) struct Connection {
    pub(crate) world: World,
    pub(crate) worker: usize,
}

impl Connection {
    async fn ask(
        &self,
        name: &str,
        request: Option<usize>,
        taken: impl Fn(&World, Duration),
    ) -> Result<(), PublishError> {
        let lost = || {
            Err(PublishError::Disconnected(
                "the schedule says so".to_owned(),
            ))
        };
        let at_once = Duration::ZERO;
        let (world, worker) = (&self.world, self.worker);
        let refused = |world: &World| {
            let state = world.state();
            match name == Event::TYPE && state.queues.is_full(state.now) {
                true => Err(PublishError::Refused),
                false => Ok(()),
            }
        };
        match world.pass_for(worker, Point::Publish, name, request).await {
            Go::Dead | Go::Away | Go::Wrong(What::Refused) => lost(),
            Go::Wrong(What::Unconfirmed) => {
                taken(&self.world, at_once);
                lost()
            }
            Go::Wrong(What::Lost) => Ok(()),
            Go::Wrong(What::Full { .. }) if name == Reply::TYPE => Err(PublishError::Refused),
            Go::Wrong(What::Full { secs }) => {
                let mut state = self.world.state();
                state.queues.full_until = state.now + Duration::from_secs(secs.into());
                drop(state);
                taken(&self.world, at_once);
                refused(&self.world)
            }
            Go::Wrong(What::Doubled) => {
                taken(&self.world, at_once);
                taken(&self.world, at_once);
                refused(&self.world)
            }
            Go::Wrong(What::Late { secs }) => {
                taken(&self.world, Duration::from_secs(secs.into()));
                Ok(())
            }
            Go::Wrong(What::KillAfter { .. }) => {
                taken(&self.world, at_once);
                self.world.die(self.worker).await
            }
            Go::On | Go::Wrong(_) => {
                taken(&self.world, at_once);
                refused(&self.world)
            }
        }
    }
}

#[async_trait]
impl Courier for Connection {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        let taken = |world: &World, late: Duration| {
            let mut state = world.state();
            let ready_at = state.now + late;
            let now = state.now;
            if let Err(complaint) = state.queues.take(message.clone(), now, ready_at) {
                state.complain(complaint);
            }
        };
        let about = self.world.state().request(&message.message_id);
        let request = about.or_else(Task::request);
        self.ask(message.message_type, request, taken).await
    }

    async fn dead_letter(&self, delivery: &Delivery, why: &SetAside) -> Result<(), PublishError> {
        let reason = &why.reason;
        let complaint = format!("a message of {} was set aside: {reason}", delivery.queue);
        self.world.state().complain(complaint);
        Ok(())
    }
}
