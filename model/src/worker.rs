//! A worker: one message in its hands, and how far it is with it. It can die between any two of
//! these stages; the message then goes to another one.

use crate::courier::Message;
use crate::device::{Baseline, Kind};
use crate::ledger::{HeldStep, Id};
use crate::states::{Performed, Status};

/// A message in a worker's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    /// The message.
    pub message: Message,
    /// Whether the broker still has it, and hands it out again if this worker dies.
    pub unacked: bool,
    /// What comes next.
    pub stage: Stage,
}

/// What a worker does next with its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Nothing was done: accept the request, or claim the step.
    Received,
    /// The step is held: the first part of a look at the device.
    Perform(HeldStep),
    /// The second part.
    Observe(HeldStep, Status),
    /// Note the intent to send the command for the nth time.
    Intend(HeldStep, u8, Baseline),
    /// Write the command to the device.
    Send(HeldStep, Window),
    /// The device's answer.
    Await(HeldStep, Kind),
    /// Decide what is written, and write it.
    Settle(HeldStep, Performed),
    /// Publish the event of a move, then the next step's message.
    Announce(Announcement),
    /// An event was refused: leave it to the ledger's loop.
    Defer(Announcement),
    /// Publish the next step's message.
    Publish(Announcement),
    /// Note that an end was announced.
    EndAnnounced(Announcement),
    /// Answer the request.
    Answer,
    /// Acknowledge the message.
    Ack,
}

/// How long ago the intent is of a command that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// There is time to send.
    pub open: bool,
    /// The intent is not older than its time says.
    pub dated: bool,
}

impl Window {
    /// An intent was noted just now.
    pub const fn new(dated: bool) -> Self {
        Self { open: true, dated }
    }
}

/// A move that is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Announcement {
    /// The execution.
    pub id: Id,
    /// The move.
    pub seq: u8,
}

impl Task {
    /// A message that was handed out just now.
    pub const fn new(message: Message) -> Self {
        Self {
            message,
            unacked: true,
            stage: Stage::Received,
        }
    }

    /// The step that it holds, or believes to hold.
    pub const fn held(&self) -> Option<&HeldStep> {
        match &self.stage {
            Stage::Perform(held)
            | Stage::Observe(held, _)
            | Stage::Intend(held, ..)
            | Stage::Send(held, _)
            | Stage::Await(held, _)
            | Stage::Settle(held, _) => Some(held),
            _ => None,
        }
    }

    /// The step whose action goes on: it ends when the claim is lost or the worker is stopped.
    pub const fn performing(&self) -> Option<&HeldStep> {
        match &self.stage {
            Stage::Settle(..) => None,
            _ => self.held(),
        }
    }
}
