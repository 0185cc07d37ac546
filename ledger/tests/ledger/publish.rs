use std::time::Duration;

use ledger::StepRef;
use schemas::{EventKind, State, UpdateState, Verdict};
use uuid::Uuid;

use crate::support::{Fixture, failure, success, the_end};

#[tokio::test]
async fn the_event_of_a_start_leads_to_the_first_step() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.start(0).await;
    let ledger = &fixture.ledger;
    let moved = ledger
        .transition(step.execution_id, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(moved.next, Some(step));
    assert_eq!(moved.failed_state, None);
    let event = moved.event;
    assert_eq!(event.kind, EventKind::StateChanged);
    assert_eq!((event.execution_id, event.seq), (step.execution_id, 1));
    assert_eq!(event.deployment.as_deref(), Some("fabric-0000"));
    assert_eq!(event.requested_by.as_str(), "alice");
    assert_eq!(event.from_state, State::WorkflowStarted);
    assert_eq!(event.state, State::DeviceValidation);
    assert_eq!(event.update_state, UpdateState::InProgress);
    assert_eq!(event.status, "Device Validation In-Progress");
    assert_eq!(
        (event.detailed_status.as_str(), event.failed_state.as_str()),
        ("None", "")
    );
    assert_eq!((event.upgrade_type, event.verdict), (None, None));
    assert_eq!(ledger.transition(step.execution_id, 2).await.unwrap(), None);
    assert_eq!(ledger.transition(Uuid::new_v4(), 1).await.unwrap(), None);
    fixture.close().await;
}

#[tokio::test]
async fn events_speak_of_their_own_move_also_later() {
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.started(0).await;
    let step = fixture
        .moved(&step, &success(State::TpvmConfigValidation))
        .await;
    let step = fixture.moved(&step, &success(State::TpvmUpgrade)).await;
    let step = fixture
        .moved(&step, &failure(State::TpvmUpgrade, State::TpvmRevert))
        .await;
    let mut end = the_end(Verdict::Reverted, success(State::WorkflowFinished));
    end.detail = Some("Reverted to 4.5.8".into());
    let _ = fixture.ledger.record(&step.token, &end).await.unwrap();
    let id = step.token.execution_id;
    let event = async |seq| fixture.ledger.transition(id, seq).await.unwrap().unwrap();

    let decided = event(3).await;
    assert_eq!(
        decided.event.upgrade_type.as_deref(),
        Some("normal upgrade")
    );
    assert_eq!(decided.event.failed_state, "");
    assert_eq!(decided.event.detailed_status, "on to tpvm-upgrade");

    let failed = event(4).await;
    assert_eq!(failed.failed_state, Some(State::TpvmUpgrade));
    let revert = StepRef {
        execution_id: id,
        seq: 4,
        state: State::TpvmRevert,
    };
    assert_eq!(failed.next, Some(revert));
    assert_eq!(failed.event.failed_state, "tpvm-upgrade-failed");
    assert_eq!(failed.event.update_state, UpdateState::InProgress);
    assert_eq!(
        failed.event.detailed_status,
        "tpvm-upgrade did not work. Remedy: mend tpvm-upgrade"
    );

    let ended = event(5).await;
    assert_eq!(ended.next, None);
    assert_eq!(ended.event.kind, EventKind::Finished);
    assert_eq!(ended.event.verdict, Some(Verdict::Reverted));
    assert_eq!(ended.event.update_state, UpdateState::Failed);
    assert_eq!(ended.event.failed_state, "tpvm-upgrade-failed");
    assert_eq!(
        ended.event.detailed_status,
        "Before the revert: tpvm-upgrade did not work. After it: Reverted to 4.5.8. Remedy: mend tpvm-upgrade"
    );
    fixture.close().await;
}

#[tokio::test]
async fn an_end_is_remembered_until_it_was_announced() {
    let fixture = Fixture::with_devices(2).await;
    let step = fixture.started(0).await;
    let id = step.token.execution_id;
    let unfinished = fixture.start(1).await;
    let ledger = &fixture.ledger;
    ledger.end_announced(unfinished.execution_id).await.unwrap();
    ledger.end_announced(id).await.unwrap();
    let end = failure(State::DeviceValidation, State::WorkflowFinished);
    let _ = ledger
        .record(&step.token, &the_end(Verdict::Failed, end))
        .await
        .unwrap();

    let hour = Duration::from_secs(3600);
    assert!(
        ledger
            .unannounced_ends(hour, 10, &[])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        ledger
            .unannounced_ends(Duration::ZERO, 0, &[])
            .await
            .unwrap()
            .is_empty()
    );
    let ends = ledger
        .unannounced_ends(Duration::ZERO, 10, &[])
        .await
        .unwrap();
    assert_eq!(ends.len(), 1);
    let event = &ends[0].as_ref().unwrap().event;
    assert_eq!((event.execution_id, event.seq), (id, 2));
    assert_eq!(event.status, "TPVM Upgrade Failed");

    ledger.end_announced(id).await.unwrap();
    ledger.end_announced(id).await.unwrap();
    assert!(
        ledger
            .unannounced_ends(Duration::ZERO, 10, &[])
            .await
            .unwrap()
            .is_empty()
    );
    fixture.close().await;
}
