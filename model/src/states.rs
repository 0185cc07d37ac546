//! What the acting states do: look at the device, and decide by one rule whether to wait, to stop
//! or to send the command. As in `worker/src/states/`.

use schemas::{Case, State};

use crate::device::{Baseline, Efa, Phase, Site, Version};
use crate::ledger::{HeldStep, Intent};
use crate::rules::{Rule, Rules};

/// How often a command is sent in all.
pub const MAX_SENDS: u8 = 2;

/// How many workers in a row may die at a step. The product allows more.
pub const MAX_DEATHS: u8 = 2;

/// What a look at a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Performed {
    /// The state did what it is for, and may have decided the case.
    Done(Option<Case>),
    /// Look again later; the answer to the redeploy may be known now.
    Waiting {
        /// It is.
        redeploy_id: bool,
        /// The command was written just now.
        written: bool,
    },
    /// It failed, for good.
    Failed,
    /// Something passing: the same step again.
    Retry,
    /// The same, of a command that was surely not sent.
    NotSent,
    /// A command may or may not have taken effect.
    Unknown,
    /// It was not run, since worker after worker died at it.
    Died,
}

/// Nothing new; look again later.
pub const WAITING: Performed = Performed::Waiting {
    redeploy_id: false,
    written: false,
};

/// What the device shows of a long command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It did what it is for.
    Done,
    /// It is at it, or not yet settled.
    Working,
    /// It ended otherwise.
    Failed,
    /// There is no trace of it.
    NoTrace,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// This.
    Stop(Performed),
    /// The command is to be sent, for the nth time.
    Send(u8),
}

/// Whether a time has come. The model has no clock: whoever asks gets either answer, unless
/// something is known to come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Time {
    /// Not yet.
    NotYet,
    /// Yes.
    Over,
}

/// What `show tpvm status` said: the first part of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status {
    /// What the TPVM does.
    pub phase: Phase,
    /// The messages that stay.
    pub tags: u8,
}

impl Status {
    /// Asks the device.
    pub const fn of(site: &Site) -> Self {
        Self {
            phase: site.phase,
            tags: site.tags,
        }
    }
}

/// A state without a disruptive command, that finds everything in order.
pub fn validate(state: State, site: &Site) -> Performed {
    match (state, site.phase) {
        (State::TpvmConfigValidation, Phase::Working(_)) => WAITING,
        (State::TpvmConfigValidation, Phase::Running) => Performed::Done(Some(Case::NormalUpgrade)),
        (State::TpvmConfigValidation, Phase::NotInstalled) => {
            Performed::Done(Some(Case::NodeReplacement))
        }
        (State::TpvmConfigValidation, Phase::Stopped) => Performed::Failed,
        _ => Performed::Done(None),
    }
}

/// The TPVM as a look at it shows it.
struct Tpvm {
    status: Status,
    version: Version,
    snapshot: bool,
}

impl Tpvm {
    /// The second part of a look, and what both parts show together.
    fn read(rules: Rules, first: Status, site: &Site) -> Self {
        let last = Status::of(site);
        let status = match first.phase {
            Phase::Working(_) => first,
            _ if rules.hold(Rule::SteadyLook) => last,
            _ => first,
        };
        Self {
            status,
            version: site.version,
            snapshot: site.snapshot,
        }
    }

    fn working(&self) -> bool {
        matches!(self.status.phase, Phase::Working(_))
    }

    fn new_error(&self, before: &Baseline) -> bool {
        self.status.tags & !before.tags != 0
    }

    fn unchanged(&self, before: &Baseline) -> bool {
        !self.working()
            && self.snapshot == before.snapshot
            && self.version == before.version
            && !self.new_error(before)
    }
}

/// What the device, or EFA, shows of the state's command.
pub fn observe(rules: Rules, held: &HeldStep, first: Status, site: &Site) -> Seen {
    let tpvm = Tpvm::read(rules, first, site);
    let intent = held.intent.as_ref().map(|intent| &intent.baseline);
    match held.state {
        State::TpvmUpgrade => upgrade(&tpvm, intent),
        State::TpvmInstallation => installation(&tpvm, intent),
        State::TpvmRevert => revert(&tpvm, intent),
        State::EfaDeployPeerAndRejoin => redeploy(rules, held, &tpvm, site),
        // The others send nothing.
        _ => Seen::Done,
    }
}

