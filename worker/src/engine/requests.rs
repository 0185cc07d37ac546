//! Upgrade requests: accepted once, whatever happens, and always answered.

use std::sync::atomic::Ordering;

use broker::{Delivery, Outgoing, PublishError};
use ledger::{Acceptance, Filter, LedgerError};
use schemas::{Answer, DecodeError, Reason, ReasonCode, Reply, State, UpgradeRequest, V1, decode};
use tracing::{error, info, warn};
use uuid::Uuid;

use super::announce::AnnounceError;
use super::persist::Halted;
use super::{Engine, Verdict, set_aside};
use crate::outcome::chain;
use crate::points::Point;

impl Engine {
    pub(super) async fn handle_request(&self, delivery: &Delivery) -> Verdict {
        let request = match decode::<UpgradeRequest>(&delivery.body) {
            Ok(request) => request,
            Err(problem) => return self.refuse_unreadable(delivery, &problem).await,
        };
        Point::RequestReceived.passed(State::WorkflowStarted, None);
        match self.accept(&request, delivery).await {
            Ok(answer) => {
                let execution_id = match answer {
                    Answer::Accepted { execution_id, .. } => Some(execution_id),
                    Answer::Rejected { .. } => None,
                };
                let told = self
                    .answer(delivery, Some(request.request_id), answer)
                    .await;
                if told.is_ok() {
                    Point::Replied.passed(State::WorkflowStarted, execution_id);
                }
                self.acknowledged(told.map_err(AnnounceError::from))
            }
            Err(AnnounceError::Ledger(error)) if error.is_for_good() => {
                self.refuse_for_good(delivery, &request, &error).await
            }
            Err(error) => self.acknowledged(Err(error)),
        }
    }

    /// The ledger does not accept it, however often it is asked. The requester learns so, and an
    /// operator can put it back from the dead letters once the cause is removed.
    async fn refuse_for_good(
        &self,
        delivery: &Delivery,
        request: &UpgradeRequest,
        error: &LedgerError,
    ) -> Verdict {
        error!(request_id = %request.request_id, error = chain(error), "the ledger refused a request");
        let answer = rejection(
            ReasonCode::Internal,
            "the workers' database refused the request; nothing was done, and the request is kept \
             among the dead letters"
                .to_owned(),
            "have an operator look at the dead letters (`tpvm-upgrade dead-letters show`): once the \
             cause is removed, redrive it there, or request the upgrade again with the same request id",
        );
        match self
            .answer(delivery, Some(request.request_id), answer)
            .await
        {
            Ok(()) => Verdict::DeadLetter(set_aside::refused_by_ledger(error)),
            Err(halted) => self.acknowledged(Err(halted.into())),
        }
    }

    /// Handling it panicked, and again when it was delivered anew. What had been accepted by then
    /// is carried out: the ledger's loop sees to it.
    pub(super) async fn answer_after_panics(
        &self,
        delivery: &Delivery,
        location: &str,
    ) -> Result<Verdict, AnnounceError> {
        let (answer, verdict) = match self.accepted_before(delivery).await? {
            Some(execution_id) => (
                Answer::Accepted {
                    execution_id,
                    duplicate: true,
                },
                Verdict::Ack,
            ),
            None => (
                rejection(
                    ReasonCode::Internal,
                    "a fault of the workers' program keeps them from handling the request, which \
                     is kept among the dead letters"
                        .to_owned(),
                    "have an operator look at the dead letters (`tpvm-upgrade dead-letters show`) \
                     and at the workers' logs; once the fault is removed, request the upgrade \
                     again with the same request id",
                ),
                Verdict::DeadLetter(set_aside::panicked(location)),
            ),
        };
        let id = readable_id(&delivery.body);
        self.answer(delivery, id, answer).await?;
        Ok(verdict)
    }

    async fn accepted_before(&self, delivery: &Delivery) -> Result<Option<Uuid>, AnnounceError> {
        let Ok(request) = decode::<UpgradeRequest>(&delivery.body) else {
            return Ok(None);
        };
        let filter = Filter {
            ip_address: Some(request.ip_address),
            ..Filter::default()
        };
        let ledger = &self.around.ledger;
        let read = self.persist("look for an execution", || ledger.executions(&filter));
        let mut found = read.await??.into_iter().flatten();
        let same = found.find(|execution| execution.request_id == request.request_id);
        Ok(same.map(|execution| execution.id))
    }

    async fn accept(
        &self,
        request: &UpgradeRequest,
        delivery: &Delivery,
    ) -> Result<Answer, AnnounceError> {
        let ledger = &self.around.ledger;
        let wake_after = self.wake_after();
        let accepted = self.persist("accept a request", || ledger.accept(request, wake_after));
        Ok(match accepted.await?? {
            Acceptance::Accepted {
                execution_id,
                duplicate,
            } => {
                Point::Accepted.passed(State::WorkflowStarted, Some(execution_id));
                info!(%execution_id, request_id = %request.request_id, duplicate, "request accepted");
                if !duplicate || self.not_begun(execution_id).await? {
                    match self.announce(execution_id, 1, delivery.trace).await {
                        // It is accepted nevertheless: the ledger's loop sees to it.
                        Err(AnnounceError::Ledger(error)) if error.is_for_good() => {
                            warn!(%execution_id, error = chain(&error), "can't announce it");
                        }
                        announced => announced?,
                    }
                }
                Answer::Accepted {
                    execution_id,
                    duplicate,
                }
            }
            Acceptance::Busy { running } => {
                warn!(request_id = %request.request_id, %running, "request rejected: deployment busy");
                rejection(
                    ReasonCode::DeploymentBusy,
                    format!("the upgrade {running} of the same EFA deployment has not finished"),
                    "wait until it has finished, then request the upgrade again with a new request id",
                )
            }
            Acceptance::RequestIdReused { execution_id } => {
                warn!(request_id = %request.request_id, %execution_id, "request rejected: id reused");
                rejection(
                    ReasonCode::RequestIdReused,
                    format!(
                        "the request id was used for another request, whose execution is {execution_id}"
                    ),
                    "choose a new request id for each new request",
                )
            }
        })
    }

