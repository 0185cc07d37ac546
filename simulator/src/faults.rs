//! What goes wrong, when it is told to.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod calls;
mod text;

pub use self::calls::{CALLS, UnknownCall};
use self::text::FaultText;

/// One fault: at which call, what, how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "FaultText", try_from = "FaultText")]
pub struct Fault {
    /// The command or endpoint, one of [`CALLS`].
    pub on: String,
    /// What happens.
    pub kind: FaultKind,
    /// The calls of its deployment, to its switches or to EFA, that must have come first, in this
    /// order. The last one may be the one that is hit.
    pub since: Vec<String>,
    /// How many such calls pass unharmed first.
    pub after: u64,
    /// How many calls are hit; none: all from then on.
    pub times: Option<u64>,
}

/// What happens at a call. The first nine suit any call; the others one only, as said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The device answers with this error text (a default, if none) and does nothing.
    Refuse(Option<String>),
    /// The answer is as always, the effect missing.
    AcceptWithoutEffect,
    /// The effect happens; the connection is dropped before the answer.
    ApplyReplyLost,
    /// The connection is dropped before the effect.
    LostBeforeEffect,
    /// The call waits that long first.
    Slow(Duration),
    /// The effect happens; the answer is garbage.
    Garbage,
    /// The effect happens; the answer is this text. EFA says it with status 200, as HTML.
    Says(String),
    /// The effect happens; of the answer comes the first half only, as if that were all.
    Truncated,
    /// The effect happens; the connection is dropped after that many bytes of the answer.
    DropAfterBytes(usize),
    /// At `tpvm-upgrade`, `deploy` or `tpvm-revert`: the TPVM runs this version afterwards.
    WrongVersion(String),
    /// At `tpvm-upgrade`, `deploy` or `tpvm-revert`: the TPVM has this address afterwards.
    ChangedIp(Ipv4Addr),
    /// At `tpvm-upgrade`, `deploy` or `tpvm-revert`: the device is at it for ever.
    NeverEnds,
    /// At `tpvm-upgrade`: it ends with this tagged error, the old image stopped.
    UpgradeFails(Tagged),
    /// At `deploy`: it ends with this tagged error and nothing installed.
    InstallFails(Tagged),
    /// At `tpvm-revert`: it ends with this tagged error, the TPVM stopped.
    RevertFails(Tagged),
    /// At any command of a switch: its node becomes the active one, then the command goes on.
    NodeGoesActive,
    /// At `efa-redeploy`: the redeploy ends as failed, with this message.
    RedeployFails(String),
    /// At `efa-status`: all nodes are shown as up, whatever they are.
    StaleStatus,
    /// At any endpoint of EFA: something on the way answers, with this status and page. The call
    /// does not arrive.
    Page(u16, String),
}

/// A tagged error, as `show tpvm status` shows it until the tag is cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tagged {
    /// The tag; none: the operation and a number, for example `upgrade-1`.
    pub tag: Option<String>,
    /// The text.
    pub text: String,
}

impl Tagged {
    /// An error with the device's own tag.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            tag: None,
            text: text.into(),
        }
    }
}

impl Fault {
    /// A fault at each call of `on` (see [`CALLS`]).
    pub fn new(on: impl Into<String>, kind: FaultKind) -> Self {
        Self {
            on: on.into(),
            kind,
            since: Vec::new(),
            after: 0,
            times: None,
        }
    }

    /// The next call only.
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// This many calls only.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Not before these calls have come, in this order.
    pub fn since(mut self, calls: &[&str]) -> Self {
        self.since = calls.iter().map(ToString::to_string).collect();
        self
    }

    /// Lets this many calls pass first.
    pub fn after(mut self, calls: u64) -> Self {
        self.after = calls;
        self
    }
}

/// What the faults do to one call, taken together.
#[derive(Debug, Default)]
pub(crate) struct Interference {
    pub(crate) slow: Duration,
    pub(crate) refuse: Option<String>,
    pub(crate) without_effect: bool,
    pub(crate) lost_before_effect: bool,
    pub(crate) reply_lost: bool,
    pub(crate) garbage: bool,
    pub(crate) says: Option<String>,
    pub(crate) truncated: bool,
    pub(crate) page: Option<(u16, String)>,
    pub(crate) drop_after: Option<usize>,
    pub(crate) goes_active: bool,
    pub(crate) stale: bool,
    pub(crate) twist: Twist,
}

