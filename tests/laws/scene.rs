//! Many upgrades in one world, each in a deployment of its own with faults of its own, and all
//! that a user can see of each at the end.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use broker::Inbox;
use ledger::{Execution, HistoryRow};
use schemas::{
    Case, Event, EventKind, Outcome, State, UpdateState, UpgradeRequest, Verdict, decode, next,
};
use simulator::{DeploymentOptions, Fault, Fleet, Standby, SwitchState};
use tests::{World, patience, until_within};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::walks::Walk;
use crate::ways::Way;

/// An upgrade, what goes wrong with it, and the walk that must come of it.
#[derive(Clone, Debug)]
pub struct Upgrade {
    pub name: String,
    pub walk: Walk,
    ways: Vec<(State, Way)>,
    faults: Vec<Fault>,
}

impl Upgrade {
    /// Nothing fails.
    pub fn smooth(case: Case) -> Self {
        Self::failing(case, &[])
    }

    /// These states fail, each in this way.
    pub fn failing(case: Case, ways: &[(State, Way)]) -> Self {
        let states: Vec<State> = ways.iter().map(|(state, _)| *state).collect();
        let walk = Walk::failing(case, &states);
        let what = ways.iter().flat_map(|(_, way)| &way.faults);
        let what: String = what
            .map(|fault| format!(", {} {:?}", fault.on, fault.kind))
            .collect();
        Self {
            name: format!("{walk}{what}"),
            walk,
            ways: ways.to_vec(),
            faults: Vec::new(),
        }
    }

    /// One upgrade for each walk there is.
    pub fn of_each_walk() -> Vec<Self> {
        let upgrade = |walk: Walk| {
            let failed = walk.failed();
            // A revert has something to do only if the upgrade had.
            let needs_effect = failed.len() > 1;
            let way = |state: State| {
                let mut ways = crate::ways::ways(state, walk.case).into_iter();
                let way = ways.find(|way| way.carried_out || !needs_effect);
                (state, way.expect("each state fails in some way"))
            };
            let ways: Vec<_> = failed.iter().map(|state| way(*state)).collect();
            Self::failing(walk.case, &ways)
        };
        Walk::all().into_iter().map(upgrade).collect()
    }

    /// With a fault that must make no difference at the end.
    pub fn with(mut self, fault: Fault) -> Self {
        self.name += &format!("; {} {:?}", fault.on, fault.kind);
        self.faults.push(fault);
        self
    }

    /// The first state that fails.
    pub fn fails_in(&self) -> Option<State> {
        self.walk.failed().first().copied()
    }

