//! The other side: the TPVM on a switch, EFA on its active node, and the commands on their way to
//! them. Written from what a switch shows, not from what a worker expects.

use schemas::State;

use crate::ledger::Id;

/// A disruptive command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `tpvm upgrade`
    Upgrade,
    /// `deploy`
    Install,
    /// `tpvm revert`
    Revert,
    /// EFA is deployed anew on the peer.
    Redeploy,
}

impl Kind {
    /// How many there are.
    pub const COUNT: usize = 4;
    /// All of them.
    pub const ALL: [Kind; Kind::COUNT] =
        [Kind::Upgrade, Kind::Install, Kind::Revert, Kind::Redeploy];

    /// The command of a state; the others have none.
    pub const fn of(state: State) -> Option<Kind> {
        match state {
            State::TpvmUpgrade => Some(Kind::Upgrade),
            State::TpvmInstallation => Some(Kind::Install),
            State::TpvmRevert => Some(Kind::Revert),
            State::EfaDeployPeerAndRejoin => Some(Kind::Redeploy),
            _ => None,
        }
    }
}

/// A command on its way to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Command {
    /// Whose.
    pub id: Id,
    /// Which.
    pub kind: Kind,
    /// It was written in time, and its way is bounded: it has arrived, or is lost, before its
    /// intent is settled.
    pub bounded: bool,
    /// The worker that waits for its answer.
    pub sender: Option<usize>,
}

/// The image that a TPVM has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// There is none.
    None,
    /// The one from before.
    Old,
    /// The one wanted.
    New,
}

/// What a TPVM does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// There is none.
    NotInstalled,
    /// It is installed and does not run.
    Stopped,
    /// It runs.
    Running,
    /// The switch is at work on it.
    Working(Work),
}

/// A command that is being carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work {
    /// Whose.
    pub id: Id,
    /// Which.
    pub kind: Kind,
    /// What the TPVM did before.
    pub before: Before,
}

/// What a TPVM did before a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Before {
    /// As [`Phase::NotInstalled`].
    NotInstalled,
    /// As [`Phase::Stopped`].
    Stopped,
    /// As [`Phase::Running`].
    Running,
}

/// What EFA does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Efa {
    /// All nodes are up.
    Up,
    /// It is being deployed on the peer, for this execution.
    Deploying(Id),
    /// That failed.
    Failed,
}

/// One deployment: a switch with its TPVM, and EFA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    /// The TPVM's image.
    pub version: Version,
    /// What the TPVM does.
    pub phase: Phase,
    /// A snapshot to go back to.
    pub snapshot: bool,
    /// Error messages that stay, one bit for each command.
    pub tags: u8,
    /// EFA.
    pub efa: Efa,
    /// When EFA was deployed: another value after each deployment.
    pub deployed_at: bool,
}

/// What could be seen just before a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Baseline {
    /// The TPVM's image.
    pub version: Version,
    /// A snapshot.
    pub snapshot: bool,
    /// The error messages.
    pub tags: u8,
    /// When EFA was deployed.
    pub deployed_at: bool,
}

/// What a switch answers to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is at it.
    Accepted,
    /// It is at another one, and won't.
    Busy,
}

/// How long work ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// It did what it is for.
    Success,
    /// It did not, and says so.
    Failure,
    /// Nothing came of it, and nothing shows that it was ever begun.
    Nothing,
}

impl Site {
    /// A switch with a running TPVM, to be upgraded.
    pub const fn installed() -> Self {
        Self {
            version: Version::Old,
            phase: Phase::Running,
            snapshot: false,
            tags: 0,
            efa: Efa::Up,
            deployed_at: false,
        }
    }

    /// A replaced switch, without a TPVM.
    pub const fn replaced() -> Self {
        Self {
            version: Version::None,
            phase: Phase::NotInstalled,
            ..Self::installed()
        }
    }

    /// What an intent remembers of it.
    pub const fn baseline(&self) -> Baseline {
        Baseline {
            version: self.version,
            snapshot: self.snapshot,
            tags: self.tags,
            deployed_at: self.deployed_at,
        }
    }

    /// Whether the side that carries out such commands is at work.
    pub const fn works_at(&self, kind: Kind) -> bool {
        match kind {
            Kind::Redeploy => matches!(self.efa, Efa::Deploying(_)),
            _ => matches!(self.phase, Phase::Working(_)),
        }
    }

    /// A command arrives.
    pub fn take(&mut self, id: Id, kind: Kind) -> Answer {
        if kind == Kind::Redeploy {
            if matches!(self.efa, Efa::Deploying(_)) {
                return Answer::Busy;
            }
            self.efa = Efa::Deploying(id);
            return Answer::Accepted;
        }
        let before = match self.phase {
            Phase::Working(_) => return Answer::Busy,
            Phase::NotInstalled => Before::NotInstalled,
            Phase::Stopped => Before::Stopped,
            Phase::Running => Before::Running,
        };
        self.phase = Phase::Working(Work { id, kind, before });
        if kind == Kind::Upgrade {
            self.snapshot = true;
        }
        Answer::Accepted
    }

    /// The TPVM's work ends. Whose it was, and which.
    pub fn finish(&mut self, ending: Ending) -> Option<(Id, Kind)> {
        let Phase::Working(Work { id, kind, before }) = self.phase else {
            return None;
        };
        self.phase = match ending {
            Ending::Success => Phase::Running,
            Ending::Failure if kind == Kind::Install => Phase::NotInstalled,
            Ending::Failure => Phase::Stopped,
            Ending::Nothing => match before {
                Before::NotInstalled => Phase::NotInstalled,
                Before::Stopped => Phase::Stopped,
                Before::Running => Phase::Running,
            },
        };
        match (ending, kind) {
            (Ending::Success, Kind::Revert) => {
                self.version = Version::Old;
                self.snapshot = false;
            }
            (Ending::Success, _) => self.version = Version::New,
            (Ending::Failure, _) => self.tags |= 1 << kind as u8,
            (Ending::Nothing, Kind::Upgrade) => self.snapshot = false,
            (Ending::Nothing, _) => {}
        }
        Some((id, kind))
    }

    /// EFA's work ends. Whose it was.
    pub fn finish_redeploy(&mut self, ending: Ending) -> Option<Id> {
        let Efa::Deploying(id) = self.efa else {
            return None;
        };
        match ending {
            Ending::Success => {
                self.efa = Efa::Up;
                self.deployed_at = !self.deployed_at;
            }
            Ending::Failure => self.efa = Efa::Failed,
            Ending::Nothing => self.efa = Efa::Up,
        }
        Some(id)
    }
}
