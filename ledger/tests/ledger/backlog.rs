//! Events that could not be published.

use ledger::{Backlog, Published};
use schemas::{State, Verdict};
use uuid::Uuid;

use crate::support::{Fixture, failure, success, the_end};

/// What was published, all of it confirmed, up to here.
fn confirmed(to: i32) -> Published {
    Published {
        confirmed_to: to,
        sent_to: to,
        refused: false,
    }
}

/// The one backlog, at once.
async fn taken(fixture: &Fixture, id: Uuid) -> Backlog {
    let due = "UPDATE executions SET event_retry_at = now() WHERE id = $1";
    assert_eq!(fixture.sql(due, id).await, 1);
    let taken = fixture.ledger.take_backlogs(10).await.unwrap();
    let [backlog] = taken[..] else {
        panic!("{taken:?}")
    };
    assert_eq!(backlog.execution_id, id);
    backlog
}

async fn backlogged(fixture: &Fixture, id: Uuid, seq: i32) -> bool {
    let moved = fixture.ledger.transition(id, seq).await.unwrap();
    moved.unwrap().backlogged
}

#[tokio::test]
async fn when_an_event_is_deferred_then_the_later_ones_wait_until_all_are_confirmed() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.started(0).await;
    let (ledger, id) = (&fixture.ledger, step.token.execution_id);
    assert!(!backlogged(&fixture, id, 1).await);
    ledger.defer_events(id, 1, true).await.unwrap();
    assert!(backlogged(&fixture, id, 1).await);
    let backlog = taken(&fixture, id).await;
    assert_eq!((backlog.from, backlog.sent_to), (1, 1));
    // It is one caller's.
    assert_eq!(ledger.take_backlogs(10).await.unwrap(), []);

    // Recorded while the first is published: it belongs to the backlog, which is not over.
    let step = fixture
        .moved(&step, &success(State::TpvmConfigValidation))
        .await;
    assert!(backlogged(&fixture, id, 2).await);
    ledger
        .events_published(&backlog, confirmed(1))
        .await
        .unwrap();
    assert!(backlogged(&fixture, id, 2).await);
    let backlog = taken(&fixture, id).await;
    assert_eq!(backlog.from, 2);
    let events = ledger.transitions_from(id, 2, 10).await.unwrap();
    let seqs: Vec<i32> = events.iter().map(|moved| moved.event.seq).collect();
    assert_eq!(seqs, [2]);
    ledger
        .events_published(&backlog, confirmed(2))
        .await
        .unwrap();
    assert!(!backlogged(&fixture, id, 2).await);
    assert_eq!(ledger.take_backlogs(10).await.unwrap(), []);
    drop(step);
    fixture.close().await;
}

#[tokio::test]
async fn when_the_end_is_part_of_a_backlog_then_it_is_announced_with_it() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.started(0).await;
    let (ledger, id) = (&fixture.ledger, step.token.execution_id);
    let end = the_end(
        Verdict::Failed,
        failure(State::DeviceValidation, State::WorkflowFinished),
    );
    let _ = ledger.record(&step.token, &end).await.unwrap();
    ledger.defer_events(id, 2, false).await.unwrap();
    // The other loop leaves it alone.
    let ends = ledger.unannounced_ends(std::time::Duration::ZERO, 10, &[]);
    assert!(ends.await.unwrap().is_empty());
    let backlog = taken(&fixture, id).await;
    assert_eq!((backlog.from, backlog.sent_to), (2, 1));
    let announced = "UPDATE executions SET updated_at = now()
                     WHERE id = $1 AND end_announced_at IS NOT NULL";
    assert_eq!(fixture.sql(announced, id).await, 0);
    ledger
        .events_published(&backlog, confirmed(2))
        .await
        .unwrap();
    assert_eq!(fixture.sql(announced, id).await, 1);
    fixture.close().await;
}

#[tokio::test]
async fn when_an_earlier_event_is_deferred_then_the_backlog_begins_there_whoever_publishes() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.started(0).await;
    let (ledger, id) = (&fixture.ledger, step.token.execution_id);
    let _step = fixture
        .moved(&step, &success(State::TpvmConfigValidation))
        .await;
    ledger.defer_events(id, 2, true).await.unwrap();
    let backlog = taken(&fixture, id).await;
    ledger.defer_events(id, 1, true).await.unwrap();
    // What the other one confirms says nothing of the first.
    ledger
        .events_published(&backlog, confirmed(2))
        .await
        .unwrap();
    assert_eq!(taken(&fixture, id).await.from, 1);
    ledger.defer_events(id, 2, true).await.unwrap();
    assert_eq!(taken(&fixture, id).await.from, 1, "the earliest stays");
    fixture.close().await;
}

#[tokio::test]
async fn when_a_backlog_fails_for_longer_then_it_is_tried_less_often() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.started(0).await;
    let (ledger, id) = (&fixture.ledger, step.token.execution_id);
    ledger.defer_events(id, 1, true).await.unwrap();
    for (failing_for, pause) in [(0, 1.0), (40, 10.0), (400, 100.0), (40_000, 600.0)] {
        let since = sqlx::query(
            "UPDATE executions SET event_backlog_since = now() - make_interval(secs => $2)
             WHERE id = $1",
        );
        since
            .bind(id)
            .bind(f64::from(failing_for))
            .execute(&fixture.pool)
            .await
            .unwrap();
        taken(&fixture, id).await;
        let until = fixture.seconds_until("event_retry_at", id).await;
        assert!((until - pause).abs() < 3.0, "{failing_for}: {until}");
    }
    fixture.close().await;
}