    /// How often each of [`tests::DISRUPTIVE`] takes effect.
    pub fn effects(&self) -> [u64; 4] {
        let carried_out = |state: State| match self.walk.outcome(state) {
            None => false,
            Some(Outcome::Success) => true,
            Some(Outcome::Failure) => {
                let mut ways = self.ways.iter().filter(|way| way.0 == state);
                ways.any(|(_, way)| way.carried_out)
            }
        };
        let upgraded = carried_out(State::TpvmUpgrade);
        [
            upgraded,
            carried_out(State::TpvmInstallation),
            upgraded && carried_out(State::TpvmRevert),
            carried_out(State::EfaDeployPeerAndRejoin),
        ]
        .map(u64::from)
    }
}

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
        let options: Vec<_> = upgrades.iter().map(deployment).collect();
        let world = World::on(amqp_url, Fleet::with(&options)).await;
        for (n, upgrade) in upgrades.iter().enumerate() {
            let ways = upgrade.ways.iter().flat_map(|(_, way)| &way.faults);
            for fault in ways.chain(&upgrade.faults) {
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

    /// Checks all that a user can see of each upgrade.
    pub async fn check(&self) {
        for id in &self.ids {
            self.told.end_of(*id).await;
        }
        self.check_without_events().await;
        let wrong: Vec<_> = self.each(|n| self.check_events(n)).await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }

    /// As [`Scene::check`], where events may have been lost with the broker.
    pub async fn check_without_events(&self) {
        let wrong = self.each(|n| self.check_one(n)).await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
        self.check_secrets().await;
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

    async fn each<F>(&self, check: impl Fn(usize) -> F) -> Vec<String>
    where
        F: Future<Output = Result<(), String>>,
    {
        let mut wrong = Vec::new();
        for (n, upgrade) in self.upgrades.iter().enumerate() {
            if let Err(what) = check(n).await {
                let history = self.world.history(self.ids[n]).await;
                let history: String = history.iter().map(|row| format!("\n  {row:?}")).collect();
                wrong.push(format!(
                    "{} ({}): {what}{history}",
                    upgrade.name, self.ids[n]
                ));
            }
        }
        wrong
    }

    async fn check_one(&self, n: usize) -> Result<(), String> {
        let execution = self
            .world
            .ledger
            .execution(self.ids[n])
            .await
            .unwrap()
            .unwrap();
        let history = self.world.history(self.ids[n]).await;
        self.check_path(n, &history)?;
        self.check_end(n, &execution)?;
        self.check_devices(n)
    }

    /// The history is the walk, and the walk is the table's.
    fn check_path(&self, n: usize, history: &[HistoryRow]) -> Result<(), String> {
        let walk = &self.upgrades[n].walk;
        let walked: Vec<_> = history.iter().map(|row| (row.from, row.outcome)).collect();
        same("the walk", &walked, &walk.steps)?;
        for (row, seq) in history.iter().zip(1..) {
            same("the number", &row.seq, &seq)?;
            same(
                "the arrow",
                &Ok(row.to),
                &next(row.from, walk.case, row.outcome),
            )?;
            let failed = row.outcome == Outcome::Failure;
            same("a failure", &row.failure.is_some(), &failed)?;
        }
        Ok(())
    }

    fn check_end(&self, n: usize, execution: &Execution) -> Result<(), String> {
        let upgrade = &self.upgrades[n];
        let walk = &upgrade.walk;
        same("the verdict", &execution.verdict, &Some(walk.verdict()))?;
        same(
            "failed_state",
            &execution.failed_state,
            &walk.failed().last().copied(),
        )?;
        let decided = walk.outcome(State::TpvmConfigValidation) == Some(Outcome::Success);
        same("the case", &execution.case, &decided.then_some(walk.case))?;
        same("a claim", &execution.claimed_by, &None)?;
        same(
            "a failure",
            &execution.failure.is_some(),
            &!walk.failed().is_empty(),
        )?;
        if walk.verdict() == Verdict::Reverted {
            let detail = execution.detail.as_deref().unwrap_or_default();
            same(
                "reverted to 4.2.4, it says",
                &detail.contains("4.2.4"),
                &true,
            )?;
        }
        let Some(failure) = &execution.failure else {
            return Ok(());
        };
        for (state, way) in &upgrade.ways {
            if !failure.cause.contains(way.cause) {
                return Err(format!("the cause does not tell of {state}: {failure:?}"));
            }
        }
        if failure.remedy.is_empty() {
            return Err(format!("no remedy: {failure:?}"));
        }
        Ok(())
    }

    fn check_devices(&self, n: usize) -> Result<(), String> {
        let upgrade = &self.upgrades[n];
        let (before, after) = (&self.before[n], self.world.standby(n).state());
        same("the effects", &self.world.effects(n), &upgrade.effects())?;
        let others = self.world.active(n).counts().effects;
        let others: Vec<_> = others.keys().filter(|call| *call != "ssh-login").collect();
        same("effects on the active node's switch", &others, &Vec::new())?;
        match upgrade.walk.verdict() {
            Verdict::Succeeded => {
                let version = after.tpvm_version.as_deref();
                same(
                    "the device",
                    &(version, after.running),
                    &(Some("4.2.5"), true),
                )?;
                let nodes = self.world.efa(n).state().nodes;
                let up = nodes.iter().all(|node| node.status == "up");
                same("EFA up on all nodes", &up, &true)
            }
            Verdict::Reverted => same("the device", &lasting(&after), &lasting(before)),
            Verdict::Failed => match upgrade.walk.failed()[..] {
                [State::DeviceValidation | State::TpvmConfigValidation] => {
                    same("the device", &after, before)
                }
                _ => Ok(()),
            },
            Verdict::RevertFailed | Verdict::Cancelled => Ok(()),
        }
    }

    /// Each change of state was told in its order, the end with all that matters.
    async fn check_events(&self, n: usize) -> Result<(), String> {
        let walk = &self.upgrades[n].walk;
        let events = self.told.of(self.ids[n]);
        let told: Vec<_> = events
            .iter()
            .map(|event| (event.seq, event.from_state, event.state))
            .collect();
        let history = self.world.history(self.ids[n]).await;
        let recorded: Vec<_> = history
            .iter()
            .map(|row| (row.seq, row.from, row.to))
            .collect();
        same("the events", &told, &recorded)?;
        let end = events.last().ok_or("no event")?;
        let failed = walk.failed();
        same("the last event", &end.kind, &EventKind::Finished)?;
        same("its verdict", &end.verdict, &Some(walk.verdict()))?;
        let update_state = if failed.is_empty() {
            UpdateState::Completed
        } else {
            UpdateState::Failed
        };
        same("its update_state", &end.update_state, &update_state)?;
        let failed_state = failed.last().map(|state| state.failed_slug());
        same(
            "its failed_state",
            &end.failed_state,
            &failed_state.unwrap_or_default(),
        )?;
        same(
            "its remedy",
            &end.detailed_status.contains("Remedy: "),
            &!failed.is_empty(),
        )
    }

    async fn check_secrets(&self) {
        let mut everything = self.world.logs();
        for id in &self.ids {
            everything += &format!("{:?}", self.world.history(*id).await);
        }
        for secret in self.world.secrets() {
            assert!(!everything.contains(&secret), "a secret shows");
        }
    }
}

fn deployment(upgrade: &Upgrade) -> DeploymentOptions {
    DeploymentOptions {
        standby: match upgrade.walk.case {
            Case::NormalUpgrade => Standby::Installed,
            Case::NodeReplacement => Standby::Replaced,
        },
        ..DeploymentOptions::default()
    }
}

/// The device without the accounts of what was done to it.
fn lasting(device: &SwitchState) -> SwitchState {
    SwitchState {
        snapshot: None,
        tags: Vec::new(),
        ..device.clone()
    }
}

fn same<T: Debug + PartialEq>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: {found:?}, and not {expected:?}"))
}

/// What the events exchange tells.
struct Told {
    events: Arc<Mutex<Vec<Event>>>,
    listener: JoinHandle<()>,
}

impl Told {
    async fn listen(world: &World) -> Self {
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
    fn of(&self, id: Uuid) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for event in self.events.lock().unwrap().iter() {
            let known = events.iter().any(|known| known.seq == event.seq);
            if event.execution_id == id && !known {
                events.push(event.clone());
            }
        }
        events
    }

    async fn end_of(&self, id: Uuid) {
        until_within(patience(), "the event of the end", || async {
            let last = self.of(id).into_iter().next_back();
            last.and_then(|event| event.verdict).map(|_| ())
        })
        .await;
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