    /// Whether a request that was accepted before may not have been announced: the worker that
    /// accepted it can have died right then.
    async fn not_begun(&self, execution_id: Uuid) -> Result<bool, AnnounceError> {
        let ledger = &self.around.ledger;
        let read = self.persist("read an execution", || ledger.execution(execution_id));
        Ok(match read.await? {
            Ok(found) => found.is_some_and(|execution| execution.seq == 1),
            // The ledger's loop sees to it.
            Err(LedgerError::Undecodable { .. }) => false,
            Err(error) => return Err(error.into()),
        })
    }

    async fn refuse_unreadable(&self, delivery: &Delivery, problem: &DecodeError) -> Verdict {
        let code = match problem {
            DecodeError::UnknownVersion { .. } => ReasonCode::UnknownVersion,
            DecodeError::TooLong(_)
            | DecodeError::Invalid { .. }
            | DecodeError::ClearText { .. } => ReasonCode::MalformedRequest,
        };
        let in_clear = matches!(problem, DecodeError::ClearText { .. });
        let remedy = if in_clear {
            "change the password, since it has been sent in clear text; store the new one with the \
             workers under a name, and request the upgrade with that name"
        } else {
            "correct the message; its JSON Schema is upgrade-request.schema.json"
        };
        let answer = rejection(code, problem.to_string(), remedy);
        match self
            .answer(delivery, readable_id(&delivery.body), answer)
            .await
        {
            // Among the dead letters the password would be kept, and shown.
            Ok(()) if in_clear => Verdict::Ack,
            Ok(()) => Verdict::DeadLetter(set_aside::unreadable_request(problem)),
            Err(halted) => self.acknowledged(Err(halted.into())),
        }
    }

    /// Answers to the queue that the requester named; if there is none, or it does not take the
    /// answer, on the events exchange; and if nobody takes it there, not at all: whoever asked
    /// repeats the request with its id, and is answered the same. Each is tried once, since nobody
    /// else may wait for a requester's queue.
    async fn answer(
        &self,
        delivery: &Delivery,
        request_id: Option<Uuid>,
        answer: Answer,
    ) -> Result<(), Halted> {
        let reply = Reply {
            version: V1,
            request_id,
            answer,
        };
        let correlation_id = delivery
            .correlation_id
            .clone()
            .or_else(|| delivery.message_id.clone());
        let trace = delivery.trace.child();
        let queue = delivery.reply_to.as_deref();
        if let Some(queue) = queue.filter(|queue| !queue.is_empty()) {
            let message = Outgoing::reply(queue, &reply, correlation_id.clone(), trace);
            if self.reply(queue, message).await? {
                return Ok(());
            }
        }
        let fallback = Outgoing::reply_fallback(&self.names, &reply, correlation_id, trace);
        let exchange = fallback.exchange.clone();
        if !self.reply(&exchange, fallback).await? {
            let dropped = 1 + self.replies_dropped.fetch_add(1, Ordering::Relaxed);
            warn!(
                request_id = request_id.map(tracing::field::display),
                replies_dropped = dropped,
                "nobody takes the reply: dropped; the requester repeats the request with its id"
            );
        }
        Ok(())
    }

    /// Tries once to publish a reply to a queue or exchange; whether it is confirmed.
    async fn reply(&self, to: &str, message: Outgoing) -> Result<bool, Halted> {
        if self.silent.has(to) {
            return Ok(false);
        }
        let patience = self.config.broker.publish_timeout;
        Ok(match self.try_for(patience, message).await? {
            Ok(()) => true,
            // The worker ends over it: somebody else answers.
            Err(PublishError::Closed) => return Err(Halted),
            Err(error) => {
                warn!(to, error = chain(&error), "a reply was not taken");
                if matches!(error, PublishError::TimedOut(_)) {
                    self.silent.add(to, patience);
                }
                false
            }
        })
    }

    /// What becomes of a message whose consequences could, or could not, be told.
    pub(super) fn acknowledged(&self, told: Result<(), AnnounceError>) -> Verdict {
        match told {
            Ok(()) => Verdict::Ack,
            Err(AnnounceError::Halted) => Verdict::Leave,
            Err(AnnounceError::Publish(error)) => {
                error!(
                    error = chain(&error),
                    "can't publish any more; leaving the message"
                );
                Verdict::Leave
            }
            // The worker ends over it; others can read the message.
            Err(AnnounceError::Ledger(LedgerError::Closed)) => Verdict::Leave,
            Err(AnnounceError::Ledger(error)) => {
                Verdict::DeadLetter(set_aside::refused_by_ledger(&error))
            }
        }
    }
}

fn rejection(code: ReasonCode, message: String, remedy: &str) -> Answer {
    Answer::Rejected {
        reasons: vec![Reason {
            code,
            message,
            remedy: remedy.to_owned(),
        }],
    }
}

/// The request's id, for the answer to a request that is otherwise unreadable.
fn readable_id(body: &[u8]) -> Option<Uuid> {
    #[derive(serde::Deserialize)]
    struct OnlyId {
        request_id: Uuid,
    }
    if body.len() > schemas::messages::MAX_MESSAGE_BYTES {
        return None;
    }
    serde_json::from_slice::<OnlyId>(body)
        .ok()
        .map(|only| only.request_id)
}
