//! Upgrades that a test carries through their states, as workers do.

use std::time::Duration;

use ledger::{
    Acceptance, Claim, ClaimToken, Claimant, Facts, Failure, Fenced, Ledger, StepRef, Transition,
    Wait,
};
use schemas::{Case, Outcome, State, UpgradeRequest, Verdict};
use serde_json::json;
use uuid::Uuid;

use crate::support::device_ip;

const LONG: Duration = Duration::from_secs(600);

/// Accepts an upgrade of the device of deployment number `site`.
pub async fn accept(ledger: &Ledger, site: u8) -> Upgrade<'_> {
    let accepted = ledger.accept(&request(site), LONG).await.unwrap();
    let Acceptance::Accepted { execution_id, .. } = accepted else {
        panic!("{accepted:?}");
    };
    Upgrade {
        ledger,
        id: execution_id,
        seq: 1,
        state: State::DeviceValidation,
    }
}

fn request(site: u8) -> UpgradeRequest {
    serde_json::from_value(json!({
        "version": 1,
        "request_id": Uuid::now_v7(),
        "ip_address": device_ip(site),
        "firmware_host": "10.20.1.5",
        "tpvm_image": "/images/tpvm-4.6.0.deb",
        "requested_by": "alice",
    }))
    .unwrap()
}

/// An upgrade that a test carries through its states.
pub struct Upgrade<'a> {
    pub ledger: &'a Ledger,
    pub id: Uuid,
    seq: i32,
    state: State,
}

impl Upgrade<'_> {
    async fn claim(&self) -> ClaimToken {
        let step = StepRef {
            execution_id: self.id,
            seq: self.seq,
            state: self.state,
        };
        match self
            .ledger
            .claim(&step, Claimant::new("worker-1").ask(), LONG)
            .await
            .unwrap()
        {
            Claim::Held(held) => held.token,
            other => panic!("{other:?}"),
        }
    }

    /// Records the end of the current step.
    pub async fn moves(&mut self, transition: Transition) {
        let token = self.claim().await;
        let done = self.ledger.record(&token, &transition).await.unwrap();
        assert_eq!(done, Fenced::Done);
        self.seq += 1;
        self.state = transition.to;
    }

    /// Hands the current step back with a reason.
    pub async fn waits(&self, why: &str) {
        let token = self.claim().await;
        let wait = Wait {
            after: LONG,
            why: why.to_owned(),
            facts: Facts::default(),
            counts_as_attempt: false,
        };
        assert_eq!(self.ledger.wait(&token, &wait).await.unwrap(), Fenced::Done);
    }

    /// Through both validations, as a Normal Upgrade, into the upgrade itself.
    pub async fn passes_validation(&mut self) {
        self.moves(Transition {
            detail: Some("the device is fit for an upgrade".to_owned()),
            facts: Facts {
                slx_version: Some("20.5.1a".to_owned()),
                ..Facts::default()
            },
            ..success(State::TpvmConfigValidation)
        })
        .await;
        self.moves(Transition {
            case: Some(Case::NormalUpgrade),
            facts: Facts {
                from_version: Some("4.5.1".to_owned()),
                target_version: Some("4.6.0".to_owned()),
                ..Facts::default()
            },
            ..success(State::TpvmUpgrade)
        })
        .await;
    }

    pub async fn completes(&mut self) {
        self.passes_validation().await;
        self.moves(success(State::EfaDeployPeerAndRejoin)).await;
        self.moves(Transition {
            verdict: Some(Verdict::Succeeded),
            ..success(State::WorkflowFinished)
        })
        .await;
    }

    pub async fn fails_validation(&mut self) {
        self.moves(Transition {
            verdict: Some(Verdict::Failed),
            ..failure(
                State::DeviceValidation,
                State::WorkflowFinished,
                "the firmware host 10.20.1.5 is not registered",
                "register it",
            )
        })
        .await;
    }

    pub async fn fails_upgrade(&mut self) {
        self.passes_validation().await;
        self.moves(failure(
            State::TpvmUpgrade,
            State::TpvmRevert,
            "the image was not found",
            "check its path",
        ))
        .await;
    }

    pub async fn is_reverted(&mut self) {
        self.fails_upgrade().await;
        self.moves(Transition {
            detail: Some("reverted to 4.5.1".to_owned()),
            verdict: Some(Verdict::Reverted),
            ..success(State::WorkflowFinished)
        })
        .await;
    }
}

pub fn success(to: State) -> Transition {
    Transition {
        outcome: Outcome::Success,
        to,
        case: None,
        facts: Facts::default(),
        detail: None,
        failure: None,
        failed_state: None,
        verdict: None,
        wake_after: LONG,
    }
}

pub fn failure(failed: State, to: State, cause: &str, remedy: &str) -> Transition {
    Transition {
        outcome: Outcome::Failure,
        failed_state: Some(failed),
        failure: Some(Failure {
            cause: cause.to_owned(),
            remedy: remedy.to_owned(),
        }),
        ..success(to)
    }
}
