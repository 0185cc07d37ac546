//! Upgrade requests: accepted once, and always answered.

use crate::courier::Message;
use crate::ledger::Acceptance;
use crate::rules::Rules;
use crate::worker::{Announcement, Stage};
use crate::world::World;

impl World {
    /// Accepts a request, and announces what follows if nobody else has.
    pub(crate) fn handle_request(&mut self, rules: Rules, worker: usize) -> Option<()> {
        let Message::Request(request) = self.workers[worker]?.message else {
            return None;
        };
        let deployment = self.requesters[request].deployment;
        let stage = match self.ledger.accept(rules, request, deployment) {
            Acceptance::Accepted { id, duplicate } => {
                let not_begun = self.ledger.executions[id].seq == 1;
                if !duplicate || not_begun {
                    Stage::Announce(Announcement { id, seq: 1 })
                } else {
                    Stage::Answer
                }
            }
            Acceptance::Busy => Stage::Answer,
        };
        self.go_on(worker, stage);
        Some(())
    }

    pub(crate) fn answer(&mut self, worker: usize) -> Option<()> {
        let Message::Request(request) = self.workers[worker]?.message else {
            return None;
        };
        self.requesters[request].answered = true;
        self.requesters[request].lost = false;
        self.go_on(worker, Stage::Ack);
        Some(())
    }
}
