//! TCP between any two parts: cut, refused, stalled, delayed, and answers that get lost.

use std::time::Duration;

use chrono::Utc;
use fastrand::Rng;
use futures_util::future::join_all;
use services::{Flow, Proxy};
use tokio::time::sleep;
use uuid::Uuid;

use super::{Deeds, Make, Mark, at_once, millis};
use crate::site::Site;

/// How many of the deployments a fault between workers and switches, or EFA, is about.
const SHARE: usize = 4;
/// See the module above.
const LONGEST_STALL: u64 = 5000;

#[derive(Clone, Copy, PartialEq)]
enum Between {
    WorkerAndPostgres,
    WorkerAndRabbitMq,
    WorkersAndSwitches,
    WorkersAndEfa,
}

#[derive(Clone, Copy)]
enum How {
    Cut,
    Refused,
    Stalled,
    Delayed,
    AnswersLost,
    /// The broker answers after the wait for it is over, connections that have just been made
    /// included.
    AnswersLate,
}

#[derive(Clone)]
pub struct NetworkFault {
    between: Between,
    how: How,
}

impl Make for NetworkFault {
    fn kinds() -> Vec<Self> {
        use Between::{WorkerAndPostgres, WorkerAndRabbitMq, WorkersAndEfa, WorkersAndSwitches};
        use How::{AnswersLost, Cut, Delayed, Refused, Stalled};
        let ways = [
            WorkerAndPostgres,
            WorkerAndRabbitMq,
            WorkersAndSwitches,
            WorkersAndEfa,
        ];
        let faults = ways.into_iter().flat_map(|between| {
            let hows = [Cut, Refused, Stalled, Delayed, AnswersLost];
            hows.map(|how| NetworkFault { between, how })
        });
        let late = NetworkFault {
            between: WorkerAndRabbitMq,
            how: How::AnswersLate,
        };
        faults.chain([late]).collect()
    }

    fn name(&self) -> &'static str {
        use Between::{WorkerAndPostgres, WorkerAndRabbitMq, WorkersAndEfa, WorkersAndSwitches};
        use How::{AnswersLate, AnswersLost, Cut, Delayed, Refused, Stalled};
        match (self.between, self.how) {
            (_, AnswersLate) => "worker–RabbitMQ answers late",
            (WorkerAndPostgres, Cut) => "worker–Postgres cut",
            (WorkerAndPostgres, Refused) => "worker–Postgres refused",
            (WorkerAndPostgres, Stalled) => "worker–Postgres stalled",
            (WorkerAndPostgres, Delayed) => "worker–Postgres delayed",
            (WorkerAndPostgres, AnswersLost) => "worker–Postgres answers lost",
            (WorkerAndRabbitMq, Cut) => "worker–RabbitMQ cut",
            (WorkerAndRabbitMq, Refused) => "worker–RabbitMQ refused",
            (WorkerAndRabbitMq, Stalled) => "worker–RabbitMQ stalled",
            (WorkerAndRabbitMq, Delayed) => "worker–RabbitMQ delayed",
            (WorkerAndRabbitMq, AnswersLost) => "worker–RabbitMQ answers lost",
            (WorkersAndSwitches, Cut) => "workers–switches cut",
            (WorkersAndSwitches, Refused) => "workers–switches refused",
            (WorkersAndSwitches, Stalled) => "workers–switches stalled",
            (WorkersAndSwitches, Delayed) => "workers–switches delayed",
            (WorkersAndSwitches, AnswersLost) => "workers–switches answers lost",
            (WorkersAndEfa, Cut) => "workers–EFA cut",
            (WorkersAndEfa, Refused) => "workers–EFA refused",
            (WorkersAndEfa, Stalled) => "workers–EFA stalled",
            (WorkersAndEfa, Delayed) => "workers–EFA delayed",
            (WorkersAndEfa, AnswersLost) => "workers–EFA answers lost",
        }
    }

    async fn make(&self, random: &mut Rng, site: &Site, _: &Deeds) -> anyhow::Result<Mark> {
        let worker = &site.workers[random.usize(..site.workers.len())];
        let share = random.usize(..SHARE);
        let lasting = millis(random, 500, LONGEST_STALL);
        let delay = millis(random, 20, 300);
        let lost = random.usize(1..=4);
        let some = || site.deployments.iter().skip(share).step_by(SHARE);
        let proxies: Vec<&Proxy> = match self.between {
            Between::WorkerAndPostgres => vec![&worker.to_postgres],
            Between::WorkerAndRabbitMq => vec![&worker.to_rabbitmq],
            Between::WorkersAndSwitches => some().map(|d| &d.to_switch).collect(),
            Between::WorkersAndEfa => some().map(|d| &d.to_efa).collect(),
        };
        let mark = match self.between {
            Between::WorkerAndPostgres | Between::WorkerAndRabbitMq => Mark {
                worker: Some(worker.name.clone()),
                ..Mark::default()
            },
            Between::WorkersAndSwitches | Between::WorkersAndEfa => Mark {
                hit: of(site, share).await,
                ..Mark::default()
            },
        };
        // Longer than `broker.connect_timeout`.
        let delay = match self.how {
            How::AnswersLate => Duration::from_secs(6),
            _ => delay,
        };
        self.how.make(&proxies, lasting, delay, lost).await?;
        let at_once = matches!(self.how, How::Cut);
        Ok(Mark {
            end: at_once.then(Utc::now),
            ..mark
        })
    }
}

/// The unfinished upgrades of the deployments in this share.
async fn of(site: &Site, share: usize) -> Vec<Uuid> {
    let some = site.deployments.iter().skip(share).step_by(SHARE);
    let names: Vec<String> = some.map(|deployment| deployment.name.clone()).collect();
    at_once(site.records.unfinished(&names)).await
}

impl How {
    async fn make(
        self,
        proxies: &[&Proxy],
        lasting: Duration,
        delay: Duration,
        lost: usize,
    ) -> anyhow::Result<()> {
        let flow = |flow: Flow| {
            for proxy in proxies {
                proxy.requests(flow);
                proxy.answers(flow);
            }
        };
        match self {
            How::Cut => {
                join_all(proxies.iter().map(|proxy| proxy.cut())).await;
            }
            How::Refused => {
                join_all(proxies.iter().map(|proxy| proxy.refuse())).await;
                join_all(proxies.iter().map(|proxy| proxy.cut())).await;
                sleep(lasting).await;
                for proxy in proxies {
                    proxy.admit()?;
                }
            }
            How::Stalled => {
                flow(Flow::Stalled);
                sleep(lasting).await;
                flow(Flow::Open);
            }
            How::Delayed => {
                flow(Flow::Delayed(delay));
                sleep(lasting).await;
                flow(Flow::Open);
            }
            How::AnswersLost => {
                let lose = |count| proxies.iter().for_each(|proxy| proxy.lose_answers(count));
                lose(lost);
                sleep(lasting).await;
                lose(0);
            }
            How::AnswersLate => {
                join_all(proxies.iter().map(|proxy| proxy.cut())).await;
                // Some way into the first words of the new connections.
                sleep(lasting / 10).await;
                proxies
                    .iter()
                    .for_each(|proxy| proxy.answers(Flow::Delayed(delay)));
                sleep(2 * delay).await;
                proxies.iter().for_each(|proxy| proxy.answers(Flow::Open));
            }
        }
        Ok(())
    }
}
