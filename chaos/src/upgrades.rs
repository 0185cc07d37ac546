//! The upgrades: which one when and where, asked for, followed to its end, and the device made
//! ready for the next one.

mod device;
pub mod kinds;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::bail;
use futures_util::future::join_all;
use schemas::{Answer, Options, UpgradeRequest, V1};
use simulator::FIRMWARE_HOST;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use self::kinds::{DISRUPTIVE, KINDS, Kind};
use crate::requests::Requester;
use crate::site::{Deployment, Site};

const UNKNOWN_HOST: Ipv4Addr = Ipv4Addr::new(10, 31, 2, 99);
/// How many of a hundred requests are sent once more though they were answered.
const REPEATED: u8 = 5;
const POLL: Duration = Duration::from_millis(400);

/// One upgrade to be asked for.
pub struct Plan {
    pub number: u32,
    pub kind: &'static Kind,
    pub request_id: Uuid,
    /// After its answer the request is sent once more.
    pub repeated: bool,
    /// When, from the beginning.
    pub at: Duration,
}

/// One upgrade that was carried out.
pub struct Upgrade {
    pub number: u32,
    pub kind: &'static Kind,
    pub deployment: usize,
    pub request_id: Uuid,
    /// What became of the request.
    pub answer: Answer,
    /// How often each of [`DISRUPTIVE`] took effect, from the end of the one before.
    pub effects: [u64; 4],
}

impl Upgrade {
    pub fn execution_id(&self) -> Option<Uuid> {
        match self.answer {
            Answer::Accepted { execution_id, .. } => Some(execution_id),
            Answer::Rejected { .. } => None,
        }
    }
}

/// Which kind of upgrade at which deployment, in which order, at what time: all from the seed.
pub fn plan(seed: u64, total: u32, deployments: usize, within: Duration) -> Vec<Vec<Plan>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bag: Vec<&'static Kind> = Vec::new();
    let mut plans: Vec<Vec<Plan>> = (0..deployments).map(|_| Vec::new()).collect();
    for number in 0..total {
        if bag.is_empty() {
            let shares = KINDS.iter();
            bag.extend(shares.flat_map(|kind| (0..kind.share).map(move |_| kind)));
            random.shuffle(&mut bag);
        }
        if let Some(kind) = bag.pop() {
            plans[number as usize % deployments].push(Plan {
                number,
                kind,
                request_id: Uuid::from_u128(random.u128(..)),
                repeated: random.u8(..100) < REPEATED,
                at: within.mul_f64(f64::from(number) / f64::from(total)),
            });
        }
    }
    plans
}

/// How far the upgrades are.
#[derive(Default)]
pub struct Progress {
    pub requested: AtomicU32,
    pub accepted: AtomicU32,
    pub ended: AtomicU32,
}

/// Carries all plans out, each deployment's one after the other, and gives back what became of
/// them.
pub async fn run(
    site: &Site,
    requester: &Requester,
    plans: Vec<Vec<Plan>>,
    progress: &Progress,
) -> anyhow::Result<Vec<Upgrade>> {
    let ends = Ends::default();
    let begin = Instant::now();
    let all = plans.into_iter().enumerate().map(async |(index, plans)| {
        let mut one = Deploying::at(site, index);
        let mut upgrades = Vec::new();
        for plan in plans {
            sleep_until(begin + plan.at).await;
            upgrades.push(one.upgrade(plan, requester, &ends, progress).await?);
        }
        anyhow::Ok(upgrades)
    });
    let upgrades = tokio::select! {
        upgrades = join_all(all) => upgrades,
        watched = ends.watch(site) => { watched?; bail!("nobody looks for ends any more") }
    };
    let upgrades = upgrades.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    Ok(upgrades.into_iter().flatten().collect())
}

/// One deployment, from upgrade to upgrade.
struct Deploying<'a> {
    deployment: &'a Deployment,
    index: usize,
    /// What the simulator had counted at the end of the last upgrade.
    counted: [u64; 4],
}

