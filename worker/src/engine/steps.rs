//! Steps and reverts: claimed, performed, recorded, announced.

use std::time::Duration;

use broker::Delivery;
use ledger::{Claim, ClaimToken, Claimant, Facts, Fenced, HeldStep, Postponed, StepRef, Wait};
use schemas::{Message, Revert, Step, TraceContext, decode};
use tokio::time::Instant;
use tracing::{Instrument, debug, error, info, info_span, warn};

use super::announce::AnnounceError;
use super::settle::{Moment, Write, settle};
use super::{Engine, Verdict, keeper, set_aside};
use crate::context::Context;
use crate::outcome::{Performed, Setback, chain};
use crate::panics;
use crate::points::Point;
use crate::states;

/// How often it is looked whether a command can still be on its way.
const SETTLING: Duration = Duration::from_secs(1);

/// How a step ended that was begun.
enum Ended {
    /// The action returned.
    Performed(Performed, Moment),
    /// Somebody else holds the step.
    Lost,
    /// The worker is being stopped.
    Halted,
}

impl Engine {
    pub(super) async fn handle_step(&self, delivery: &Delivery) -> Verdict {
        let step = match self.read::<Step>(delivery) {
            Ok(step) => step,
            Err(verdict) => return verdict,
        };
        if self.names.state_queue(step.state).as_deref() != Some(&*delivery.queue) {
            return Verdict::DeadLetter(set_aside::wrong_queue(step.state));
        }
        self.carry_out(StepRef::from(&step), delivery).await
    }

    pub(super) async fn handle_revert(&self, delivery: &Delivery) -> Verdict {
        match self.read::<Revert>(delivery) {
            Ok(revert) => self.carry_out(StepRef::from(&revert), delivery).await,
            Err(verdict) => verdict,
        }
    }

    fn read<M: Message>(&self, delivery: &Delivery) -> Result<M, Verdict> {
        decode(&delivery.body)
            .map_err(|problem| Verdict::DeadLetter(set_aside::unreadable(&problem)))
    }

    async fn carry_out(&self, step: StepRef, delivery: &Delivery) -> Verdict {
        let (trace, redelivered) = (delivery.trace, delivery.redelivered);
        let StepRef {
            execution_id,
            seq,
            state,
        } = step;
        let span = info_span!("step", %execution_id, seq, %state);
        async {
            Point::Received.passed(state, Some(execution_id));
            let ledger = &self.around.ledger;
            let ttl = self.around.claim;
            let mut asked = Instant::now();
            let mut claimant = Claimant::new(&self.worker);
            let claim = self.persist("claim a step", || {
                asked = Instant::now();
                ledger.claim(&step, claimant.ask(), ttl)
            });
            let verdict = match claim.await {
                Err(halted) => self.acknowledged(Err(halted.into())),
                Ok(Err(error)) => self.acknowledged(Err(AnnounceError::Ledger(error))),
                Ok(Ok(Claim::Held(held))) => self.hold(&held, asked, trace).await,
                // Whoever recorded it may have died before telling. A mere copy says nothing of the
                // kind, and would breed copies of each step to come.
                Ok(Ok(Claim::Behind(found))) if redelivered && found.seq == seq + 1 => {
                    debug!("recorded before; announcing it again");
                    self.acknowledged(self.announce(execution_id, found.seq, trace).await)
                }
                Ok(Ok(Claim::Behind(_))) => {
                    debug!("stale message");
                    Verdict::Ack
                }
                Ok(Ok(Claim::Busy { until })) => {
                    debug!(%until, "held by another worker; the ledger will see to it");
                    Verdict::Ack
                }
                Ok(Ok(Claim::Ahead(found))) => Verdict::DeadLetter(set_aside::ahead(&step, &found)),
                Ok(Ok(Claim::Unreadable { token, problem })) => {
                    self.postpone(&token, problem).await
                }
                Ok(Ok(Claim::Missing)) => {
                    Verdict::DeadLetter(set_aside::unknown_execution(execution_id))
                }
            };
            if verdict == Verdict::Ack {
                Point::Settling.passed(state, Some(execution_id));
            }
            verdict
        }
        .instrument(span)
        .await
    }

    async fn hold(&self, held: &HeldStep, asked: Instant, trace: TraceContext) -> Verdict {
        let (performed, moment) = match self.perform(held, asked).await {
            Ended::Performed(performed, moment) => (performed, moment),
            Ended::Lost => {
                warn!("the claim was lost; whoever holds it goes on");
                return self.outlived(&held.token).await;
            }
            Ended::Halted => return self.hand_back(held).await,
        };
        let timing = &self.config.timing;
        let write = match settle(held, performed, moment, timing, self.wake_after()) {
            Ok(write) => write,
            Err(no_arrow) => {
                let problem =
                    format!("its row stands where the workflow has no way on: {no_arrow}");
                return self.postpone(&held.token, problem).await;
            }
        };
        self.write(held, write, trace).await
    }

