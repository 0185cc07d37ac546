//! Claims whose answer is lost, and questions that come late.

use std::time::Duration;

use ledger::{Claim, Claimant, Facts, Fenced, Wait};

use crate::support::{Fixture, TTL, held, question};

#[tokio::test]
async fn what_was_granted_unheard_is_taken_over_by_who_asked() {
    let fixture = Fixture::with_devices(1).await;
    let (ledger, step) = (&fixture.ledger, fixture.start(0).await);
    let mut claimant = Claimant::new("worker-1");
    let unheard = held(ledger.claim(&step, claimant.ask(), TTL).await.unwrap());
    // Some of its questions do not even reach Postgres.
    let _ = claimant.ask();
    let other = ledger.claim(&step, question("worker-2"), TTL).await;
    assert!(matches!(other.unwrap(), Claim::Busy { .. }));

    let heard = held(ledger.claim(&step, claimant.ask(), TTL).await.unwrap());
    let renewed = ledger.renew(&unheard.token, TTL).await.unwrap();
    assert_eq!(renewed, Fenced::Stale);
    let renewed = ledger.renew(&heard.token, TTL).await.unwrap();
    assert_eq!(renewed, Fenced::Done);
    fixture.close().await;
}

/// What a network or a lock has held up may reach Postgres at any time.
#[tokio::test]
async fn a_late_question_gives_no_step_back_to_who_lost_it() {
    let fixture = Fixture::with_devices(1).await;
    let (ledger, step) = (&fixture.ledger, fixture.start(0).await);
    let mut claimant = Claimant::new("worker-1");
    let late = claimant.ask();
    let first = held(ledger.claim(&step, claimant.ask(), TTL).await.unwrap());
    let arrived = ledger.claim(&step, late.clone(), TTL).await.unwrap();
    assert!(matches!(arrived, Claim::Busy { .. }), "{arrived:?}");
    let renewed = ledger.renew(&first.token, TTL).await.unwrap();
    assert_eq!(renewed, Fenced::Done);

    fixture.expire_claim(step.execution_id).await;
    let other = ledger.claim(&step, question("worker-2"), TTL).await;
    let other = held(other.unwrap());
    for question in [late.clone(), claimant.ask()] {
        let claim = ledger.claim(&step, question, TTL).await.unwrap();
        assert!(matches!(claim, Claim::Busy { .. }), "{claim:?}");
    }
    let wait = Wait {
        after: Duration::ZERO,
        why: "the device is busy".to_owned(),
        facts: Facts::default(),
        counts_as_attempt: false,
    };
    let waits = ledger.wait(&other.token, &wait).await.unwrap();
    assert_eq!(waits, Fenced::Done);
    held(ledger.claim(&step, late, TTL).await.unwrap());
    let renewed = ledger.renew(&first.token, TTL).await.unwrap();
    assert_eq!(renewed, Fenced::Stale);
    fixture.close().await;
}
