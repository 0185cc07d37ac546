//! The processes of the workers: started, stopped, killed and replaced.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Engine, Surroundings};

use super::Run;
use super::agenda::Event;
use crate::courier::Connection;
use crate::sites::{COMMAND_TIMEOUT, Ways};

/// A worker's process.
#[derive(Default)]
pub(super) struct Process {
    pub(super) engine: Option<Engine>,
    halt: CancellationToken,
    /// The messages that it handles.
    pub(super) tasks: Vec<JoinHandle<()>>,
    /// It asks what is due.
    pub(super) round: Option<JoinHandle<()>>,
    /// It does not ask again what is due before that.
    pub(super) next_round: Duration,
    lives: u32,
    /// It stands still; its clock is so far behind.
    pub(super) stalled: Option<Duration>,
    /// It was told to stop, and is replaced so long after its end.
    pub(super) stopping: Option<u32>,
    /// After its next statement it is killed, and replaced so much later.
    pub(super) doomed: Option<u32>,
    /// How long after a death in the middle it is replaced.
    pub(super) replaced_after: u32,
}

impl Process {
    pub(super) fn is_running(&self) -> bool {
        self.engine.is_some() && self.stalled.is_none()
    }

    pub(super) fn takes_messages(&self) -> bool {
        self.is_running() && self.stopping.is_none()
    }

    pub(super) fn handles_messages(&self) -> bool {
        !self.tasks.is_empty()
    }

    pub(super) fn asks(&self, now: Duration) -> bool {
        self.takes_messages() && self.round.is_none() && self.next_round <= now
    }

    pub(super) fn has_work(&self) -> bool {
        self.handles_messages() || self.round.is_some()
    }

    /// Someone in it is at work, and sleeps if nobody waits at a point.
    pub(super) fn is_at_work(&self) -> bool {
        self.is_running() && self.has_work()
    }
}

impl Run<'_> {
    pub(super) fn start(&mut self, index: usize) -> anyhow::Result<()> {
        let (world, worker) = (self.world.clone(), index);
        let around = Surroundings {
            ledger: self.stage.benches[index].ledger.clone(),
            secrets: self.stage.secrets.clone(),
            sites: Arc::new(Ways {
                world: world.clone(),
                worker,
            }),
            dialect: self.stage.dialect.clone(),
            timing: self.config.timing.clone(),
            minimum_slx: self.config.slx.minimum_version.parse()?,
            longest_command: COMMAND_TIMEOUT,
            claim: self.config.worker.claim,
        };
        let lives = self.workers[index].lives + 1;
        let halt = CancellationToken::new();
        let courier = Arc::new(Connection { world, worker });
        let config = self.config.clone();
        let name = name(index, lives);
        let engine = Engine::new(around, courier, config, &name, halt.clone());
        self.workers[index] = Process {
            engine: Some(engine),
            halt,
            lives,
            ..Process::default()
        };
        self.say(format!("w{index} starts"));
        Ok(())
    }

    /// Its name in the ledger.
    pub(super) fn name(&self, index: usize) -> String {
        name(index, self.workers[index].lives)
    }

    pub(super) fn stop(&mut self, index: usize) {
        self.workers[index].halt.cancel();
        self.stage.benches[index].run();
    }

    pub(super) fn kill(&mut self, index: usize, secs: u32) {
        self.say(format!("w{index} is dead"));
        self.end(index);
        self.plan(secs, Event::Start(index));
    }

    /// Ends a process: whatever it was about to do is not done.
    pub(super) fn end(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        for task in worker.tasks.drain(..).chain(worker.round.take()) {
            task.abort();
        }
        *worker = Process {
            lives: worker.lives,
            ..Process::default()
        };
        self.world.state().queues.give_back_all(Some(index));
        // The lanes of its ledger go on with what was asked for before; nobody listens.
        while self.drop_waiting(index) {
            self.stage.benches[index].run();
        }
        self.due = None;
    }

    fn drop_waiting(&mut self, index: usize) -> bool {
        let mut state = self.world.state();
        let before = state.waiting.len();
        state.waiting.retain(|waiting| waiting.worker != index);
        state.waiting.len() < before
    }

    /// A worker that is to be killed now.
    pub(super) fn dying(&self) -> Option<usize> {
        let state = self.world.state();
        let dying = state.waiting.iter().find(|waiting| waiting.point.is_none());
        dying.map(|waiting| waiting.worker)
    }

    /// Forgets tasks that have ended, and processes that have stopped.
    pub(super) fn clear_away(&mut self) {
        let mut state = self.world.state();
        state.waiting.retain(|waiting| !waiting.release.is_closed());
        drop(state);
        for index in 0..self.workers.len() {
            let worker = &mut self.workers[index];
            worker.tasks.retain(|task| !task.is_finished());
            if worker.round.as_ref().is_some_and(JoinHandle::is_finished) {
                worker.round = None;
            }
            if let Some(secs) = worker.stopping
                && worker.tasks.is_empty()
                && worker.is_running()
            {
                self.say(format!("w{index} has stopped"));
                self.end(index);
                self.plan(secs, Event::Start(index));
            }
        }
    }
}

fn name(index: usize, lives: u32) -> String {
    format!("worker-{index}.{lives}")
}
