//! The contract between EFA, operators and workers: the workflow, the messages, the names of
//! exchanges and queues, and the types that check every value on its way in. No I/O.

pub mod documents;
pub mod files;
pub mod inventory;
pub mod messages;
pub mod names;
mod problem;
mod slug;
pub mod status;
pub mod strict;
pub mod tpvm;
pub mod trace;
pub mod values;
pub mod workflow;

pub use messages::{
    Answer, DecodeError, Event, EventKind, Message, Options, Reason, ReasonCode, Reply, Revert,
    Step, UpgradeRequest, V1, decode, encode,
};
pub use names::Names;
pub use slug::UnknownName;
pub use status::{UpdateState, Verdict};
pub use trace::TraceContext;
pub use workflow::{Case, Outcome, State, next, next_undecided};
