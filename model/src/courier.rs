//! The courier: messages that wait for a worker, in any order. Nothing that it does is trusted:
//! the model loses, doubles and reorders them.

use schemas::State;

use crate::ledger::Id;

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Message {
    /// Upgrade, please.
    Request(usize),
    /// Look at this execution, at this step.
    Step {
        /// The execution.
        id: Id,
        /// The step's number.
        seq: u8,
        /// The state that it names.
        state: State,
    },
}

/// The messages that wait, sorted: their order means nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Courier {
    ready: Vec<Message>,
}

impl Courier {
    /// Takes a message that a worker publishes, or that comes back unacknowledged. Two copies are
    /// as many as the model tells apart.
    pub fn publish(&mut self, message: Message) {
        if self.copies(message) == 2 {
            return;
        }
        let at = self.ready.partition_point(|other| *other < message);
        self.ready.insert(at, message);
    }

    /// Gives a message away.
    pub fn take(&mut self, message: Message) {
        if let Ok(at) = self.ready.binary_search(&message) {
            self.ready.remove(at);
        }
    }

    /// How many copies of a message wait.
    pub fn copies(&self, message: Message) -> usize {
        self.ready.iter().filter(|other| **other == message).count()
    }

    /// Each message that waits, once.
    pub fn distinct(&self) -> impl Iterator<Item = Message> {
        let first = |at: &usize| *at == 0 || self.ready[*at] != self.ready[*at - 1];
        (0..self.ready.len()).filter(first).map(|at| self.ready[at])
    }

    /// Every message that waits.
    pub fn all(&self) -> &[Message] {
        &self.ready
    }

    /// Drops messages that nobody will act on.
    pub fn drop_stale(&mut self, stale: impl Fn(&Message) -> bool) {
        self.ready.retain(|message| !stale(message));
    }

    /// Loses everything.
    pub fn clear(&mut self) {
        self.ready.clear();
    }
}
