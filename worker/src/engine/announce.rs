//! Telling others what the ledger recorded: the event, and the message for the next step.

use std::time::Duration;

use broker::{Outgoing, PublishError};
use ledger::{LedgerError, StepRef, Transitioned};
use schemas::{Event, Revert, State, Step, TraceContext, V1};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};
use uuid::Uuid;

use super::Engine;
use super::persist::Halted;
use crate::outcome::chain;
use crate::points::Point;

/// How long a step waits for the confirm of its event.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long no step waits for any confirm of an event after one did not come: all events are left
/// to the loop meanwhile.
const SILENCE: Duration = Duration::from_secs(30);
/// About the delay before a lost connection is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// The events exchange among those who did not answer.
const EVENTS: &str = "";

/// What became of an attempt to publish an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Every queue that is bound has it.
    Confirmed,
    /// A queue refused it, and the others have it.
    Refused,
    /// It is not known whether any queue has it.
    Unsent,
}

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
    /// its event is confirmed. An event that is not confirmed holds up nothing: the ledger keeps
    /// that it has to be published again.
    pub(super) async fn publish(
        &self,
        transitioned: &Transitioned,
        trace: TraceContext,
    ) -> Result<(), AnnounceError> {
        let execution_id = transitioned.event.execution_id;
        let from = transitioned.event.from_state;
        match transitioned.next {
            Some(next) => {
                // The event first, confirmed or kept for later: once somebody has taken the step,
                // nobody announces what led to it any more.
                self.tell(transitioned, trace).await?;
                let step = self.step_message(next, transitioned.failed_state, trace);
                self.send(step).await?;
                Point::Published.passed(from, Some(execution_id));
                Ok(())
            }
            None => {
                let confirmed = self.tell(transitioned, trace).await?;
                Point::Published.passed(from, Some(execution_id));
                let ledger = &self.around.ledger;
                if confirmed {
                    self.persist("mark an end as announced", || {
                        ledger.end_announced(execution_id)
                    })
                    .await??;
                }
                Ok(())
            }
        }
    }

    /// Publishes an event once, or leaves it to the loop; whether it is confirmed.
    async fn tell(
        &self,
        transitioned: &Transitioned,
        trace: TraceContext,
    ) -> Result<bool, AnnounceError> {
        let event = &transitioned.event;
        // Behind earlier ones that wait, it waits too.
        let told = if transitioned.backlogged {
            Told::Unsent
        } else {
            self.tell_once(event, trace).await?
        };
        if told == Told::Confirmed {
            return Ok(true);
        }
        let ledger = &self.around.ledger;
        let sent = told == Told::Refused;
        self.persist("keep an event for later", || {
            ledger.defer_events(event.execution_id, event.seq, sent)
        })
        .await??;
        Ok(false)
    }

    /// Publishes an event within [`PATIENCE`]. A lost connection is given that long to come back.
    async fn tell_once(&self, event: &Event, trace: TraceContext) -> Result<Told, AnnounceError> {
        match self.silent.has(EVENTS) {
            true => Ok(Told::Unsent),
            false => self.tell_now(event, trace).await,
        }
    }

    /// As [`Engine::tell_once`], whether or not the broker confirmed others a moment ago.
    pub(super) async fn tell_now(
        &self,
        event: &Event,
        trace: TraceContext,
    ) -> Result<Told, AnnounceError> {
        let (execution_id, seq) = (event.execution_id, event.seq);
        let message = Outgoing::event(&self.names, event, trace);
        Ok(match self.try_for(PATIENCE, message).await? {
            Ok(()) => Told::Confirmed,
            Err(PublishError::Refused) => {
                debug!(%execution_id, seq, "a listener's queue refused an event; it is published again");
                Told::Refused
            }
            Err(error) => {
                warn!(%execution_id, seq, error = chain(&error),
                    "an event was not confirmed; it is published again later");
                self.silent.add(EVENTS, SILENCE);
                Told::Unsent
            }
        })
    }

    /// Publishes one message to somebody else's queue: again only if the connection was lost, and
    /// within `patience`.
    pub(super) async fn try_for(
        &self,
        patience: Duration,
        message: Outgoing,
    ) -> Result<Result<(), PublishError>, Halted> {
        let deadline = Instant::now() + patience;
        for tries in 0.. {
            let attempt = timeout_at(deadline, self.courier.publish(message.clone()));
            let sent = tokio::select! {
                biased;
                sent = attempt => sent.unwrap_or(Err(PublishError::TimedOut(patience))),
                () = self.halt.cancelled() => return Err(Halted),
            };
            let delay = broker::delay::nth(AGAIN, patience, tries);
            match sent {
                Err(PublishError::Disconnected(_)) if Instant::now() + delay < deadline => {
                    tokio::time::sleep(delay).await;
                }
                sent => return Ok(sent),
            }
        }
        Err(Halted)
    }

    /// Publishes one message to a queue of ours, however long it takes. One that a full queue
    /// refuses is left to the ledger, which has it published again.
    pub(super) async fn send(&self, message: Outgoing) -> Result<(), AnnounceError> {
        let courier = &self.courier;
        let sent = self.persist("publish", || async {
            match courier.publish(message.clone()).await {
                Err(error @ PublishError::Refused) => {
                    warn!(
                        queue = message.routing_key,
                        error = chain(&error),
                        "a step is left to the ledger"
                    );
                    Ok(())
                }
                sent => sent,
            }
        });
        Ok(sent.await??)
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
