//! Garbage on the queues.

use std::time::Duration;

use anyhow::Context;
use chrono::Utc;
use fastrand::Rng;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};
use tokio::time::timeout;

use super::{Deeds, Make, Mark, Published};
use crate::garbage::{Garbage, Known};
use crate::site::Site;

/// How long one burst may take: the broker may be away, or block publishers.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Some messages that nobody can use.
#[derive(Clone)]
pub struct Burst;

impl Make for Burst {
    fn kinds() -> Vec<Self> {
        vec![Self; 6]
    }

    fn name(&self) -> &'static str {
        "garbage published"
    }

    async fn make(&self, random: &mut Rng, site: &Site, deeds: &Deeds) -> anyhow::Result<Mark> {
        let mut own = Rng::with_seed(random.u64(..));
        let count = random.usize(5..=25);
        let nth = random.u32(..);
        let first = {
            let mut done = deeds.done();
            done.drawn += count;
            done.drawn - count
        };
        // Which upgrade an old step is about depends on those that there are by now.
        let known = timeout(TIMEOUT, site.records.nth_execution(nth)).await;
        let known = known.ok().and_then(Result::ok).flatten();
        let known: Option<Known> =
            known.and_then(|(id, seq, state)| Some((id, seq, state.parse().ok()?)));
        let burst = (0..count).map(|n| Garbage::draw(&mut own, first + n, &site.names, known));
        // What was not confirmed may be there or not, and is not missed.
        let _ = timeout(TIMEOUT, publish(site, burst.collect(), deeds)).await;
        Ok(Mark::default())
    }
}

async fn publish(site: &Site, burst: Vec<Garbage>, deeds: &Deeds) -> anyhow::Result<()> {
    let connection = Connection::connect(&site.amqp_url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    for garbage in burst {
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_message_id(garbage.id.as_str().into())
            .with_headers(garbage.headers.clone());
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let queue = garbage.queue.as_str().into();
        let confirm = channel.basic_publish("".into(), queue, mandatory, &garbage.body, properties);
        // Handed back: the queue is gone for the moment.
        if let Confirmation::Ack(None) = confirm.await?.await? {
            let at = Utc::now();
            deeds.done().garbage.push(Published { garbage, at });
        }
    }
    connection
        .close(200, "".into())
        .await
        .context("a connection that does not close")
}
