//! The test as a courier: it sees every message for workers, and delivers it again or holds it up.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Consumer};
use schemas::{Names, State};
use tests::{Wire, World};
use uuid::Uuid;

/// A message for workers.
#[derive(Clone, Debug)]
pub struct Message {
    /// The state that it acts in; `WorkflowStarted` for a request.
    pub state: State,
    /// The execution, or for a request the request's id.
    pub id: Uuid,
    /// The number of the step; 0 for a request.
    pub seq: i32,
    queue: String,
    body: Vec<u8>,
    properties: BasicProperties,
}

/// Sees a copy of every message for workers.
pub struct Tap {
    wire: Wire,
    names: Names,
    messages: Consumer,
}

impl Tap {
    pub async fn open(world: &World) -> Self {
        let wire = Wire::open(world).await;
        let channel = &wire.channel;
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel.queue_declare("".into(), exclusive, FieldTable::default());
        let queue = queue.await.unwrap().name().clone();
        for (key, _, _) in routes(&world.names) {
            let (exchange, options) =
                (world.names.commands_exchange(), QueueBindOptions::default());
            let bind = channel.queue_bind(
                queue.clone(),
                exchange.as_str().into(),
                key.as_str().into(),
                options,
                FieldTable::default(),
            );
            bind.await.unwrap();
        }
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let messages = channel.basic_consume(queue, "tap".into(), options, FieldTable::default());
        Self {
            messages: messages.await.unwrap(),
            wire,
            names: world.names.clone(),
        }
    }

    /// As [`Tap::open`], and nobody else sees them: a message gets to a worker only if it is
    /// delivered here. Workers must have been started, since they open the ways when they connect.
    pub async fn alone(world: &World) -> Self {
        world.connected().await;
        let tap = Self::open(world).await;
        for (key, queue, _) in routes(&world.names) {
            tap.wire.consumed(&queue).await;
            let exchange = world.names.commands_exchange();
            tap.wire.unbind(&queue, &exchange, &key).await;
        }
        tap
    }

    /// The next message; nothing once the broker is gone.
    pub async fn next(&mut self) -> Option<Message> {
        let message = self.messages.next().await?.ok()?;
        let mut routes = routes(&self.names);
        let route = routes.find(|(key, _, _)| key == message.routing_key.as_str());
        let (_, queue, state) = route.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&message.data).unwrap();
        let id = body.get("execution_id").unwrap_or(&body["request_id"]);
        Some(Message {
            state,
            id: id.as_str().unwrap().parse().unwrap(),
            seq: body["seq"].as_i64().unwrap_or(0).try_into().unwrap(),
            queue,
            body: message.data,
            properties: message.properties,
        })
    }

    /// Delivers a message straight into its queue: through the exchange it would come back here.
    pub async fn deliver(&self, message: &Message) {
        let properties = message.properties.clone();
        self.wire
            .publish("", &message.queue, &message.body, properties)
            .await;
    }

    /// How many messages a queue holds that nobody has taken.
    pub async fn waiting(&self, queue: &str) -> u32 {
        self.wire.ready(queue).await
    }
}

/// The states whose messages there are: all but the last, requests being those of the first.
pub fn states() -> BTreeSet<State> {
    let states = State::ALL.into_iter();
    states
        .filter(|state| *state != State::WorkflowFinished)
        .collect()
}

/// Routing key, queue and state of every kind of message for workers.
fn routes(names: &Names) -> impl Iterator<Item = (String, String, State)> {
    let request = (
        Names::REQUEST_KEY.to_owned(),
        names.request_queue(),
        State::WorkflowStarted,
    );
    let step = |state: State| Some((Names::state_key(state)?, names.state_queue(state)?, state));
    let steps: Vec<_> = State::ALL.into_iter().filter_map(step).collect();
    std::iter::once(request).chain(steps)
}