fn upgrade(tpvm: &Tpvm, intent: Option<&Baseline>) -> Seen {
    let running = tpvm.status.phase == Phase::Running;
    match intent {
        _ if tpvm.working() => Seen::Working,
        None if running && tpvm.version == Version::New => Seen::Done,
        None => Seen::NoTrace,
        Some(before) if tpvm.new_error(before) => Seen::Failed,
        Some(before) if tpvm.unchanged(before) => Seen::NoTrace,
        Some(_) if !running => Seen::Working,
        Some(_) if tpvm.version == Version::New => Seen::Done,
        Some(_) => Seen::Failed,
    }
}

fn installation(tpvm: &Tpvm, intent: Option<&Baseline>) -> Seen {
    let error = intent.is_some_and(|before| tpvm.new_error(before));
    match tpvm.status.phase {
        Phase::Working(_) => Seen::Working,
        Phase::Running if tpvm.version == Version::New => Seen::Done,
        Phase::Running => Seen::Failed,
        _ if error => Seen::Failed,
        Phase::Stopped => Seen::Working,
        Phase::NotInstalled => Seen::NoTrace,
    }
}

fn revert(tpvm: &Tpvm, intent: Option<&Baseline>) -> Seen {
    let running = tpvm.status.phase == Phase::Running;
    match intent {
        _ if tpvm.working() => Seen::Working,
        _ if running && tpvm.version == Version::Old => Seen::Done,
        None => Seen::NoTrace,
        Some(before) if tpvm.new_error(before) => Seen::Failed,
        Some(before) if tpvm.unchanged(before) => Seen::NoTrace,
        Some(_) if running => Seen::Failed,
        Some(_) => Seen::Working,
    }
}

fn redeploy(rules: Rules, held: &HeldStep, tpvm: &Tpvm, site: &Site) -> Seen {
    // One that was withdrawn was not sent.
    let intent = held.intent.filter(|intent| intent.sends > 0);
    match (site.efa, intent) {
        (Efa::Deploying(_), _) => Seen::Working,
        (Efa::Up, None) if !held.touched => Seen::Done,
        (_, None) if tpvm.status.phase != Phase::Running || tpvm.version != Version::New => {
            Seen::Failed
        }
        (_, None) => Seen::NoTrace,
        (Efa::Failed, Some(_)) if held.redeploy_id => Seen::Failed,
        // A healthy EFA counts with a sign that it is newer than the request.
        (Efa::Up, Some(intent)) if site.deployed_at != intent.baseline.deployed_at => Seen::Done,
        // Asked for as often as is allowed: only the deadline ends it.
        (Efa::Up | Efa::Failed, Some(intent))
            if rules.hold(Rule::MaxSends) && intent.written >= MAX_SENDS =>
        {
            Seen::Working
        }
        // EFA can't be asked for it, but it shows no trace. Assumption: a redeploy under way, or one
        // that was done, shows before `redeploy_quiet` is over.
        (Efa::Up | Efa::Failed, Some(_)) => Seen::NoTrace,
    }
}

/// The one rule for commands that take long and must not be sent twice.
pub fn rule(rules: Rules, seen: Seen, intent: Option<&Intent>, settle: Time) -> Next {
    match (seen, intent) {
        (Seen::Done, _) => Next::Stop(Performed::Done(None)),
        (Seen::Working, _) => Next::Stop(WAITING),
        (Seen::Failed, _) => Next::Stop(Performed::Failed),
        (Seen::NoTrace, None) => Next::Send(1),
        // Withdrawn: it was not sent.
        (Seen::NoTrace, Some(intent)) if intent.sends == 0 => Next::Send(1),
        (Seen::NoTrace, Some(_)) if settle == Time::NotYet => Next::Stop(WAITING),
        (Seen::NoTrace, Some(intent)) => {
            // What nobody knows of does not count: the deadline bounds it.
            let counted = if rules.hold(Rule::CountKnown) {
                intent.written
            } else {
                intent.sends
            };
            // One more than allowed is enough to be noticed.
            let allowed = MAX_SENDS + u8::from(!rules.hold(Rule::MaxSends));
            if counted < allowed {
                Next::Send(intent.sends + 1)
            } else {
                Next::Stop(Performed::Failed)
            }
        }
    }
}
