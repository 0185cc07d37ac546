use std::time::Duration;

use ledger::{Claim, Claimant, Facts, Fenced, Found, StepRef, Wait};
use schemas::{State, Verdict};
use uuid::Uuid;

use crate::support::{Fixture, LATER, TTL, failure, held, question, request, success, the_end};

#[tokio::test]
async fn a_held_step_shows_all_that_is_known() {
    let fixture = Fixture::with_devices(1).await;
    let asked = request(0);
    fixture.ledger.accept(&asked, LATER).await.unwrap();
    let execution = fixture
        .ledger
        .executions(&Default::default())
        .await
        .unwrap()
        .remove(0)
        .unwrap()
        .id;
    let step = StepRef {
        execution_id: execution,
        seq: 1,
        state: State::DeviceValidation,
    };

    let held = fixture.hold(&step).await;

    assert_eq!(held.request, asked);
    assert_eq!(held.state, State::DeviceValidation);
    assert_eq!(held.deployment.as_deref(), Some("fabric-0000"));
    assert_eq!(
        (held.case, held.failed_state, held.attempts),
        (None, None, 0)
    );
    assert_eq!(held.facts, Facts::default());
    assert!(held.failure.is_none());
    assert!(held.now >= held.started_at);
    let until = fixture.seconds_until("claim_until", execution).await;
    assert!((50.0..=60.0).contains(&until), "{until}");
    let wake = fixture.seconds_until("wake_at", execution).await;
    assert_eq!(until.round(), wake.round());
    fixture.close().await;
}

#[tokio::test]
async fn a_claim_keeps_others_out_until_it_ends() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.start(0).await;
    let first = fixture.hold(&step).await;

    let other = fixture.another().await;
    let claim = other.claim(&step, question("worker-2"), TTL).await.unwrap();
    let Claim::Busy { until } = claim else {
        panic!("claimed twice: {claim:?}");
    };
    assert!(until > first.now);

    fixture.expire_claim(step.execution_id).await;
    let second = held(other.claim(&step, question("worker-2"), TTL).await.unwrap());
    assert_ne!(first.token, second.token);

    let ledger = &fixture.ledger;
    let wait = Wait {
        after: TTL,
        why: "nothing".into(),
        facts: Facts::default(),
        counts_as_attempt: true,
    };
    let facts = Facts {
        peer_seen_down: Some(true),
        ..Facts::default()
    };
    let old = &first.token;
    let next = success(State::TpvmConfigValidation);
    assert_eq!(ledger.renew(old, TTL).await.unwrap(), Fenced::Stale);
    assert_eq!(ledger.note(old, &facts, TTL).await.unwrap(), Fenced::Stale);
    assert_eq!(ledger.wait(old, &wait).await.unwrap(), Fenced::Stale);
    assert_eq!(ledger.record(old, &next).await.unwrap(), Fenced::Stale);
    let execution = ledger.execution(step.execution_id).await.unwrap().unwrap();
    assert_eq!(execution.claimed_by.as_deref(), Some("worker-2"));
    assert_eq!((execution.seq, execution.attempts), (1, 0));
    assert_eq!(ledger.history(step.execution_id).await.unwrap().len(), 1);

    assert_eq!(
        other.record(&second.token, &next).await.unwrap(),
        Fenced::Done
    );
    other.close().await;
    fixture.close().await;
}

#[tokio::test]
async fn a_claim_that_ended_still_writes_while_nobody_else_has_the_step() {
    let fixture = Fixture::with_devices(1).await;
    let held = fixture.started(0).await;
    fixture.expire_claim(held.token.execution_id).await;
    let next = success(State::TpvmConfigValidation);
    let fenced = fixture.ledger.record(&held.token, &next).await.unwrap();
    assert_eq!(fenced, Fenced::Done);
    fixture.close().await;
}

