//! The driver of one schedule: one thing moves at a time, and the order decides which.

mod agenda;
mod faults;
mod judging;
mod messages;
mod passing;
mod process;
mod time;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use uuid::Uuid;
use worker::config::Config;

use crate::fleet::inventory;
use crate::laws::{Held, broken};
use crate::point::Point;
use crate::schedule::Schedule;
use crate::stage::{Counts, Report, Stage, config};
use crate::world::{Waiting, World};
use agenda::Agenda;
use faults::{Away, Faults};
use process::Process;
use time::Clock;

/// More steps than any schedule takes that gets on.
const MOST_STEPS: u64 = 40_000;

/// A schedule that runs.
pub(crate) struct Run<'a> {
    stage: &'a mut Stage,
    schedule: &'a Schedule,
    config: Arc<Config>,
    world: World,
    rng: Rng,
    workers: Vec<Process>,
    agenda: Agenda,
    faults: Faults,
    away: Away,
    clock: Clock,
    /// When the ledger has something to announce, if ever; unknown after a statement.
    due: Option<Option<Duration>>,
    /// The upgrades that have ended, in that order.
    finished: Vec<Uuid>,
    counts: Counts,
}

/// What can be done next.
#[derive(Clone, Copy, Debug)]
enum Move {
    LetGo(usize),
    Deliver(u64),
    AskWhatIsDue,
}

impl<'a> Run<'a> {
    pub(crate) fn new(stage: &'a mut Stage, schedule: &'a Schedule) -> anyhow::Result<Self> {
        let known = |fabric| fabric < schedule.fabrics.len();
        let mut requests = schedule.requests.iter();
        anyhow::ensure!(
            requests.all(|request| known(request.fabric)),
            "a request names a fabric that there is not"
        );
        anyhow::ensure!(
            (1..=stage.benches.len()).contains(&schedule.workers),
            "there can be 1 to {} workers",
            stage.benches.len()
        );
        let inventory = inventory(schedule)?;
        let Stage {
            driver,
            database,
            benches,
            ..
        } = &mut *stage;
        let bench = &benches[0];
        // The pools' sockets belong to their own runtimes.
        driver.block_on(database.begin())?;
        bench.block_on(bench.ledger.load_inventory(&inventory))?;
        let mut run = Self {
            world: World::new(schedule),
            rng: Rng::with_seed(schedule.order),
            workers: (0..schedule.workers).map(|_| Process::default()).collect(),
            config: Arc::new(config(schedule.hurried)),
            stage,
            schedule,
            agenda: Agenda::of(&schedule.requests),
            faults: Faults::of(&schedule.faults),
            away: Away::default(),
            clock: Clock::default(),
            due: None,
            finished: Vec::new(),
            counts: Counts::default(),
        };
        for bench in &run.stage.benches {
            bench.enter(Some(run.world.clone()));
        }
        for worker in 0..run.workers.len() {
            run.start(worker)?;
        }
        Ok(run)
    }

    /// Runs it, and leaves the stage as it was.
    pub(crate) fn run(mut self) -> anyhow::Result<Report> {
        let held = self.drive()?;
        for worker in 0..self.workers.len() {
            self.end(worker);
        }
        for bench in &self.stage.benches {
            bench.enter(None);
        }
        self.counts.time = self.clock.now;
        self.counts.passed = self.faults.passed();
        let log = std::mem::take(&mut self.world.state().log);
        Ok(Report {
            violation: held.err(),
            log,
            counts: self.counts,
        })
    }

    fn drive(&mut self) -> anyhow::Result<Held> {
        for _ in 0..MOST_STEPS {
            self.clear_away();
            if let Some(dying) = self.dying() {
                let secs = self.workers[dying].replaced_after;
                self.kill(dying, secs);
                continue;
            }
            let moves = self.moves();
            if moves.is_empty() && self.is_over()? {
                return self.judge_the_end();
            }
            let held = if moves.is_empty() {
                self.pass_time()?
            } else {
                match moves[self.rng.usize(0..moves.len())] {
                    Move::LetGo(index) => self.let_go(index)?,
                    Move::Deliver(id) => self.deliver(id),
                    Move::AskWhatIsDue => self.ask_what_is_due(),
                }
            };
            if held.is_err() {
                return Ok(held);
            }
        }
        let state = self.world.state();
        let waiting: Vec<_> = state.waiting.iter().map(|waiting| waiting.point).collect();
        Ok(broken(
            "every schedule ends",
            format!("{MOST_STEPS} steps; {waiting:?}"),
        ))
    }

    /// What can be done now. The order of the list does not depend on chance.
    fn moves(&self) -> Vec<Move> {
        let now = self.clock.now;
        let mut moves = self.who_can_go_on();
        let takers = self.workers.iter().any(Process::takes_messages);
        if takers && !self.away.courier(now) {
            let ready = self.world.state().queues.ready(now);
            moves.extend(ready.into_iter().map(Move::Deliver));
        }
        let is_due = matches!(self.due, Some(Some(due)) if due <= now);
        if is_due && self.workers.iter().any(|worker| worker.asks(now)) {
            moves.push(Move::AskWhatIsDue);
        }
        moves
    }

    /// Those who wait at a point, and whose worker runs.
    fn who_can_go_on(&self) -> Vec<Move> {
        let state = self.world.state();
        let mut seen = HashSet::new();
        let mut waiting: Vec<usize> = (0..state.waiting.len())
            .filter(|index| {
                let Waiting {
                    worker,
                    point,
                    request,
                    ..
                } = &state.waiting[*index];
                // What one worker publishes goes one after the other, on one channel.
                let in_turn =
                    !matches!(point, Some(Point::Publish(_))) || seen.insert((*worker, *request));
                in_turn && self.workers[*worker].is_running()
            })
            .collect();
        waiting.sort_by_key(|index| {
            let waiting = &state.waiting[*index];
            (waiting.worker, waiting.request, waiting.point)
        });
        waiting.into_iter().map(Move::LetGo).collect()
    }

    /// Whether nothing more can come: all is answered, ended and announced, and all queues are
    /// empty.
    fn is_over(&mut self) -> anyhow::Result<bool> {
        let busy = self.workers.iter().any(Process::handles_messages);
        let state = self.world.state();
        let quiet = state.queues.is_empty() && state.on_the_way.is_empty();
        drop(state);
        let over = quiet && !busy && !self.agenda.has_requests();
        Ok(over && self.due()?.is_none())
    }

    fn one_of(&mut self, which: impl Fn(&Process) -> bool) -> Option<usize> {
        let workers = 0..self.workers.len();
        let fit: Vec<usize> = workers
            .filter(|index| which(&self.workers[*index]))
            .collect();
        (!fit.is_empty()).then(|| fit[self.rng.usize(0..fit.len())])
    }

    fn say(&self, text: impl AsRef<str>) {
        self.world.state().say(text);
    }
}
