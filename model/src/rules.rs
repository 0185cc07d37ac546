//! The rules of the protocol. Each can be turned off, to see what it is for.

use clap::ValueEnum;

/// One rule of the protocol, or one assumption about the world outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Rule {
    /// A write names the claim's token; it does nothing once somebody else has claimed the step.
    FenceByToken,
    /// A write names the step's number; it does nothing once the step is recorded.
    FenceBySeq,
    /// A message is taken for the step that it names, and for no other.
    ClaimByStep,
    /// A step that somebody holds is not claimed by others before the claim runs out.
    ClaimsExclude,
    /// A command is noted in the ledger before it is sent.
    IntentFirst,
    /// The device is looked at before a command is sent.
    ObserveFirst,
    /// A device without a trace of a command is believed only once the command can't be on its
    /// way any more.
    SettleBeforeResend,
    /// Whether there is still time to send is checked immediately before the command is written.
    CheckBeforeWrite,
    /// An intent's time is not earlier than its note: neither the answer to the claim nor a
    /// process that stood still can make it look older than it is.
    DateByNote,
    /// A step fails only once its command can't be on its way any more.
    FailWhenSettled,
    /// A look at a device that takes several commands sees one state of it: what it does is asked
    /// first and last.
    SteadyLook,
    /// That a device has accepted a command is no success yet: it has to show one.
    ShownNotSaid,
    /// A command is sent `max_sends` times in all.
    MaxSends,
    /// Only commands that were written count as sent, not intents of workers that died.
    CountKnown,
    /// A step whose workers died so often in a row fails its state without being run again.
    MaxDeaths,
    /// A step ends when its time is over.
    Deadline,
    /// A result is recorded before others are told.
    RecordFirst,
    /// A message is acknowledged last.
    AckLast,
    /// Accepting a request sets `wake_at`.
    WakeOnAccept,
    /// Claiming a step sets `wake_at`.
    WakeOnClaim,
    /// A wait sets `wake_at`.
    WakeOnWait,
    /// Recording a step sets `wake_at`.
    WakeOnRecord,
    /// A due step that nobody has taken up is announced with its event.
    AnnounceUntaken,
    /// The ledger's loop announces ends that nobody has announced.
    AnnounceEnds,
    /// The ledger keeps an event that was refused.
    KeepRefused,
    /// One unfinished upgrade in a deployment.
    OneUnfinished,
    /// A request id is accepted once.
    RequestIdOnce,
    /// Assumption: a command that is on its way arrives, or is lost, within the command timeout.
    /// With the check before the write, an intent older than `settle` has none on its way.
    WireBounded,
}

impl Rule {
    /// The name on the command line.
    pub fn name(self) -> String {
        // No variant is skipped, so each has a name.
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Which rules hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    off: u32,
}

impl Rules {
    /// All of them, as in the product.
    pub const fn all() -> Self {
        Self { off: 0 }
    }

    /// The same, but for one.
    #[must_use]
    pub const fn without(self, rule: Rule) -> Self {
        Self {
            off: self.off | 1 << rule as u32,
        }
    }

    /// Whether a rule holds.
    pub const fn hold(self, rule: Rule) -> bool {
        self.off & 1 << rule as u32 == 0
    }
}