#[tokio::test]
async fn of_many_claims_at_once_one_is_granted() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.start(0).await;
    let others = [fixture.ledger.clone(), fixture.another().await];
    let mut claims = tokio::task::JoinSet::new();
    for index in 0..40 {
        let ledger = others[index % 2].clone();
        claims.spawn(async move { ledger.claim(&step, question("worker"), TTL).await.unwrap() });
    }
    let claims = claims.join_all().await;
    let granted = claims.iter().filter(|it| matches!(it, Claim::Held(_)));
    let busy = claims.iter().filter(|it| matches!(it, Claim::Busy { .. }));
    assert_eq!((granted.count(), busy.count()), (1, 39));
    let [_, other] = others;
    other.close().await;
    fixture.close().await;
}

#[tokio::test]
async fn messages_of_other_steps_are_told_apart() {
    let fixture = Fixture::with_devices(1).await;
    let held = fixture.started(0).await;
    let next = success(State::TpvmConfigValidation);
    let _ = fixture.ledger.record(&held.token, &next).await.unwrap();
    let found = Found {
        seq: 2,
        state: State::TpvmConfigValidation,
    };
    let claim = async |seq, state| {
        let step = StepRef {
            execution_id: held.token.execution_id,
            seq,
            state,
        };
        fixture
            .ledger
            .claim(&step, question("w"), TTL)
            .await
            .unwrap()
    };
    assert_eq!(
        claim(1, State::DeviceValidation).await,
        Claim::Behind(found)
    );
    assert_eq!(claim(3, State::TpvmUpgrade).await, Claim::Ahead(found));
    assert_eq!(claim(2, State::TpvmUpgrade).await, Claim::Ahead(found));
    let unknown = StepRef {
        execution_id: Uuid::new_v4(),
        seq: 1,
        state: State::DeviceValidation,
    };
    let missing = fixture
        .ledger
        .claim(&unknown, question("w"), TTL)
        .await
        .unwrap();
    assert_eq!(missing, Claim::Missing);
    assert!(matches!(
        claim(2, State::TpvmConfigValidation).await,
        Claim::Held(_)
    ));
    fixture.close().await;
}

#[tokio::test]
async fn a_finished_execution_is_never_claimed() {
    let fixture = Fixture::with_devices(1).await;
    let held = fixture.started(0).await;
    let end = the_end(
        Verdict::Failed,
        failure(State::DeviceValidation, State::WorkflowFinished),
    );
    let _ = fixture.ledger.record(&held.token, &end).await.unwrap();
    let found = Found {
        seq: 2,
        state: State::WorkflowFinished,
    };
    let step = StepRef {
        execution_id: held.token.execution_id,
        seq: 2,
        state: State::WorkflowFinished,
    };
    let claim = fixture
        .ledger
        .claim(&step, question("w"), TTL)
        .await
        .unwrap();
    assert_eq!(claim, Claim::Behind(found));
    fixture.close().await;
}

#[tokio::test]
async fn renewing_moves_the_end_of_the_claim_and_the_wake() {
    let fixture = Fixture::with_devices(1).await;
    let held = fixture.started(0).await;
    let ttl = Duration::from_secs(600);
    let id = held.token.execution_id;
    let renewed = fixture.ledger.renew(&held.token, ttl).await.unwrap();
    assert_eq!(renewed, Fenced::Done);
    for column in ["claim_until", "wake_at"] {
        let until = fixture.seconds_until(column, id).await;
        assert!((590.0..=600.0).contains(&until), "{column}: {until}");
    }
    fixture.close().await;
}