impl<'a> Deploying<'a> {
    fn at(site: &'a Site, index: usize) -> Self {
        let deployment = &site.deployments[index];
        Self {
            deployment,
            index,
            counted: counted(deployment),
        }
    }

    async fn upgrade(
        &mut self,
        plan: Plan,
        requester: &Requester,
        ends: &Ends,
        progress: &Progress,
    ) -> anyhow::Result<Upgrade> {
        let image = device::make_ready(self.deployment, plan.kind).await?;
        let host = if plan.kind.unknown_host {
            UNKNOWN_HOST
        } else {
            FIRMWARE_HOST
        };
        let request = UpgradeRequest {
            version: V1,
            request_id: plan.request_id,
            ip_address: self.deployment.address,
            firmware_host: IpAddr::V4(host),
            tpvm_image: format!("/images/tpvm_x86_64-{image}-0.amd64.deb").parse()?,
            requested_by: "chaos".parse()?,
            trusted_peer_sudo_user: None,
            trusted_peer_password_secret: Some("trusted-peer-password".parse()?),
            options: Options::default(),
        };
        progress.requested.fetch_add(1, Ordering::Relaxed);
        let answer = requester.submit(&request).await;
        if let Answer::Accepted { execution_id, .. } = answer {
            progress.accepted.fetch_add(1, Ordering::Relaxed);
            let ended = ends.of(execution_id);
            if plan.repeated {
                requester.repeat(&request).await;
            }
            ended.notified().await;
        }
        progress.ended.fetch_add(1, Ordering::Relaxed);
        let now = counted(self.deployment);
        let before = std::mem::replace(&mut self.counted, now);
        Ok(Upgrade {
            number: plan.number,
            kind: plan.kind,
            deployment: self.index,
            request_id: plan.request_id,
            answer,
            effects: std::array::from_fn(|n| now[n] - before[n]),
        })
    }
}

/// What the simulator has counted of each disruptive command.
pub fn counted(deployment: &Deployment) -> [u64; 4] {
    DISRUPTIVE
        .map(|(command, _)| deployment.switch.effects(command) + deployment.efa.effects(command))
}

/// Who waits for which upgrade's end.
#[derive(Default)]
struct Ends(Mutex<HashMap<Uuid, Arc<Notify>>>);

impl Ends {
    fn of(&self, id: Uuid) -> Arc<Notify> {
        let ended = Arc::new(Notify::new());
        self.waiting().insert(id, ended.clone());
        ended
    }

    /// Looks for ends in the ledger, while it can be read.
    async fn watch(&self, site: &Site) -> anyhow::Result<()> {
        loop {
            let waited_for: Vec<Uuid> = self.waiting().keys().copied().collect();
            // Postgres is away now and then.
            if let Ok(ended) = site.records.ended(&waited_for).await {
                let mut waiting = self.waiting();
                for id in ended {
                    if let Some(waiter) = waiting.remove(&id) {
                        waiter.notify_one();
                    }
                }
            }
            sleep(POLL).await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Shown = (u32, &'static str, Uuid, bool, Duration);

    fn shown(seed: u64) -> Vec<Vec<Shown>> {
        let plans = plan(seed, 250, 40, Duration::from_secs(60)).into_iter();
        let show = |plan: Plan| {
            (
                plan.number,
                plan.kind.name,
                plan.request_id,
                plan.repeated,
                plan.at,
            )
        };
        plans
            .map(|plans| plans.into_iter().map(show).collect())
            .collect()
    }

    #[test]
    fn a_seed_plans_the_same_upgrades_again() {
        assert_eq!(shown(3), shown(3));
        assert_ne!(shown(3), shown(4));
    }

    #[test]
    fn every_kind_is_planned_and_each_deployment_has_its_share() {
        let plans = shown(5);
        let kinds: std::collections::BTreeSet<_> =
            plans.iter().flatten().map(|plan| plan.1).collect();
        assert_eq!(kinds.len(), KINDS.len());
        assert!(plans.iter().all(|plans| (6..=7).contains(&plans.len())));
    }
}
