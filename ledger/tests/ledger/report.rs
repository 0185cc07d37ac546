use ledger::Filter;
use schemas::{State, Verdict};

use crate::support::{Fixture, device_ip, failure, request, success, the_end};

#[tokio::test]
async fn executions_are_listed_newest_first_and_filtered() {
    let fixture = Fixture::with_devices(3).await;
    let mut ids = Vec::new();
    for index in 0..3 {
        ids.push(fixture.started(index).await);
    }
    let end = failure(State::DeviceValidation, State::WorkflowFinished);
    let end = the_end(Verdict::Failed, end);
    let _ = fixture.ledger.record(&ids[0].token, &end).await.unwrap();
    let again = fixture.start(0).await.execution_id;
    let [first, second, third] = [0, 1, 2].map(|i: usize| ids[i].token.execution_id);
    let list = async |filter: Filter| -> Vec<_> {
        let found = fixture.ledger.executions(&filter).await.unwrap();
        found.into_iter().map(|it| it.unwrap().id).collect()
    };

    let all = Filter::default();
    assert_eq!(list(all).await, [again, third, second, first]);
    let of_one = Filter {
        ip_address: Some(device_ip(0).parse().unwrap()),
        ..all
    };
    assert_eq!(list(of_one).await, [again, first]);
    let running = Filter {
        unfinished_only: true,
        ..of_one
    };
    assert_eq!(list(running).await, [again]);
    assert_eq!(list(Filter { limit: 2, ..all }).await, [again, third]);
    assert!(list(Filter { limit: -1, ..all }).await.is_empty());
    fixture.close().await;
}

#[tokio::test]
async fn an_execution_shows_the_device_it_is_for() {
    let fixture = Fixture::with_devices(1).await;
    let sql =
        "UPDATE devices SET model = '3012', chassis_name = 'SLX9250-32C' WHERE $1 IS NOT NULL";
    let step = fixture.start(0).await;
    fixture.sql(sql, step.execution_id).await;
    let stranger = fixture.start(9).await;
    let ledger = &fixture.ledger;
    let shown = ledger.execution(step.execution_id).await.unwrap().unwrap();
    let asked = request(0);
    assert_eq!(shown.ip_address, asked.ip_address);
    assert_eq!(shown.firmware_host, asked.firmware_host);
    assert_eq!(shown.tpvm_image, asked.tpvm_image);
    assert_eq!(shown.requested_by, asked.requested_by);
    assert_eq!(shown.host_name.as_deref(), Some("leaf-1"));
    assert_eq!(shown.model.as_deref(), Some("3012"));
    assert_eq!(shown.chassis_name.as_deref(), Some("SLX9250-32C"));
    let shown = ledger
        .execution(stranger.execution_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((shown.host_name, shown.deployment), (None, None));
    let nobody = ledger.execution(uuid::Uuid::new_v4()).await.unwrap();
    assert_eq!(nobody, None);
    fixture.close().await;
}

#[tokio::test]
async fn counts_are_by_state_and_by_who_holds_it() {
    let fixture = Fixture::with_devices(4).await;
    assert!(fixture.ledger.counts().await.unwrap().is_empty());
    fixture.start(0).await;
    fixture.started(1).await;
    let moved = fixture.started(2).await;
    let next = success(State::TpvmConfigValidation);
    let _ = fixture.ledger.record(&moved.token, &next).await.unwrap();
    let ended = fixture.started(3).await;
    let end = failure(State::DeviceValidation, State::WorkflowFinished);
    let end = the_end(Verdict::Failed, end);
    let _ = fixture.ledger.record(&ended.token, &end).await.unwrap();

    let counts = fixture.ledger.counts().await.unwrap();

    let shown: Vec<_> = counts
        .iter()
        .map(|it| (it.state, it.unfinished, it.waiting, it.claimed))
        .collect();
    assert_eq!(
        shown,
        [
            (State::DeviceValidation, 2, 1, 1),
            (State::TpvmConfigValidation, 1, 1, 0)
        ]
    );
    // The held one wakes when its claim ends: a minute from now, before the other's hour.
    let wake = counts[0].oldest_wake_at;
    assert!(wake < counts[1].oldest_wake_at);
    fixture.close().await;
}