/// What the faults do to the outcome of an operation that runs on by itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Twist {
    pub(crate) version: Option<String>,
    pub(crate) ip: Option<Ipv4Addr>,
    pub(crate) endless: bool,
    pub(crate) failure: Option<Tagged>,
}

impl Interference {
    fn add(&mut self, kind: &FaultKind) {
        match kind {
            FaultKind::Refuse(text) => {
                self.refuse = Some(text.clone().unwrap_or_else(|| "request refused".to_owned()));
            }
            FaultKind::AcceptWithoutEffect => self.without_effect = true,
            FaultKind::ApplyReplyLost => self.reply_lost = true,
            FaultKind::LostBeforeEffect => self.lost_before_effect = true,
            FaultKind::Slow(duration) => self.slow = self.slow.max(*duration),
            FaultKind::Garbage => self.garbage = true,
            FaultKind::Says(text) => self.says = Some(text.clone()),
            FaultKind::Truncated => self.truncated = true,
            FaultKind::Page(status, text) => self.page = Some((*status, text.clone())),
            FaultKind::DropAfterBytes(bytes) => self.drop_after = Some(*bytes),
            FaultKind::WrongVersion(version) => {
                self.twist.version = Some(version.clone());
            }
            FaultKind::ChangedIp(ip) => self.twist.ip = Some(*ip),
            FaultKind::NeverEnds => self.twist.endless = true,
            FaultKind::UpgradeFails(failure)
            | FaultKind::InstallFails(failure)
            | FaultKind::RevertFails(failure) => self.twist.failure = Some(failure.clone()),
            FaultKind::NodeGoesActive => self.goes_active = true,
            FaultKind::RedeployFails(message) => {
                self.twist.failure = Some(Tagged::new(message.clone()));
            }
            FaultKind::StaleStatus => self.stale = true,
        }
    }
}

type List = Arc<Mutex<Vec<Fault>>>;

/// The faults of one switch or of one deployment's EFA.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    own: List,
    /// Those of the whole deployment, once it is known.
    site: OnceLock<Vec<List>>,
}

impl Faults {
    pub(crate) fn new(faults: &[Fault]) -> Result<Self, UnknownCall> {
        let all = Self::default();
        for fault in faults {
            all.add(fault.clone())?;
        }
        Ok(all)
    }

    /// These are of one deployment: each hears the calls of all.
    pub(crate) fn join<'a>(all: impl Iterator<Item = &'a Faults> + Clone) {
        let lists: Vec<List> = all.clone().map(|faults| faults.own.clone()).collect();
        for faults in all {
            faults.site.get_or_init(|| lists.clone());
        }
    }

    pub(crate) fn add(&self, fault: Fault) -> Result<(), UnknownCall> {
        for call in std::iter::once(&fault.on).chain(&fault.since) {
            calls::check(call)?;
        }
        lock(&self.own).push(fault);
        Ok(())
    }

    pub(crate) fn clear(&self) {
        lock(&self.own).clear();
    }

    pub(crate) fn all(&self) -> Vec<Fault> {
        lock(&self.own).clone()
    }

    /// What happens to this call; counts it.
    pub(crate) fn meet(&self, call: &str) -> Interference {
        for list in self.site.get().into_iter().flatten() {
            for fault in lock(list).iter_mut() {
                if fault.since.first().is_some_and(|next| next == call) {
                    fault.since.remove(0);
                }
            }
        }
        let mut met = Interference::default();
        lock(&self.own).retain_mut(|fault| {
            if fault.on != call || !fault.since.is_empty() {
                return true;
            }
            if fault.after > 0 {
                fault.after -= 1;
                return true;
            }
            met.add(&fault.kind);
            match &mut fault.times {
                Some(times) => {
                    *times = times.saturating_sub(1);
                    *times > 0
                }
                None => true,
            }
        });
        met
    }
}

fn lock(list: &List) -> MutexGuard<'_, Vec<Fault>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
