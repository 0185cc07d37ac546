//! Postgres, crashed and recovered, or away for a while; alone or together with RabbitMQ.

use fastrand::Rng;
use services::Shutdown;
use tokio::time::sleep;

use super::{Deeds, Make, Mark, held, millis};
use crate::site::Site;

#[derive(Clone)]
pub enum PostgresFault {
    /// `-m immediate`, and started again at once.
    Crash,
    /// The same, and away for a while.
    Away,
    /// Both servers at once.
    WithRabbitMq,
}

impl Make for PostgresFault {
    fn kinds() -> Vec<Self> {
        vec![
            Self::Crash,
            Self::Crash,
            Self::Crash,
            Self::Away,
            Self::WithRabbitMq,
        ]
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Crash => "Postgres restarted (immediate)",
            Self::Away => "Postgres away",
            Self::WithRabbitMq => "Postgres and RabbitMQ away",
        }
    }

    async fn make(&self, random: &mut Rng, site: &Site, _: &Deeds) -> anyhow::Result<Mark> {
        let absence = millis(random, 1000, 4000);
        let hit = held(site, None).await;
        let mut postgres = site.postgres.lock().await;
        match self {
            Self::Crash => postgres.restart(Shutdown::Immediate).await?,
            Self::Away => {
                postgres.halt(Shutdown::Immediate).await?;
                sleep(absence).await;
                postgres.restart(Shutdown::Immediate).await?;
            }
            Self::WithRabbitMq => {
                let mut rabbitmq = site.rabbitmq.lock().await;
                rabbitmq.kill().await?;
                postgres.halt(Shutdown::Immediate).await?;
                sleep(absence).await;
                postgres.restart(Shutdown::Immediate).await?;
                rabbitmq.restart().await?;
            }
        }
        Ok(Mark {
            hit,
            ..Mark::default()
        })
    }
}
