//! Telling others what the ledger recorded: the event, and the message for the next step.

use broker::{Outgoing, PublishError};
use ledger::{LedgerError, StepRef, Transitioned};
use schemas::{Revert, State, Step, TraceContext, V1};
use uuid::Uuid;

use super::Engine;
use super::persist::Halted;
use crate::points::Point;

/// Why something could not be told to others, for good.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// The ledger's row can't be read.
    #[error("the ledger can't tell what was recorded")]
    Ledger(#[from] LedgerError),
    /// The publisher is gone.
    #[error("the message can't be published")]
    Publish(#[from] PublishError),
    /// The worker is being stopped.
    #[error("the worker is being stopped")]
    Halted,
}

impl From<Halted> for AnnounceError {
    fn from(_: Halted) -> Self {
        AnnounceError::Halted
    }
}

impl Engine {
    /// Publishes what follows from the change number `seq` of an execution: again, if it was done
    /// before. Consumers of both messages can tell.
    pub(super) async fn announce(
        &self,
        execution_id: Uuid,
        seq: i32,
        trace: TraceContext,
    ) -> Result<(), AnnounceError> {
        let ledger = &self.around.ledger;
        let read = self.persist("read a transition", || ledger.transition(execution_id, seq));
        match read.await?? {
            Some(transitioned) => self.publish(&transitioned, trace).await,
            // Only a ledger that was restored from a backup has forgotten a change.
            None => Ok(()),
        }
    }

    /// Publishes an event and the next step's message; the end of an execution is marked once
    /// its event is confirmed.
    pub(super) async fn publish(
        &self,
        transitioned: &Transitioned,
        trace: TraceContext,
    ) -> Result<(), AnnounceError> {
        let event = Outgoing::event(&self.names, &transitioned.event, trace);
        let execution_id = transitioned.event.execution_id;
        let from = transitioned.event.from_state;
        match transitioned.next {
            Some(next) => {
                // The event first, and for certain: once somebody has taken the step, nobody
                // announces what led to it any more.
                self.send(event).await?;
                let step = self.step_message(next, transitioned.failed_state, trace);
                self.send(step).await?;
                Point::Published.passed(from, Some(execution_id));
                Ok(())
            }
            None => {
                self.send(event).await?;
                Point::Published.passed(from, Some(execution_id));
                let ledger = &self.around.ledger;
                Ok(self
                    .persist("mark an end as announced", || {
                        ledger.end_announced(execution_id)
                    })
                    .await??)
            }
        }
    }

    /// Publishes one message, however long it takes.
    pub(super) async fn send(&self, message: Outgoing) -> Result<(), AnnounceError> {
        let courier = &self.courier;
        Ok(self
            .persist("publish", || courier.publish(message.clone()))
            .await??)
    }

    /// A step's message, or a revert's.
    pub(super) fn step_message(
        &self,
        step: StepRef,
        failed: Option<State>,
        trace: TraceContext,
    ) -> Outgoing {
        let StepRef {
            execution_id,
            seq,
            state,
        } = step;
        match (state, failed) {
            (State::TpvmRevert, Some(failed)) => {
                let revert = Revert {
                    version: V1,
                    execution_id,
                    seq,
                    failed,
                };
                Outgoing::revert(&self.names, &revert, trace.child())
            }
            _ => {
                let step = Step {
                    version: V1,
                    execution_id,
                    seq,
                    state,
                };
                Outgoing::step(&self.names, &step, trace.child())
            }
        }
    }
}
