use ledger::{Acceptance, Filter, Ledger};
use schemas::{Outcome, State, UpgradeRequest, Verdict};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Fixture, LATER, failure, request, the_end};

async fn all_at_once(ledgers: &[Ledger], requests: Vec<UpgradeRequest>) -> Vec<Acceptance> {
    let mut tasks = JoinSet::new();
    for (index, request) in requests.into_iter().enumerate() {
        let ledger = ledgers[index % ledgers.len()].clone();
        tasks.spawn(async move { ledger.accept(&request, LATER).await.unwrap() });
    }
    tasks.join_all().await
}

fn fresh(acceptance: &Acceptance) -> Option<Uuid> {
    match acceptance {
        Acceptance::Accepted {
            execution_id,
            duplicate: false,
        } => Some(*execution_id),
        _ => None,
    }
}

#[tokio::test]
async fn accepting_is_the_first_move() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.start(0).await;
    let history = fixture.ledger.history(step.execution_id).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].seq, 1);
    assert_eq!(history[0].from, State::WorkflowStarted);
    assert_eq!(history[0].to, State::DeviceValidation);
    assert_eq!(history[0].outcome, Outcome::Success);
    assert_eq!(history[0].worker, "alice");
    let wake = fixture.seconds_until("wake_at", step.execution_id).await;
    assert!((3590.0..=3600.0).contains(&wake), "{wake}");
    fixture.close().await;
}

#[tokio::test]
async fn the_same_request_is_the_same_execution() {
    let fixture = Fixture::with_devices(1).await;
    let asked = request(0);
    let first = fixture.ledger.accept(&asked, LATER).await.unwrap();
    let execution_id = fresh(&first).unwrap();
    let duplicate = Acceptance::Accepted {
        execution_id,
        duplicate: true,
    };
    let again = fixture.ledger.accept(&asked, LATER).await.unwrap();
    assert_eq!(again, duplicate);

    let mut other = asked.clone();
    other.options.force = !other.options.force;
    let reused = fixture.ledger.accept(&other, LATER).await.unwrap();
    assert_eq!(reused, Acceptance::RequestIdReused { execution_id });

    let step = ledger::StepRef {
        execution_id,
        seq: 1,
        state: State::DeviceValidation,
    };
    let held = fixture.hold(&step).await;
    let end = failure(State::DeviceValidation, State::WorkflowFinished);
    let end = the_end(Verdict::Failed, end);
    let _ = fixture.ledger.record(&held.token, &end).await.unwrap();
    let after = fixture.ledger.accept(&asked, LATER).await.unwrap();
    assert_eq!(after, duplicate);
    fixture.close().await;
}

#[tokio::test]
async fn a_deployment_has_one_upgrade_at_a_time() {
    let fixture = Fixture::with_devices(2).await;
    let running = fixture.start(0).await;
    let busy = Acceptance::Busy {
        running: running.execution_id,
    };
    let answer = fixture.ledger.accept(&request(0), LATER).await.unwrap();
    assert_eq!(answer, busy);
    fixture.start(1).await;

    let held = fixture.hold(&running).await;
    let end = failure(State::DeviceValidation, State::WorkflowFinished);
    let end = the_end(Verdict::Failed, end);
    let _ = fixture.ledger.record(&held.token, &end).await.unwrap();
    let next = fixture.ledger.accept(&request(0), LATER).await.unwrap();
    assert!(fresh(&next).is_some(), "{next:?}");
    fixture.close().await;
}

#[tokio::test]
async fn a_device_that_is_not_registered_is_accepted_without_a_deployment() {
    let fixture = Fixture::new().await;
    let first = fixture.start(7).await;
    let second = fixture.start(7).await;
    assert_ne!(first, second);
    assert_eq!(fixture.hold(&first).await.deployment, None);
    fixture.close().await;
}

#[tokio::test]
async fn of_many_requests_at_once_one_wins() {
    let fixture = Fixture::with_devices(1).await;
    let ledgers = [fixture.ledger.clone(), fixture.another().await];
    let answers = all_at_once(&ledgers, (0..32).map(|_| request(0)).collect()).await;
    let winners: Vec<Uuid> = answers.iter().filter_map(fresh).collect();
    let [running] = winners[..] else {
        panic!("{answers:?}");
    };
    let losers = answers
        .iter()
        .filter(|answer| **answer == Acceptance::Busy { running });
    assert_eq!(losers.count(), 31);
    let [_, other] = ledgers;
    other.close().await;
    fixture.close().await;
}

#[tokio::test]
async fn the_same_request_many_times_at_once_starts_one_execution() {
    let fixture = Fixture::with_devices(1).await;
    let ledgers = [fixture.ledger.clone(), fixture.another().await];
    let asked = request(0);
    let answers = all_at_once(&ledgers, vec![asked; 32]).await;
    assert_eq!(answers.iter().filter_map(fresh).count(), 1);
    let executions = fixture.ledger.executions(&Filter::default()).await.unwrap();
    assert_eq!(executions.len(), 1);
    let expected = executions[0].as_ref().unwrap().id;
    for answer in &answers {
        assert!(
            matches!(answer, Acceptance::Accepted { execution_id, .. } if *execution_id == expected),
            "{answer:?}"
        );
    }
    let [_, other] = ledgers;
    other.close().await;
    fixture.close().await;
}

#[tokio::test]
async fn two_ledgers_accept_for_many_deployments_without_getting_stuck() {
    let fixture = Fixture::with_devices(40).await;
    let ledgers = [fixture.ledger.clone(), fixture.another().await];
    // Each deployment is asked for by both ledgers, in opposite orders.
    let requests = (0..40)
        .flat_map(|i| [request(i), request(39 - i)])
        .collect();
    let answers = all_at_once(&ledgers, requests).await;
    assert_eq!(answers.iter().filter_map(fresh).count(), 40);
    let [_, other] = ledgers;
    other.close().await;
    fixture.close().await;
}
