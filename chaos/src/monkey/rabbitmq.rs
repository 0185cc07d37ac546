//! RabbitMQ, restarted, killed, wiped, out of memory, without its connections.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use super::{Deeds, Make, Mark, held, millis};
use crate::site::Site;

#[derive(Clone)]
pub enum RabbitMqFault {
    /// Stopped in order, started again.
    Restart,
    /// Killed, and away for a while.
    Kill,
    /// Killed, its data directory deleted, started again.
    Wipe,
    /// `rabbitmqctl close_all_connections`.
    CloseConnections,
    /// The memory alarm: nobody may publish for a while.
    MemoryAlarm,
}

pub const WIPED: &str = "RabbitMQ's data deleted";

impl Make for RabbitMqFault {
    fn kinds() -> Vec<Self> {
        vec![
            Self::Restart,
            Self::Kill,
            Self::Wipe,
            Self::CloseConnections,
            Self::CloseConnections,
            Self::MemoryAlarm,
        ]
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Restart => "RabbitMQ restarted",
            Self::Kill => "RabbitMQ killed and away",
            Self::Wipe => WIPED,
            Self::CloseConnections => "RabbitMQ closed all connections",
            Self::MemoryAlarm => "RabbitMQ's memory alarm",
        }
    }

    async fn make(&self, random: &mut Rng, site: &Site, _: &Deeds) -> anyhow::Result<Mark> {
        let while_away = millis(random, 0, 3000);
        let blocked = millis(random, 2000, 6000);
        let hit = held(site, None).await;
        let mut rabbitmq = site.rabbitmq.lock().await;
        match self {
            Self::Restart => rabbitmq.restart().await?,
            Self::Kill => {
                rabbitmq.kill().await?;
                sleep(while_away).await;
                rabbitmq.restart().await?;
            }
            Self::Wipe => rabbitmq.wipe().await?,
            Self::CloseConnections => {
                rabbitmq.ctl(&["close_all_connections", "chaos"]).await?;
            }
            Self::MemoryAlarm => {
                rabbitmq.ctl(&["set_vm_memory_high_watermark", "0"]).await?;
                sleep(blocked.saturating_sub(Duration::from_millis(500))).await;
                rabbitmq
                    .ctl(&["set_vm_memory_high_watermark", "0.4"])
                    .await?;
            }
        }
        Ok(Mark {
            hit,
            ..Mark::default()
        })
    }
}
