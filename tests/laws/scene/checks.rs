//! All that a user can see of each upgrade at its end, against the walk that must come of it.

use std::fmt::Debug;

use ledger::{Execution, HistoryRow};
use schemas::{EventKind, Outcome, State, UpdateState, Verdict, next};
use simulator::SwitchState;

use super::Scene;

impl Scene {
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
