//! Law A: every message delivered twice, at once or later: same end, same device, no effect twice.
//! Law G: an old step's message, arriving late, changes nothing.

use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use schemas::{Names, State};
use tests::{World, until};

use crate::checks::{NORMAL, REPLACEMENT, assert_upgraded, effects, normal, replaced};

/// A copy of everything that is published for workers.
struct Tap {
    _connection: Connection,
    channel: Channel,
    queue: String,
}

impl Tap {
    async fn open(world: &World) -> Self {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(&world.broker.url, properties)
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        let options = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel
            .queue_declare("".into(), options, FieldTable::default())
            .await
            .unwrap();
        let queue = queue.name().to_string();
        let keys = State::ALL.into_iter().filter_map(Names::state_key);
        for key in keys {
            let exchange = world.names.commands_exchange();
            let bind = channel.queue_bind(
                queue.as_str().into(),
                exchange.as_str().into(),
                key.as_str().into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            );
            bind.await.unwrap();
        }
        Self {
            _connection: connection,
            channel,
            queue,
        }
    }

    /// Delivers every message once more, straight into its queue, as soon as it is seen.
    async fn double(&self, names: Names) -> Vec<(String, Vec<u8>)> {
        let mut messages = self
            .channel
            .basic_consume(
                self.queue.as_str().into(),
                "tap".into(),
                BasicConsumeOptions {
                    no_ack: true,
                    ..BasicConsumeOptions::default()
                },
                FieldTable::default(),
            )
            .await
            .unwrap();
        let mut seen = Vec::new();
        while let Some(message) = messages.next().await {
            let message = message.unwrap();
            let key = message.routing_key.to_string();
            let queue = queue_of(&names, &key);
            // Straight into the queue: through the exchange it would come back here.
            for _ in 0..2 {
                let publish = self.channel.basic_publish(
                    "".into(),
                    queue.as_str().into(),
                    BasicPublishOptions::default(),
                    &message.data,
                    message.properties.clone(),
                );
                publish.await.unwrap();
            }
            seen.push((queue, message.data.clone()));
            if key.ends_with("efa-deploy-peer-and-rejoin") {
                return seen;
            }
        }
        seen
    }
}

fn queue_of(names: &Names, key: &str) -> String {
    let state = State::ALL
        .into_iter()
        .find(|state| Names::state_key(*state).as_deref() == Some(key));
    names.state_queue(state.unwrap()).unwrap()
}

#[tokio::test]
async fn every_message_three_times_is_as_good_as_once() {
    for (fleet, path, expected) in [
        (normal(), &NORMAL[..], [1, 0, 0, 1]),
        (replaced(), &REPLACEMENT[..], [0, 1, 0, 1]),
    ] {
        let world = World::new(fleet).await;
        let tap = Tap::open(&world).await;
        let _workers = [world.worker(), world.worker()];
        let names = world.names.clone();
        let (seen, id) = tokio::join!(tap.double(names), async {
            let id = world.accepted(&world.request(0)).await;
            world.finished(id).await;
            id
        });
        let execution = world.finished(id).await;
        assert_upgraded(&world, &execution);
        assert_eq!(world.path(id).await, path);
        assert_eq!(effects(&world), expected);

        // Long after the end, all of them once more.
        let device = world.standby(0).state();
        let history = world.history(id).await;
        for (queue, body) in &seen {
            let publish = tap.channel.basic_publish(
                "".into(),
                queue.as_str().into(),
                BasicPublishOptions::default(),
                body,
                lapin::BasicProperties::default(),
            );
            publish.await.unwrap();
        }
        for (queue, _) in &seen {
            drained(&tap.channel, queue).await;
        }
        assert_eq!(world.history(id).await, history);
        assert_eq!(world.standby(0).state(), device);
        assert_eq!(effects(&world), expected);
        world.close().await;
    }
}

/// Waits until a queue has neither ready messages nor, on two looks in a row, any that come back.
async fn drained(channel: &Channel, queue: &str) {
    until("an empty queue", || async {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await;
        (queue.unwrap().message_count() == 0).then_some(())
    })
    .await;
}
