//! What a schedule is made of: a fleet, upgrades of it, and faults.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::point::Point;

/// Everything that is decided before a schedule runs. Written as TOML, it can be kept as a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Decides who goes on next where several could.
    pub order: u64,
    /// How many workers there are, from 1 to 3.
    pub workers: usize,
    /// The bounds on the long states are a few minutes, not a quarter of an hour.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hurried: bool,
    /// The devices' operations take a few seconds, not minutes: one is over, and the next taken,
    /// before anyone who has lost sight of the first may send a second.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub brisk: bool,
    /// The EFA deployments.
    pub fabrics: Vec<Fabric>,
    /// What is requested.
    pub requests: Vec<Request>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// How the standby node of an EFA deployment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fabric {
    /// Its TPVM runs an old version.
    Old,
    /// The same, and the TPVM has a trusted peer, which an upgrade takes away.
    Trusting,
    /// Its TPVM runs the wanted version already.
    Current,
    /// Its switch was replaced and has no TPVM.
    Replaced,
    /// It is the active node: not fit for an upgrade.
    Active,
}

/// One upgrade request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The deployment, counted from 0.
    pub fabric: usize,
    /// When it is made, in seconds from the beginning.
    pub at: u32,
    /// It is sent a second time right away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twice: bool,
}

/// Something goes wrong, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Where.
    pub at: Point,
    /// The how manieth time that anyone passes there, from 1.
    pub nth: u32,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// The worker's process is killed before it does what it is about to do, and another is
    /// started after so many seconds.
    Kill {
        /// Until it is replaced.
        secs: u32,
    },
    /// The process is killed when what it was about to do has taken effect.
    KillAfter {
        /// Until it is replaced.
        secs: u32,
    },
    /// The process is told to stop, and hands back what it holds.
    Stop {
        /// From its end until it is replaced.
        secs: u32,
    },
    /// The process stands still (SIGSTOP) and then goes on, knowing nothing of it.
    Stall {
        /// For so long.
        secs: u32,
    },
    /// Postgres refuses every statement.
    PostgresAway {
        /// For so long.
        secs: u32,
    },
    /// RabbitMQ refuses everything, and hands out again what was not acknowledged.
    CourierAway {
        /// For so long.
        secs: u32,
    },
    /// RabbitMQ loses every message that it has.
    Forget,
    /// Postgres' clock jumps, forward once no command is on its way or can be sent.
    Jump {
        /// By so much.
        secs: i32,
    },

    /// The statement does not reach Postgres.
    Unavailable,
    /// The statement's answer is lost.
    Unanswered,

    /// The message is not taken over.
    Refused,
    /// The message is taken over, and the confirm is lost.
    Unconfirmed,
    /// The message is confirmed and then lost.
    Lost,
    /// A queue of somebody else's is full for so long: it refuses events, or this one reply, which
    /// every other queue takes over.
    Full {
        /// For so long.
        secs: u32,
    },
    /// The message arrives twice.
    Doubled,
    /// The message arrives late.
    Late {
        /// By so much.
        secs: u32,
    },
    /// The acknowledgement is lost.
    AckLost,

    /// The call is lost at once, without an effect.
    CutOff,
    /// The call is lost without an effect, which shows when its time is over.
    Silent,
    /// The call has its effect, and the answer is lost at once.
    ReplyLost,
    /// The call has its effect, and no answer comes in time.
    ReplySilent,
    /// The call has its effect after so many seconds; the caller gives up on it or dies.
    OnTheWay {
        /// After so long.
        secs: u32,
    },
    /// This answer tells nothing, nor does any other of the same switch and its EFA for so long.
    Unreadable {
        /// For so long.
        secs: u32,
        /// What is answered instead.
        how: How,
    },
    /// The answer is not understood; the call had its effect.
    Garbled,
    /// The device refuses.
    Declined,
    /// The device is busy.
    Busy,
    /// The command is accepted, and something becomes of it.
    Becomes {
        /// This.
        end: End,
    },
    /// EFA shows the peer as up for so long, whatever it is.
    Stale {
        /// For so long.
        secs: u32,
    },
    /// EFA fails over: the node that is upgraded becomes the active one.
    Failover,
}

/// What becomes of a command that a device or EFA accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// What it is for, after some time.
    Well,
    /// The same, after a long time.
    Slow,
    /// It goes on and on.
    Endless,
    /// Nothing at all, without a trace.
    Nothing,
    /// It fails with a message; what was there before runs again.
    Failed,
    /// It fails with a message, and leaves the TPVM stopped.
    Broken,
    /// The TPVM has another version than the wanted one.
    OtherVersion,
    /// The TPVM has another address than before.
    OtherAddress,
}

/// What a look at a device tells that tells nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The look is refused.
    Refused,
    /// What is answered is not understood.
    Garbled,
    /// What is asked for does not stand in the answer.
    Missing,
    /// Words stand there that nobody knows, or a part of the right ones.
    Other,
}

impl What {
    /// Its name in tables.
    pub fn name(&self) -> String {
        // The tag of the serialized form; a map with a text in it can't fail to be one.
        let value = serde_json::to_value(self).unwrap_or_default();
        let tag = value["what"].as_str().unwrap_or_default();
        match value["end"].as_str().or(value["how"].as_str()) {
            Some(end) => format!("{tag} {end}"),
            None => tag.to_owned(),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&toml::to_string(self).map_err(|_| fmt::Error)?)
    }
}
