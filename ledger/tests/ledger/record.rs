use chrono::Utc;
use ledger::{Baseline, Facts, Failure, Fenced, Intent};
use schemas::{Case, Outcome, State, Verdict};

use crate::support::{Fixture, LATER, TTL, failure, success, the_end};

#[tokio::test]
async fn a_move_writes_state_and_history_and_ends_the_claim() {
    let fixture = Fixture::with_devices(1).await;
    let held = fixture.started(0).await;
    let id = held.token.execution_id;
    let mut next = success(State::TpvmConfigValidation);
    next.facts.slx_version = Some("20.5.1a".into());
    let ledger = &fixture.ledger;
    assert_eq!(
        ledger.record(&held.token, &next).await.unwrap(),
        Fenced::Done
    );

    let execution = ledger.execution(id).await.unwrap().unwrap();
    assert_eq!(
        (execution.seq, execution.state),
        (2, State::TpvmConfigValidation)
    );
    assert_eq!((execution.claimed_by, execution.verdict), (None, None));
    let wake = fixture.seconds_until("wake_at", id).await;
    assert!(
        (LATER.as_secs_f64() - 10.0..=LATER.as_secs_f64()).contains(&wake),
        "{wake}"
    );

    let history = ledger.history(id).await.unwrap();
    assert_eq!(history.len(), 2);
    let row = &history[1];
    assert_eq!(
        (row.seq, row.from, row.to),
        (2, State::DeviceValidation, next.to)
    );
    assert_eq!(
        (row.outcome, row.worker.as_str()),
        (Outcome::Success, "worker-1")
    );
    assert_eq!((&row.facts, &row.detail), (&next.facts, &next.detail));
    assert_eq!(row.started_at, held.started_at);
    assert!(row.ended_at >= row.started_at);
    fixture.close().await;
}

#[tokio::test]
async fn a_move_is_recorded_once() {
    let fixture = Fixture::with_devices(1).await;
    let held = fixture.started(0).await;
    let next = success(State::TpvmConfigValidation);
    let ledger = &fixture.ledger;
    let both = tokio::join!(
        ledger.record(&held.token, &next),
        ledger.record(&held.token, &next)
    );
    let both = [both.0.unwrap(), both.1.unwrap()];
    assert!(
        both.contains(&Fenced::Done) && both.contains(&Fenced::Stale),
        "{both:?}"
    );
    let history = ledger.history(held.token.execution_id).await.unwrap();
    assert_eq!(history.len(), 2);
    fixture.close().await;
}

#[tokio::test]
async fn facts_are_merged_key_by_key_and_unknown_ones_stay() {
    let fixture = Fixture::with_devices(1).await;
    let held = fixture.started(0).await;
    let id = held.token.execution_id;
    let unknown = "UPDATE executions SET facts = '{\"from_the_future\": [1]}' WHERE id = $1";
    assert_eq!(fixture.sql(unknown, id).await, 1);
    let baseline = Baseline {
        version: Some("4.5.8".into()),
        tags: vec!["a\0b".into()],
        deployed_at: Some("yesterday".into()),
        ..Baseline::default()
    };
    let intent = Intent::after(None, Utc::now(), baseline);
    let noted = Facts {
        from_version: Some("4.5.8".into()),
        target_version: Some("4.5.9".into()),
        upgrade: Some(intent.clone()),
        ..Facts::default()
    };
    let fenced = fixture.ledger.note(&held.token, &noted, TTL).await.unwrap();
    assert_eq!(fenced, Fenced::Done);
    let mut next = success(State::TpvmConfigValidation);
    next.facts.target_version = Some("4.6.0".into());

    let facts = fixture.moved(&held, &next).await.facts;

    assert_eq!(facts.from_version.as_deref(), Some("4.5.8"));
    assert_eq!(facts.target_version.as_deref(), Some("4.6.0"));
    let kept = facts.upgrade.unwrap();
    assert_eq!((kept.at, kept.sends), (intent.at, 1));
    assert_eq!(kept.baseline.tags, ["a\u{fffd}b"]);
    let stored: String = sqlx::query_scalar("SELECT facts ->> 'from_the_future' FROM executions")
        .fetch_one(&fixture.pool)
        .await
        .unwrap();
    assert_eq!(stored, "[1]");
    let execution = fixture.ledger.execution(id).await.unwrap().unwrap();
    assert_eq!(execution.from_version.as_deref(), Some("4.5.8"));
    assert_eq!(execution.target_version.as_deref(), Some("4.6.0"));
    fixture.close().await;
}

