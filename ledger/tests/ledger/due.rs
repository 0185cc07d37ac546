use std::collections::HashSet;
use std::time::Duration;

use ledger::{Facts, Wait};
use schemas::{State, Verdict};
use tokio::task::JoinSet;

use crate::support::{Fixture, failure, success, the_end};

const AGAIN: Duration = Duration::from_secs(30);

#[tokio::test]
async fn only_what_is_unfinished_and_due_is_given() {
    let fixture = Fixture::with_devices(3).await;
    let waiting = fixture.start(0).await;
    let due = fixture.start(1).await;
    fixture.make_due(due.execution_id).await;
    let ended = fixture.started(2).await;
    let end = failure(State::DeviceValidation, State::WorkflowFinished);
    let end = the_end(Verdict::Failed, end);
    let _ = fixture.ledger.record(&ended.token, &end).await.unwrap();

    let given = fixture.ledger.due(10, AGAIN).await.unwrap();

    assert_eq!(given.len(), 1);
    assert_eq!((given[0].step, given[0].copies), (due, 1));
    assert_eq!(given[0].failed_state, None);
    fixture.make_due(waiting.execution_id).await;
    assert_eq!(
        fixture.ledger.due(10, AGAIN).await.unwrap()[0].step,
        waiting
    );
    fixture.close().await;
}

#[tokio::test]
async fn a_revert_is_due_with_the_state_that_failed() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.started(0).await;
    let step = fixture
        .moved(&step, &success(State::TpvmConfigValidation))
        .await;
    let step = fixture.moved(&step, &success(State::TpvmUpgrade)).await;
    let failed = failure(State::TpvmUpgrade, State::TpvmRevert);
    let _ = fixture.ledger.record(&step.token, &failed).await.unwrap();
    fixture.make_due(step.token.execution_id).await;
    let given = fixture.ledger.due(10, AGAIN).await.unwrap();
    assert_eq!(given[0].step.state, State::TpvmRevert);
    assert_eq!(given[0].failed_state, Some(State::TpvmUpgrade));
    fixture.close().await;
}

#[tokio::test]
async fn each_step_is_given_to_one_caller() {
    let fixture = Fixture::with_devices(50).await;
    for index in 0..50 {
        let step = fixture.start(index).await;
        fixture.make_due(step.execution_id).await;
    }
    let other = fixture.another().await;
    let mut callers = JoinSet::new();
    for index in 0..10 {
        let ledger = if index % 2 == 0 {
            &fixture.ledger
        } else {
            &other
        }
        .clone();
        callers.spawn(async move { ledger.due(20, AGAIN).await.unwrap() });
    }
    let mut given: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    // What was locked by another caller was skipped; whoever asks again gets it.
    given.extend(fixture.ledger.due(50, AGAIN).await.unwrap());
    let different: HashSet<_> = given.iter().map(|due| due.step).collect();
    assert_eq!((given.len(), different.len()), (50, 50));
    other.close().await;
    fixture.close().await;
}

#[tokio::test]
async fn the_longest_due_come_first_and_no_more_than_asked_for() {
    let fixture = Fixture::with_devices(3).await;
    let mut steps = Vec::new();
    for index in 0..3 {
        let step = fixture.start(index).await;
        fixture.make_due(step.execution_id).await;
        steps.push(step);
    }
    let first = fixture.ledger.due(2, AGAIN).await.unwrap();
    let first: HashSet<_> = first.into_iter().map(|due| due.step).collect();
    assert_eq!(first, HashSet::from([steps[0], steps[1]]));
    assert!(fixture.ledger.due(0, AGAIN).await.unwrap().is_empty());
    fixture.close().await;
}

#[tokio::test]
async fn what_nobody_claims_is_due_less_and_less_often() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.start(0).await;
    let id = step.execution_id;
    for (copies, factor) in [
        (1, 1.0),
        (2, 2.0),
        (3, 4.0),
        (4, 8.0),
        (5, 16.0),
        (6, 32.0),
        (7, 64.0),
        (8, 64.0),
    ] {
        fixture.make_due(id).await;
        let due = fixture.ledger.due(1, AGAIN).await.unwrap();
        assert_eq!(due[0].copies, copies);
        let wake = fixture.seconds_until("wake_at", id).await;
        let expected = 30.0 * factor;
        assert!(
            (expected - 5.0..=expected).contains(&wake),
            "{copies}: {wake}"
        );
    }
    fixture.hold(&step).await;
    fixture.make_due(id).await;
    assert_eq!(fixture.ledger.due(1, AGAIN).await.unwrap()[0].copies, 1);
    fixture.close().await;
}

#[tokio::test]
async fn whether_a_step_was_ever_claimed_is_told() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.start(0).await;
    let taken_up = async || {
        fixture.make_due(step.execution_id).await;
        let due = fixture.ledger.due(1, AGAIN).await.unwrap();
        due[0].taken_up
    };
    assert!(!taken_up().await);
    let held = fixture.hold(&step).await;
    assert!(taken_up().await);
    let wait = Wait {
        after: AGAIN,
        why: "busy".into(),
        facts: Facts::default(),
        counts_as_attempt: false,
    };
    let _ = fixture.ledger.wait(&held.token, &wait).await.unwrap();
    assert!(taken_up().await);
    let held = fixture.hold(&step).await;
    let next = success(State::TpvmConfigValidation);
    let _ = fixture.ledger.record(&held.token, &next).await.unwrap();
    assert!(!taken_up().await);
    fixture.close().await;
}

#[tokio::test]
async fn a_step_that_somebody_writes_holds_up_no_other() {
    let fixture = Fixture::with_devices(2).await;
    let (written, free) = (fixture.start(0).await, fixture.start(1).await);
    fixture.make_due(written.execution_id).await;
    fixture.make_due(free.execution_id).await;
    let mut writer = fixture.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM executions WHERE id = $1 FOR NO KEY UPDATE")
        .bind(written.execution_id)
        .execute(&mut *writer)
        .await
        .unwrap();
    let due = fixture.ledger.due(10, AGAIN);
    let due = tokio::time::timeout(Duration::from_secs(20), due).await;
    let steps: Vec<_> = due.unwrap().unwrap().iter().map(|it| it.step).collect();
    assert_eq!(steps, [free]);
    writer.rollback().await.unwrap();
    fixture.close().await;
}
