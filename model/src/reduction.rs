//! Worlds that differ only in what nobody will look at again are one.

use crate::courier::Message;
use crate::device::{Efa, Kind, Phase, Site};
use crate::ledger::{Execution, Id, Intent};
use crate::states::MAX_DEATHS;
use crate::world::World;
use schemas::State;

impl World {
    /// Forgets differences that make none.
    pub(crate) fn reduce(&mut self) {
        self.sort_workers();
        for id in 0..self.ledger.executions.len() {
            self.ledger.executions[id].forget_intents();
            self.forget_deaths(id);
            if self.is_over(id) {
                self.file(id);
            }
        }
    }

    /// Deaths make a difference only while enough of them may follow.
    fn forget_deaths(&mut self, id: Id) {
        let row = &mut self.ledger.executions[id];
        if row.deaths.saturating_add(self.faults_left) < MAX_DEATHS {
            row.deaths = 0;
        }
    }

    /// Workers are alike: which of them does what makes no difference.
    fn sort_workers(&mut self) {
        if self.workers.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.workers.len()).collect();
        order.sort_by_key(|worker| self.workers[*worker]);
        for command in &mut self.wire {
            let place = |worker| order.iter().position(|other| *other == worker);
            command.sender = command.sender.and_then(place);
        }
        self.wire.sort_unstable();
        self.workers.sort_unstable();
    }

    /// Whether an execution has ended, all of it was told, and nothing refers to it any more.
    fn is_over(&self, id: Id) -> bool {
        let row = &self.ledger.executions[id];
        let names = |message: &Message| {
            matches!(message, Message::Step { id: its, .. } if *its == id)
                || *message == Message::Request(row.request)
        };
        let site = &self.sites[row.deployment];
        let works = matches!(site.phase, Phase::Working(work) if work.id == id)
            || site.efa == Efa::Deploying(id);
        row.end_announced
            && row.backlog.is_none()
            && self.witness.told_all(id, row.seq)
            && !self.courier.all().iter().any(names)
            && !self
                .workers
                .iter()
                .flatten()
                .any(|task| names(&task.message))
            && !self.wire.iter().any(|command| command.id == id)
            && !works
    }

    /// How an execution came to its end makes no difference to those that follow.
    fn file(&mut self, id: Id) {
        let row = &mut self.ledger.executions[id];
        if row.is_filed() {
            return;
        }
        *row = Execution {
            seq: 0,
            state: State::WorkflowFinished,
            case: None,
            intents: [None; Kind::COUNT],
            redeploy_id: false,
            attempts: 0,
            deaths: 0,
            taken_up: false,
            history: Vec::new(),
            ..*row
        };
        self.witness.forget(id);
    }
}

impl Execution {
    /// Whether its past is forgotten.
    pub(crate) fn is_filed(&self) -> bool {
        self.history.is_empty()
    }

    /// Of an intent whose step is over, only that it was there is looked at again.
    fn forget_intents(&mut self) {
        let current = Kind::of(self.state);
        for kind in Kind::ALL {
            if let Some(intent) = &mut self.intents[kind as usize]
                && current != Some(kind)
            {
                *intent = Intent {
                    sends: intent.sends.min(1),
                    written: 0,
                    baseline: Site::installed().baseline(),
                };
            }
        }
    }
}
