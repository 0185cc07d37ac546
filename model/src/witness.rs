//! What the checker remembers beside the protocol, to judge it.

use crate::device::Kind;
use crate::ledger::Id;
use crate::states::MAX_SENDS;

/// What was told and what took effect; no part of the protocol sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// By execution.
    executions: Vec<Seen>,
    /// The first thing that must not happen.
    pub foul: Option<Foul>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Seen {
    /// The moves whose event was published, one bit for each.
    told: u16,
    /// How often each kind of command took effect.
    effects: [u8; Kind::COUNT],
    /// How often each was sent, up to the number that is allowed.
    sent: [u8; Kind::COUNT],
}

/// Something that must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Foul {
    /// A worker wrote to a step that somebody else holds.
    WroteWithoutClaim,
    /// The workflow has no arrow for what was to be recorded, or the row stands elsewhere.
    LeftTheTable,
    /// A message of ours is for a step that the ledger has not reached.
    SetAside,
    /// A command took effect after its step had ended.
    LateEffect,
    /// An event tells of a move that is not in the ledger.
    ToldUnrecorded,
    /// A device at work was taken for one that has failed, or is done.
    MisreadDevice,
    /// An upgrade ended well on a device that is not well.
    FalseVerdict,
    /// A step failed since its command had no effect, and it was not sent as often as is allowed.
    GaveUpEarly,
    /// A step was run again at which as many workers in a row had died as may.
    RunAfterDeaths,
}

impl Witness {
    /// Whether nothing that follows is of interest. A write without a claim is let go on, to see
    /// where it leads.
    pub fn is_final(&self) -> bool {
        self.foul
            .is_some_and(|foul| foul != Foul::WroteWithoutClaim)
    }

    /// The event of a move was published.
    pub fn tell(&mut self, id: Id, seq: u8) {
        self.of(id).told |= 1 << seq;
    }

    /// Whether the events of the moves 1 to `seq` were published.
    pub fn told_all(&self, id: Id, seq: u8) -> bool {
        let all = (1_u16 << (seq + 1)) - 2;
        self.executions
            .get(id)
            .is_some_and(|seen| seen.told & all == all)
    }

    /// A command was sent.
    pub fn sent(&mut self, id: Id, kind: Kind) {
        let sent = &mut self.of(id).sent[kind as usize];
        *sent = MAX_SENDS.min(*sent + 1);
    }

    /// Whether a command was sent as often as is allowed.
    pub fn sent_in_full(&self, id: Id, kind: Kind) -> bool {
        let seen = self.executions.get(id);
        seen.is_some_and(|seen| seen.sent[kind as usize] >= MAX_SENDS)
    }

    /// A command took effect.
    pub fn effect(&mut self, id: Id, kind: Kind) {
        let effects = &mut self.of(id).effects[kind as usize];
        *effects = effects.saturating_add(1);
    }

    /// The device shows that nothing came of it.
    pub fn no_effect(&mut self, id: Id, kind: Kind) {
        let effects = &mut self.of(id).effects[kind as usize];
        *effects = effects.saturating_sub(1);
    }

    /// An execution is over.
    pub(crate) fn forget(&mut self, id: Id) {
        *self.of(id) = Seen::default();
    }

    /// Whether any command took effect more than once for one upgrade.
    pub fn twice(&self) -> bool {
        let mut effects = self.executions.iter().flat_map(|seen| seen.effects);
        effects.any(|times| times > 1)
    }

    fn of(&mut self, id: Id) -> &mut Seen {
        if self.executions.len() <= id {
            self.executions.resize(id + 1, Seen::default());
        }
        &mut self.executions[id]
    }
}