    /// The action, for as long as the claim is held and the worker is not stopped.
    async fn perform(&self, held: &HeldStep, asked: Instant) -> Ended {
        let context = Context::new(held, asked, &self.around);
        tokio::select! {
            performed = self.act(held, &context) => match performed {
                Err(Setback::ClaimLost) => Ended::Lost,
                performed => {
                    let moment = Moment {
                        past_deadline: context.past_deadline(),
                        left: context.left(),
                        commanded: context.commanded(),
                        command_on_its_way: context.command_on_its_way(),
                    };
                    Ended::Performed(performed, moment)
                }
            },
            () = keeper::keep(&self.around.ledger, &held.token, asked, self.around.claim) => Ended::Lost,
            () = self.halt.cancelled() => Ended::Halted,
        }
    }

    /// The state's action, unless one worker after the other has died at it.
    async fn act(&self, held: &HeldStep, context: &Context<'_>) -> Performed {
        let deaths = held.deaths.unsigned_abs();
        if deaths < self.config.timing.max_deaths {
            Point::Claimed.passed(held.state, Some(held.token.execution_id));
            // Boxed: an action is large, and what is around it is moved with it.
            let performed = panics::caught(Box::pin(states::perform(context))).await;
            return Box::pin(context.redacted(performed)).await;
        }
        // The state does not end with a command on its way; a wait would have it run once more.
        while context.command_on_its_way() {
            tokio::time::sleep(SETTLING).await;
        }
        Err(Setback::failed(
            format!(
                "{deaths} workers in a row died while they worked on {}, so it was not tried again",
                held.state.title()
            ),
            "look in the workers' logs for why they died (memory, a signal, a crash) and remove the \
             cause; look at the device, then request the upgrade again",
        ))
    }

    /// The claim ran out under a worker that lives: it is not to be taken for a dead one.
    async fn outlived(&self, token: &ClaimToken) -> Verdict {
        let ledger = &self.around.ledger;
        let told = self.persist("tell of a lost claim", || ledger.outlived(token));
        match told.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(error = chain(&error), "the lost claim counts as a death"),
            Err(halted) => debug!(?halted, "the lost claim counts as a death"),
        }
        Verdict::Ack
    }

    async fn write(&self, held: &HeldStep, write: Write, trace: TraceContext) -> Verdict {
        let ledger = &self.around.ledger;
        let token = &held.token;
        let (written, moved) = match &write {
            Write::Nothing => return Verdict::Ack,
            Write::Record(transition) => {
                info!(outcome = transition.outcome.slug(), to = %transition.to,
                    detail = transition.detail, cause = transition.failure.as_ref().map(|f| &f.cause),
                    "step ended");
                let record = self.persist("record a step", || ledger.record(token, transition));
                (record.await, true)
            }
            Write::Wait(wait) => {
                debug!(why = wait.why, "step waits");
                let wait = self.persist("write a wait", || ledger.wait(token, wait));
                (wait.await, false)
            }
        };
        match written {
            Err(halted) => self.acknowledged(Err(halted.into())),
            Ok(Err(error)) => self.acknowledged(Err(AnnounceError::Ledger(error))),
            // Also when the answer to an earlier attempt at this very write was lost: then the
            // step is recorded, and may not be announced.
            Ok(Ok(Fenced::Stale | Fenced::Done)) if moved => {
                Point::Recorded.passed(held.state, Some(token.execution_id));
                let seq = token.seq + 1;
                self.acknowledged(self.announce(token.execution_id, seq, trace).await)
            }
            Ok(Ok(_)) => {
                Point::Waited.passed(held.state, Some(token.execution_id));
                Verdict::Ack
            }
        }
    }

    /// Puts off a step whose row has to be mended first. Operators see the problem as the step's
    /// detail; it is a dead letter once, however often the step is looked at.
    async fn postpone(&self, token: &ClaimToken, problem: String) -> Verdict {
        error!(problem, "step put off until its row is mended");
        let ledger = &self.around.ledger;
        let again_after = self.config.due.again_after;
        let postponed = self.persist("put a step off", || {
            ledger.postpone(token, &problem, again_after)
        });
        match postponed.await {
            Err(halted) => self.acknowledged(Err(halted.into())),
            Ok(Err(error)) => self.acknowledged(Err(AnnounceError::Ledger(error))),
            Ok(Ok(Postponed::First)) => Verdict::DeadLetter(set_aside::put_off(problem)),
            Ok(Ok(Postponed::Again | Postponed::Stale)) => Verdict::Ack,
        }
    }

    /// Gives a step back unfinished. It is due at once, and does not count as an attempt.
    async fn hand_back(&self, held: &HeldStep) -> Verdict {
        let why = format!("handed back by worker {}, which was stopped", self.worker);
        let wait = Wait {
            after: Duration::ZERO,
            why,
            facts: Facts::default(),
            counts_as_attempt: false,
        };
        match self.around.ledger.wait(&held.token, &wait).await {
            Ok(_) => info!("step handed back"),
            Err(error) => warn!(%error, "step not handed back; its claim has to run out"),
        }
        Verdict::Leave
    }
}