#[tokio::test]
async fn waiting_hands_the_step_back_and_counts_retries_in_a_row() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.start(0).await;
    let id = step.execution_id;
    let mut wait = Wait {
        after: Duration::from_secs(30),
        why: "the device is busy\0".into(),
        facts: Facts {
            tpvm_ip: Some("192.0.2.11".parse().unwrap()),
            ..Facts::default()
        },
        counts_as_attempt: false,
    };
    let first = fixture.hold(&step).await;
    let ledger = &fixture.ledger;
    assert_eq!(
        ledger.wait(&first.token, &wait).await.unwrap(),
        Fenced::Done
    );
    assert_eq!(
        ledger.wait(&first.token, &wait).await.unwrap(),
        Fenced::Stale
    );

    let execution = ledger.execution(id).await.unwrap().unwrap();
    assert_eq!(
        execution.detail.as_deref(),
        Some("the device is busy\u{fffd}")
    );
    assert_eq!((execution.attempts, execution.claimed_by), (0, None));
    let wake = fixture.seconds_until("wake_at", id).await;
    assert!((20.0..=30.0).contains(&wake), "{wake}");

    let second = fixture.hold(&step).await;
    assert_eq!(second.facts.tpvm_ip, wait.facts.tpvm_ip);
    wait.counts_as_attempt = true;
    assert_eq!(
        ledger.wait(&second.token, &wait).await.unwrap(),
        Fenced::Done
    );
    let third = fixture.hold(&step).await;
    assert_eq!(third.attempts, 1);
    let _ = ledger.wait(&third.token, &wait).await.unwrap();
    let fourth = fixture.hold(&step).await;
    assert_eq!(fourth.attempts, 2);
    wait.counts_as_attempt = false;
    let _ = ledger.wait(&fourth.token, &wait).await.unwrap();
    assert_eq!(fixture.hold(&step).await.attempts, 0);
    fixture.close().await;
}

#[tokio::test]
async fn when_holders_die_without_a_result_then_they_are_counted_and_nobody_else_is() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.start(0).await;
    let id = step.execution_id;
    let ledger = &fixture.ledger;
    let wait = Wait {
        after: Duration::ZERO,
        why: "nothing".into(),
        facts: Facts::default(),
        counts_as_attempt: false,
    };
    for deaths in 0..3 {
        let held = fixture.hold(&step).await;
        assert_eq!(held.deaths, deaths);
        // Neither does it count as a result.
        let facts = Facts::default();
        assert_eq!(ledger.renew(&held.token, TTL).await.unwrap(), Fenced::Done);
        assert_eq!(
            ledger.note(&held.token, &facts, TTL).await.unwrap(),
            Fenced::Done
        );
        fixture.expire_claim(id).await;
    }
    // One who asks again is one, and who lost a claim and lives is none.
    let mut claimant = Claimant::new("worker-2");
    for _ in 0..3 {
        let claim = ledger.claim(&step, claimant.ask(), TTL).await.unwrap();
        assert_eq!(held(claim).deaths, 3);
    }
    fixture.expire_claim(id).await;
    let fifth = fixture.hold(&step).await;
    assert_eq!(fifth.deaths, 4);
    fixture.expire_claim(id).await;
    let sixth = fixture.hold(&step).await;
    assert_eq!(sixth.deaths, 5);
    ledger.outlived(&fifth.token).await.unwrap();
    fixture.expire_claim(id).await;
    let seventh = fixture.hold(&step).await;
    assert_eq!(seventh.deaths, 5);

    assert_eq!(
        ledger.wait(&seventh.token, &wait).await.unwrap(),
        Fenced::Done
    );
    let held = fixture.hold(&step).await;
    assert_eq!(held.deaths, 0);
    fixture.expire_claim(id).await;
    let held = fixture.hold(&step).await;
    assert_eq!(held.deaths, 1);
    let next = success(State::TpvmConfigValidation);
    let next = fixture.moved(&held, &next).await;
    assert_eq!(next.deaths, 0);
    // What is said of a step that is over changes nothing.
    ledger.outlived(&held.token).await.unwrap();
    fixture.expire_claim(id).await;
    let step = StepRef {
        execution_id: id,
        seq: 2,
        state: State::TpvmConfigValidation,
    };
    assert_eq!(fixture.hold(&step).await.deaths, 1);
    fixture.close().await;
}