#[tokio::test]
async fn a_reverted_upgrade_keeps_what_failed_and_why() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.started(0).await;
    let step = fixture
        .moved(&step, &success(State::TpvmConfigValidation))
        .await;
    let step = fixture.moved(&step, &success(State::TpvmUpgrade)).await;
    assert_eq!(step.case, Some(Case::NormalUpgrade));
    let failed = failure(State::TpvmUpgrade, State::TpvmRevert);
    let step = fixture.moved(&step, &failed).await;
    assert_eq!(step.failed_state, Some(State::TpvmUpgrade));
    assert_eq!(step.failure, failed.failure);

    let end = the_end(Verdict::Reverted, success(State::WorkflowFinished));
    let fenced = fixture.ledger.record(&step.token, &end).await.unwrap();
    assert_eq!(fenced, Fenced::Done);

    let id = step.token.execution_id;
    let execution = fixture.ledger.execution(id).await.unwrap().unwrap();
    assert_eq!(execution.verdict, Some(Verdict::Reverted));
    assert_eq!(execution.failed_state, Some(State::TpvmUpgrade));
    assert_eq!(execution.failure, failed.failure);
    assert_eq!(execution.case, Some(Case::NormalUpgrade));
    assert!(execution.finished_at.is_some() && execution.wake_at.is_none());
    fixture.close().await;
}

#[tokio::test]
async fn a_failed_revert_replaces_the_failure_that_led_to_it() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.started(0).await;
    let step = fixture
        .moved(&step, &success(State::TpvmConfigValidation))
        .await;
    let step = fixture.moved(&step, &success(State::TpvmUpgrade)).await;
    let failed = failure(State::TpvmUpgrade, State::TpvmRevert);
    let step = fixture.moved(&step, &failed).await;
    let end = failure(State::TpvmRevert, State::WorkflowFinished);
    let end = the_end(Verdict::RevertFailed, end);
    let _ = fixture.ledger.record(&step.token, &end).await.unwrap();
    let id = step.token.execution_id;
    let execution = fixture.ledger.execution(id).await.unwrap().unwrap();
    assert_eq!(execution.failed_state, Some(State::TpvmRevert));
    assert_eq!(execution.failure, end.failure);
    let history = fixture.ledger.history(id).await.unwrap();
    assert_eq!(history[3].failure, failed.failure);
    assert_eq!(history[4].failure, end.failure);
    fixture.close().await;
}

#[tokio::test]
async fn texts_are_kept_up_to_a_length() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.started(0).await;
    let end = failure(State::DeviceValidation, State::WorkflowFinished);
    let mut end = the_end(Verdict::Failed, end);
    end.failure = Some(Failure {
        cause: "é".repeat(5_000),
        remedy: "x".repeat(4_000),
    });
    let _ = fixture.ledger.record(&step.token, &end).await.unwrap();
    let history = fixture
        .ledger
        .history(step.token.execution_id)
        .await
        .unwrap();
    let kept = history[1].failure.as_ref().unwrap();
    assert_eq!(kept.cause.chars().count(), 4_000);
    assert!(kept.cause.ends_with("é…"));
    assert_eq!(kept.remedy.len(), 4_000);
    fixture.close().await;
}
