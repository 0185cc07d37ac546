//! A small model of one EFA deployment: the standby node's switch with its TPVM, and EFA's
//! monitor. Nothing runs in the background: whoever looks has let time pass first.

mod efa;

use std::net::IpAddr;
use std::time::Duration;

use schemas::tpvm::TpvmConfig;

use self::efa::Redeploy;
use crate::addresses::{elsewhere, tpvm_ip};
use crate::fleet::config;
use crate::schedule::{End, Fabric, How};

pub(crate) use self::efa::Standing;

/// The TPVM version before an upgrade.
pub(crate) const OLD: &str = "4.2.4";
/// The one that the image's name promises.
pub(crate) const WANTED: &str = "4.2.5";
/// One that nobody asked for.
const OTHER: &str = "4.2.3";

/// How long EFA shows a node as up that went down.
const LAG: Duration = Duration::from_secs(15);
/// How long EFA takes to come back on a TPVM that was started again.
const COMES_BACK: Duration = Duration::from_secs(20);
/// How long an endless operation takes.
const ENDLESS: Duration = Duration::from_secs(3_000);

/// A command that begins something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Command {
    Deploy,
    Upgrade,
    Revert,
    Redeploy,
}

impl Command {
    /// How long what it begins takes.
    fn duration(self, brisk: bool) -> Duration {
        Duration::from_secs(match self {
            _ if brisk => 4,
            Command::Deploy => 80,
            Command::Upgrade => 100,
            Command::Revert => 60,
            Command::Redeploy => 90,
        })
    }
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// Another one is under way.
    Busy,
    /// It makes no sense now.
    Refused(&'static str),
}

/// A TPVM.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) version: &'static str,
    pub(crate) ip: IpAddr,
    pub(crate) running: bool,
    efa: bool,
}

/// Something under way on the switch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) command: Command,
    ends: Duration,
    end: End,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Plant {
    index: usize,
    /// Whatever it does takes seconds.
    brisk: bool,
    pub(crate) guest: Option<Guest>,
    pub(crate) config: Option<TpvmConfig>,
    pub(crate) snapshot: Option<(String, Guest)>,
    pub(crate) tags: Vec<String>,
    pub(crate) operation: Option<Operation>,
    /// What was begun, and for which request.
    pub(crate) effects: Vec<(Command, Option<usize>)>,
    /// The node that is upgraded is the active one.
    pub(crate) is_active: bool,
    /// EFA is up on the TPVM from this time on, as long as it runs.
    up_at: Duration,
    /// What EFA shows of the node until then, whatever is so.
    frozen: Option<(Duration, bool)>,
    deployed: u32,
    redeploys: Vec<Redeploy>,
    /// What looks tell until then instead of what is so.
    unreadable: Option<(Duration, How)>,
    /// Something happened here that a worker may hold against an upgrade.
    pub(crate) evidence: bool,
    /// The requests for which a command was sent, whatever became of it.
    pub(crate) commanded: Vec<Option<usize>>,
    /// How many of the commands were lost, or came to nothing.
    pub(crate) lost: usize,
}

impl Plant {
    pub(crate) fn new(index: usize, kind: Fabric, brisk: bool) -> Self {
        let installed = |version| Guest {
            version,
            ip: tpvm_ip(index),
            running: true,
            efa: true,
        };
        let guest = match kind {
            Fabric::Old | Fabric::Trusting | Fabric::Active => Some(installed(OLD)),
            Fabric::Current => Some(installed(WANTED)),
            Fabric::Replaced => None,
        };
        Self {
            index,
            brisk,
            config: guest.is_some().then(|| config(index, kind)),
            guest,
            snapshot: None,
            tags: Vec::new(),
            operation: None,
            effects: Vec::new(),
            is_active: kind == Fabric::Active,
            up_at: Duration::ZERO,
            frozen: None,
            deployed: 1,
            redeploys: Vec::new(),
            unreadable: None,
            evidence: kind == Fabric::Active,
            commanded: Vec::new(),
            lost: 0,
        }
    }

    /// Looks tell nothing for so long.
    pub(crate) fn hide(&mut self, now: Duration, lasts: Duration, how: How) {
        self.unreadable = Some((now + lasts, how));
    }

    /// What a look tells instead of what is so, if it tells nothing.
    pub(crate) fn hidden(&self, now: Duration) -> Option<How> {
        let unreadable = self.unreadable.filter(|(until, _)| now < *until);
        unreadable.map(|(_, how)| how)
    }

