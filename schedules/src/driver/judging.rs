//! When the laws are asked, and what they are shown.

use uuid::Uuid;

use super::Run;
use crate::database::{Holding, Stands};
use crate::laws::{self, Held, broken};
use crate::point::Point;
use crate::stage::Stage;
use crate::world::request_number;

impl Run<'_> {
    /// Judges what was accepted or recorded just now.
    pub(super) fn look_at_the_ledger(&mut self) -> anyhow::Result<Held> {
        let Stage {
            driver, database, ..
        } = &*self.stage;
        let executions = driver.block_on(database.executions())?;
        let mut state = self.world.state();
        for stands in &executions {
            let Some(request) = request_number(stands.request_id) else {
                continue;
            };
            state.executions.insert(stands.id, request);
            if stands.verdict.is_some() && !self.finished.contains(&stands.id) {
                self.finished.push(stands.id);
                let plant = &state.plants[self.schedule.requests[request].fabric];
                let held = laws::verdict(plant, self.clock.now, stands, Some(request));
                if held.is_err() {
                    return Ok(held);
                }
            }
        }
        Ok(laws::always(&state, &executions))
    }

    /// The steps that somebody else holds, or nobody, before a worker writes to its own.
    pub(super) fn steps_of_others(
        &self,
        worker: usize,
        point: Point,
    ) -> anyhow::Result<Vec<Holding>> {
        if !point.is_holders() {
            return Ok(Vec::new());
        }
        let Stage {
            driver, database, ..
        } = &*self.stage;
        let mut holdings = driver.block_on(database.holdings())?;
        let own = Some(self.name(worker));
        holdings.retain(|holding| holding.by != own);
        Ok(holdings)
    }

    /// Whether these are as they were.
    pub(super) fn untouched(
        &self,
        worker: usize,
        point: Point,
        others: &[Holding],
    ) -> anyhow::Result<Held> {
        if others.is_empty() {
            return Ok(Ok(()));
        }
        let Stage {
            driver, database, ..
        } = &*self.stage;
        let now = driver.block_on(database.holdings())?;
        let touched = others.iter().find(|before| !now.contains(before));
        Ok(match touched {
            None => Ok(()),
            Some(before) => broken(
                "who does not hold a step writes nothing to it",
                format!("{point} by {}: {before:?}", self.name(worker)),
            ),
        })
    }

    pub(super) fn judge_the_end(&mut self) -> anyhow::Result<Held> {
        let Stage {
            driver, database, ..
        } = &*self.stage;
        let executions = driver.block_on(database.executions())?;
        let moves = driver.block_on(database.moves())?;
        let text = driver.block_on(database.text())?;
        let state = self.world.state();
        for stands in &executions {
            let verdict = stands.verdict.clone().unwrap_or_default();
            *self.counts.verdicts.entry(verdict).or_default() += 1;
        }
        let judged = || -> Held {
            laws::always(&state, &executions)?;
            laws::at_the_end(&state, self.schedule.requests.len(), &executions, &moves)?;
            laws::secrets(&state, &text)?;
            for stands in &executions {
                if let Some(request) = request_number(stands.request_id) {
                    let plant = &state.plants[self.schedule.requests[request].fabric];
                    let of_it = moves.iter().filter(|row| row.execution_id == stands.id);
                    laws::evidence(plant, request, &of_it.collect::<Vec<_>>())?;
                }
            }
            // Also when everything that was on its way has arrived. Which upgrade was the last,
            // the ledger's times do not tell: its clock may have jumped back.
            let in_order = |id: &Uuid| executions.iter().find(|stands| stands.id == *id);
            for (fabric, plant) in state.plants.iter().enumerate() {
                let of_it = |stands: &&Stands| {
                    let number = request_number(stands.request_id);
                    number.map(|number| self.schedule.requests[number].fabric) == Some(fabric)
                };
                let mut ended = self.finished.iter().filter_map(in_order);
                if let Some(last) = ended.rfind(of_it) {
                    let request = request_number(last.request_id);
                    laws::verdict(plant, self.clock.now, last, request)?;
                }
            }
            Ok(())
        };
        Ok(judged())
    }
}
