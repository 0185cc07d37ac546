//! Many upgrades in one world, each in a deployment of its own with faults of its own, and all
//! that a user can see of each at the end.

mod checks;
mod told;
mod upgrade;

use std::fmt::Debug;

use schemas::UpgradeRequest;
use simulator::{Fleet, SwitchState};
use tests::{World, patience, until_within};
use uuid::Uuid;

use told::Told;

pub use told::Refusing;
pub use upgrade::Upgrade;

/// A world with its upgrades.
pub struct Scene {
    pub world: World,
    pub upgrades: Vec<Upgrade>,
    pub requests: Vec<UpgradeRequest>,
    /// The executions, once they were requested.
    pub ids: Vec<Uuid>,
    before: Vec<SwitchState>,
    told: Told,
}

impl Scene {
    /// A world that is ready for these upgrades, and nobody at work yet.
    pub async fn open(upgrades: Vec<Upgrade>) -> Self {
        Self::on(&services::amqp_url().unwrap(), upgrades).await
    }

    /// As [`Scene::open`], on a broker of the caller's choice.
    pub async fn on(amqp_url: &str, upgrades: Vec<Upgrade>) -> Self {
        let options: Vec<_> = upgrades.iter().map(Upgrade::deployment).collect();
        let world = World::on(amqp_url, Fleet::with(&options)).await;
        for (n, upgrade) in upgrades.iter().enumerate() {
            for fault in upgrade.faults() {
                world.fault(n, fault.clone());
            }
        }
        let all = 0..upgrades.len();
        Self {
            before: all.clone().map(|n| world.standby(n).state()).collect(),
            requests: all.map(|n| world.request(n)).collect(),
            told: Told::listen(&world).await,
            ids: Vec::new(),
            world,
            upgrades,
        }
    }

    /// Requests all upgrades at once.
    pub async fn request(&mut self) {
        self.ids = self.world.accepted_all(&self.requests).await;
    }

    /// Waits until all have ended.
    pub async fn ended(&self) {
        for (upgrade, id) in self.upgrades.iter().zip(&self.ids) {
            let what = format!("the end of {id}: {}", upgrade.name);
            until_within(patience(), &what, || async {
                let execution = self.world.ledger.execution(*id).await.unwrap().unwrap();
                execution.verdict.map(|_| ())
            })
            .await;
        }
    }

    /// Requests all, waits for their ends, and checks everything.
    pub async fn run(&mut self) {
        self.request().await;
        self.ended().await;
        self.check().await;
    }

    /// Takes everything down.
    pub async fn close(self) {
        drop(self.told);
        self.world.close().await;
    }

    /// All that can be seen of one upgrade, to be compared with later.
    pub async fn seen_of(&self, n: usize) -> impl Debug + PartialEq + use<> {
        let world = &self.world;
        let history = world.history(self.ids[n]).await;
        (history, world.standby(n).state(), world.effects(n))
    }

    /// As [`Scene::seen_of`], of all.
    pub async fn seen(&self) -> impl Debug + PartialEq + use<> {
        let mut all = Vec::new();
        for n in 0..self.upgrades.len() {
            all.push(self.seen_of(n).await);
        }
        all
    }
}