    /// Carries out what has ended by `now`.
    pub(crate) fn advance(&mut self, now: Duration) {
        if let Some(operation) = self.operation
            && operation.ends <= now
        {
            self.operation = None;
            self.finish(operation);
        }
        self.advance_redeploys(now);
    }

    /// Takes a command or not. `end` says what becomes of it, `by` for which request it is sent.
    pub(crate) fn take(
        &mut self,
        command: Command,
        now: Duration,
        end: End,
        by: Option<usize>,
    ) -> Result<String, Denial> {
        let usual = command.duration(self.brisk);
        let ends = now
            + match end {
                End::Slow => 4 * usual,
                End::Endless => ENDLESS,
                _ => usual,
            };
        match (command, &self.guest) {
            (Command::Redeploy, _) if self.is_redeploying() => {
                return Err(Denial::Refused("a redeploy is running"));
            }
            (Command::Redeploy, _) => {}
            _ if self.operation.is_some() => return Err(Denial::Busy),
            (Command::Deploy, Some(_)) => return Err(Denial::Refused("a TPVM is installed")),
            (Command::Upgrade, None) => return Err(Denial::Refused("no TPVM is installed")),
            (Command::Revert, _) if self.snapshot.is_none() => {
                return Err(Denial::Refused("there is no snapshot"));
            }
            _ => {}
        }
        let id = format!("redeploy-{}", self.redeploys.len() + 1);
        if end == End::Nothing {
            return Ok(format!("{id}-forgotten"));
        }
        self.effects.push((command, by));
        if command == Command::Redeploy {
            self.begin_redeploy(id.clone(), by, ends, end);
            return Ok(id);
        }
        let was_up = self.is_up(now);
        if let Some(guest) = &mut self.guest {
            if command == Command::Upgrade {
                let taken = format!("taken at {}", now.as_secs());
                self.snapshot = Some((taken, guest.clone()));
            }
            guest.running = false;
        }
        if was_up && self.frozen.is_none_or(|(until, _)| until < now + LAG) {
            self.frozen = Some((now + LAG, true));
        }
        if command == Command::Deploy
            && let Some(config) = &mut self.config
        {
            config.deploy = true;
        }
        self.operation = Some(Operation { command, ends, end });
        Ok(id)
    }

    fn finish(&mut self, operation: Operation) {
        let Operation { command, ends, end } = operation;
        if matches!(end, End::Failed | End::Broken) {
            self.tags
                .push(format!("{command:?}-{}", self.effects.len()).to_lowercase());
        }
        let fresh = |version| Guest {
            version,
            ip: tpvm_ip(self.index),
            running: true,
            efa: false,
        };
        match (command, end) {
            (Command::Deploy, End::Failed) => {}
            (_, End::Failed) => self.start(ends),
            (Command::Deploy, End::Broken) => {
                self.guest = Some(Guest {
                    running: false,
                    ..fresh(WANTED)
                });
            }
            (_, End::Broken) => {}
            (Command::Revert, _) => {
                if let Some((_, guest)) = self.snapshot.take() {
                    self.guest = Some(Guest {
                        version: if end == End::OtherVersion {
                            OTHER
                        } else {
                            guest.version
                        },
                        ip: if end == End::OtherAddress {
                            elsewhere()
                        } else {
                            guest.ip
                        },
                        ..guest
                    });
                }
                self.start(ends);
            }
            (Command::Upgrade | Command::Deploy | Command::Redeploy, _) => {
                self.guest = Some(Guest {
                    ip: if end == End::OtherAddress {
                        elsewhere()
                    } else {
                        tpvm_ip(self.index)
                    },
                    ..fresh(if end == End::OtherVersion {
                        OTHER
                    } else {
                        WANTED
                    })
                });
                if let (Command::Upgrade, Some(config)) = (command, &mut self.config) {
                    config.trusted_peer = None;
                }
            }
        }
    }

    fn start(&mut self, at: Duration) {
        if let Some(guest) = &mut self.guest {
            guest.running = true;
            self.up_at = at + COMES_BACK;
        }
    }

    /// Whether a TPVM runs this version at the address that its peer expects.
    pub(crate) fn runs(&self, version: &str) -> bool {
        let right = |guest: &Guest| {
            guest.running && guest.version == version && guest.ip == tpvm_ip(self.index)
        };
        self.guest.as_ref().is_some_and(right)
    }
}
