//! Why a message is set aside, and what an operator can do about it: all cases there are.

use broker::SetAside;
use ledger::{Found, LedgerError, StepRef};
use schemas::{DecodeError, State};
use uuid::Uuid;

use crate::outcome::chain;

fn because(reason: impl Into<String>, remedy: &str) -> SetAside {
    SetAside {
        reason: reason.into(),
        remedy: remedy.to_owned(),
    }
}

/// A step or a revert that can't be read.
pub(super) fn unreadable(problem: &DecodeError) -> SetAside {
    let remedy = match problem {
        DecodeError::UnknownVersion { .. } => {
            "update this worker to the version of the one that published it, then redrive it"
        }
        DecodeError::TooLong(_) | DecodeError::Invalid { .. } | DecodeError::ClearText { .. } => {
            "find out who published it, and purge it: no worker can carry it out. The ledger has \
             the steps of its upgrades published again by itself"
        }
    };
    because(problem.to_string(), remedy)
}

/// A request that can't be read. Its requester was told so before.
pub(super) fn unreadable_request(problem: &DecodeError) -> SetAside {
    let remedy = match problem {
        DecodeError::UnknownVersion { .. } => {
            "the requester was told that it is rejected. Either it is requested again in a \
             version that the workers read, and this one purged; or the workers are updated and \
             it is redriven, which carries it out after all"
        }
        DecodeError::TooLong(_) | DecodeError::Invalid { .. } | DecodeError::ClearText { .. } => {
            "the requester was told that it is rejected, and has to correct it: purge this one"
        }
    };
    because(problem.to_string(), remedy)
}

/// A step of another state than the queue's.
pub(super) fn wrong_queue(state: State) -> SetAside {
    because(
        format!("a step of {state} does not belong into this queue"),
        "find out who published it there, since workers don't, and purge it. The ledger has the \
         steps of its upgrades published again by itself",
    )
}

/// A step that lies ahead of where the ledger stands.
pub(super) fn ahead(step: &StepRef, found: &Found) -> SetAside {
    because(
        format!(
            "the ledger has execution {} at step {} in {}, not at step {} in {}",
            step.execution_id, found.seq, found.state, step.seq, step.state
        ),
        "check that this worker's DATABASE_URL leads to the same ledger as the other workers', \
         and whether the ledger was restored from a backup: then compare the device with it \
         before the upgrade goes on. Purge the message: the ledger has its own step published \
         again by itself",
    )
}

/// A step of an execution that the ledger has never heard of.
pub(super) fn unknown_execution(execution_id: Uuid) -> SetAside {
    because(
        format!("the ledger has no execution {execution_id}"),
        "check that this worker's DATABASE_URL leads to the same ledger as the other workers', \
         and whether the ledger was restored from a backup. Redrive the message once the ledger \
         has the execution; purge it if it never will",
    )
}

/// What the ledger will not do, however often it is asked.
pub(super) fn refused_by_ledger(error: &LedgerError) -> SetAside {
    because(
        format!("the ledger refused: {}", chain(error)),
        "mend what the reason names. A step is published again by itself then, and redriving it \
         is harmless; a request has to be redriven",
    )
}

/// A request at which workers panic.
pub(super) fn panicked(location: &str) -> SetAside {
    because(
        format!("the worker panicked at {location} while it handled this request, and again"),
        "the requester was answered, if possible, that it is kept here. Report this with the \
         worker's log; redrive it once the workers are updated, or purge it",
    )
}

/// A step that is put off until somebody mends its row.
pub(super) fn put_off(problem: String) -> SetAside {
    because(
        problem,
        "compare the execution's row in the table executions with its history, and mend the row. \
         The step is published again by itself then: purge the message",
    )
}
