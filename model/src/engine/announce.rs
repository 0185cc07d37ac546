//! Telling others what the ledger recorded: by the worker that recorded it, by whoever finds it
//! recorded, or by the ledger's loop.

use schemas::State;

use crate::ledger::Id;
use crate::rules::{Rule, Rules};
use crate::witness::Foul;
use crate::worker::{Announcement, Stage};
use crate::world::{World, step};

impl World {
    /// The event of a move goes first.
    pub(crate) fn announce(&mut self, worker: usize) -> Option<()> {
        let Stage::Announce(told) = self.stage(worker)? else {
            return None;
        };
        let row = &self.ledger.executions[told.id];
        let recorded = row.history.iter().find(|a_move| a_move.seq == told.seq);
        let ended = recorded.is_some_and(|a_move| a_move.to == State::WorkflowFinished);
        if recorded.is_none() {
            self.finish_message(worker);
            return Some(());
        }
        // Behind earlier events that wait, it waits too.
        if row.backlog.is_some() {
            return self.left_to_the_loop(worker, told);
        }
        self.tell(told.id, told.seq);
        self.go_on(
            worker,
            if ended {
                Stage::EndAnnounced(told)
            } else {
                Stage::Publish(told)
            },
        );
        Some(())
    }

    /// A queue refuses the event.
    pub(crate) fn refuse_event(&mut self, rules: Rules, worker: usize) -> Option<()> {
        let Stage::Announce(told) = self.stage(worker)? else {
            return None;
        };
        match rules.hold(Rule::KeepRefused) {
            true => self.go_on(worker, Stage::Defer(told)),
            false => self.left_to_the_loop(worker, told)?,
        }
        Some(())
    }

    /// The ledger keeps a refused event.
    pub(crate) fn defer_events(&mut self, worker: usize) -> Option<()> {
        let Stage::Defer(told) = self.stage(worker)? else {
            return None;
        };
        self.ledger.defer_events(told.id, told.seq);
        self.left_to_the_loop(worker, told)
    }

    /// The event is somebody else's; the step goes on.
    fn left_to_the_loop(&mut self, worker: usize, told: Announcement) -> Option<()> {
        let row = &self.ledger.executions[told.id];
        let moved = row.history.iter().find(|a_move| a_move.seq == told.seq)?;
        match moved.to {
            State::WorkflowFinished => self.finish_message(worker),
            _ => self.go_on(worker, Stage::Publish(told)),
        }
        Some(())
    }

    /// The ledger's loop: events that were refused, in their order.
    pub(crate) fn publish_backlog(&mut self, id: Id) -> Option<()> {
        let row = &self.ledger.executions[id];
        for seq in row.backlog?..=row.seq {
            self.tell(id, seq);
        }
        self.ledger.events_published(id);
        Some(())
    }

    /// The next step's message.
    pub(crate) fn publish(&mut self, worker: usize) -> Option<()> {
        let Stage::Publish(Announcement { id, seq }) = self.stage(worker)? else {
            return None;
        };
        let moved = self.ledger.executions[id]
            .history
            .iter()
            .find(|a_move| a_move.seq == seq)?;
        self.courier.publish(step(id, seq, moved.to));
        self.finish_message(worker);
        Some(())
    }

    /// The event of an end was confirmed.
    pub(crate) fn end_announced(&mut self, worker: usize) -> Option<()> {
        let Stage::EndAnnounced(end) = self.stage(worker)? else {
            return None;
        };
        self.ledger.end_announced(end.id);
        self.finish_message(worker);
        Some(())
    }

    /// The ledger's loop: ends that nobody has announced.
    pub(crate) fn publish_ends(&mut self, id: Id) {
        self.tell(id, self.ledger.executions[id].seq);
        self.ledger.end_announced(id);
    }

    /// The ledger's loop: a step that nobody has taken up may never have been announced.
    pub(crate) fn publish_due(&mut self, rules: Rules, id: Id) {
        let row = &self.ledger.executions[id];
        let (seq, state, untaken) = (row.seq, row.state, !row.taken_up);
        if untaken && rules.hold(Rule::AnnounceUntaken) {
            self.tell(id, seq);
        }
        self.courier.publish(step(id, seq, state));
    }

    /// An event is published.
    pub(crate) fn tell(&mut self, id: Id, seq: u8) {
        self.witness.tell(id, seq);
        if self.ledger.executions[id].seq < seq {
            self.foul(Foul::ToldUnrecorded);
        }
    }
}
