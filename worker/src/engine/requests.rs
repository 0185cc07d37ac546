//! Upgrade requests: accepted once, whatever happens, and always answered.

use broker::{Delivery, Outgoing, PublishError};
use ledger::{Acceptance, LedgerError};
use schemas::{Answer, DecodeError, Reason, ReasonCode, Reply, State, UpgradeRequest, V1, decode};
use tracing::{error, info, warn};
use uuid::Uuid;

use super::announce::AnnounceError;
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
                let reply = Reply {
                    version: V1,
                    request_id: Some(request.request_id),
                    answer,
                };
                let told = self.answer(delivery, &reply).await;
                if told.is_ok() {
                    Point::Replied.passed(State::WorkflowStarted, execution_id);
                }
                self.acknowledged(told)
            }
            Err(error) => self.acknowledged(Err(error)),
        }
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
                    self.announce(execution_id, 1, delivery.trace).await?;
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
            DecodeError::TooLong(_) | DecodeError::Invalid { .. } => ReasonCode::MalformedRequest,
        };
        let answer = rejection(
            code,
            problem.to_string(),
            "correct the message; its JSON Schema is upgrade-request.schema.json",
        );
        let reply = Reply {
            version: V1,
            request_id: readable_id(&delivery.body),
            answer,
        };
        match self.answer(delivery, &reply).await {
            Ok(()) => Verdict::DeadLetter(set_aside::unreadable_request(problem)),
            Err(error) => self.acknowledged(Err(error)),
        }
    }

    /// Answers to the queue that the requester named; if there is none, or none any more, on the
    /// events exchange.
    async fn answer(&self, delivery: &Delivery, reply: &Reply) -> Result<(), AnnounceError> {
        let correlation_id = delivery
            .correlation_id
            .clone()
            .or_else(|| delivery.message_id.clone());
        let trace = delivery.trace.child();
        if let Some(queue) = delivery
            .reply_to
            .as_deref()
            .filter(|queue| !queue.is_empty())
        {
            let message = Outgoing::reply(queue, reply, correlation_id.clone(), trace);
            let courier = &self.courier;
            let sent = self.persist("publish a reply", || async {
                match courier.publish(message.clone()).await {
                    Err(PublishError::Unroutable { .. } | PublishError::NameTooLong { .. }) => {
                        Ok(false)
                    }
                    sent => sent.map(|()| true),
                }
            });
            if sent.await?? {
                return Ok(());
            }
            warn!(
                queue,
                "the reply queue is gone; answering on the events exchange"
            );
        }
        self.send(Outgoing::reply_fallback(
            &self.names,
            reply,
            correlation_id,
            trace,
        ))
        .await
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
