//! What the events exchange tells.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use broker::Inbox;
use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use schemas::{Event, decode};
use tests::{Wire, World, patience, until_within};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Everything that was told since one listens.
pub(super) struct Told {
    events: Arc<Mutex<Vec<Event>>>,
    listener: JoinHandle<()>,
}

impl Told {
    pub(super) async fn listen(world: &World) -> Self {
        let mut inbox = Inbox::open(&world.broker).await.unwrap();
        inbox.subscribe("event.#").await.unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = events.clone();
        let listener = tokio::spawn(async move {
            // Until the broker, and all it had to tell, is gone.
            while let Ok(event) = inbox.next(patience()).await {
                let Some(event) = event else { continue };
                heard.lock().unwrap().push(decode(&event.body).unwrap());
            }
        });
        Self { events, listener }
    }

    /// Each of an execution's events once, in the order in which it was first told.
    pub(super) fn of(&self, id: Uuid) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for event in self.events.lock().unwrap().iter() {
            let known = events.iter().any(|known| known.seq == event.seq);
            if event.execution_id == id && !known {
                events.push(event.clone());
            }
        }
        events
    }

    pub(super) async fn end_of(&self, id: Uuid) {
        until_within(patience(), "the event of the end", || async {
            let last = self.of(id).into_iter().next_back();
            last.and_then(|event| event.verdict).map(|_| ())
        })
        .await;
    }
}

/// A listener whose queue takes one message and refuses all others until somebody listens.
pub struct Refusing {
    wire: Wire,
    queue: String,
}

impl Refusing {
    /// Binds it to all events.
    pub async fn bind(world: &World) -> Self {
        let wire = Wire::open(world).await;
        let exchange = world.names.events_exchange();
        let queue = format!("{exchange}.refusing");
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
        let overflow = AMQPValue::LongString("reject-publish".into());
        arguments.insert("x-overflow".into(), overflow);
        let declare = wire
            .channel
            .queue_declare(queue.as_str().into(), durable, arguments);
        declare.await.unwrap();
        let bind = wire.channel.queue_bind(
            queue.as_str().into(),
            exchange.into(),
            "event.#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bind.await.unwrap();
        Self { wire, queue }
    }

    /// Listens until it has heard of every move of this execution.
    pub async fn hears_all(&self, world: &World, id: Uuid) {
        let last = world.history(id).await.len();
        let heard = Mutex::new(BTreeSet::new());
        until_within(
            patience(),
            "every event at a queue that was full",
            || async {
                let get = BasicGetOptions { no_ack: true };
                let got = self.wire.channel.basic_get(self.queue.as_str().into(), get);
                if let Some(message) = got.await.unwrap() {
                    let event: Event = decode(&message.data).unwrap();
                    if event.execution_id == id {
                        heard.lock().unwrap().insert(event.seq);
                    }
                }
                (heard.lock().unwrap().len() == last).then_some(())
            },
        )
        .await;
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
