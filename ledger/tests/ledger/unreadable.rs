use ledger::{Claim, LedgerError};
use tokio::task::JoinSet;

use crate::support::{Fixture, TTL};

#[tokio::test]
async fn a_row_that_cannot_be_read_fails_alone() {
    let fixture = Fixture::with_devices(10).await;
    let mut steps = Vec::new();
    for index in 0..10 {
        steps.push(fixture.start(index).await);
    }
    let poisoned = steps[3].execution_id;
    let sql = "UPDATE executions SET facts = '{\"upgrade\": 7}' WHERE id = $1";
    assert_eq!(fixture.sql(sql, poisoned).await, 1);

    let mut claims = JoinSet::new();
    for step in steps {
        let ledger = fixture.ledger.clone();
        claims.spawn(async move { (step.execution_id, ledger.claim(&step, "w", TTL).await) });
    }
    for (id, claim) in claims.join_all().await {
        match claim {
            Err(error) if id == poisoned => {
                assert!(!error.is_transient());
                assert!(
                    matches!(&error, LedgerError::Undecodable { execution_id, what }
                        if *execution_id == poisoned && what.starts_with("facts")),
                    "{error:?}"
                );
            }
            claim => assert!(matches!(claim.unwrap(), Claim::Held(_))),
        }
    }
    let all = fixture
        .ledger
        .executions(&Default::default())
        .await
        .unwrap();
    assert_eq!(all.len(), 10);
    fixture.close().await;
}

#[tokio::test]
async fn lists_leave_out_what_cannot_be_read() {
    let fixture = Fixture::with_devices(2).await;
    let (good, bad) = (fixture.start(0).await, fixture.start(1).await);
    let id = bad.execution_id;
    let sql = "UPDATE executions SET tpvm_image = '/a b' WHERE id = $1";
    assert_eq!(fixture.sql(sql, id).await, 1);
    let all = fixture
        .ledger
        .executions(&Default::default())
        .await
        .unwrap();
    assert_eq!(
        all.iter().map(|it| it.id).collect::<Vec<_>>(),
        [good.execution_id]
    );
    let error = fixture.ledger.execution(id).await.unwrap_err();
    assert!(matches!(error, LedgerError::Undecodable { execution_id, .. } if execution_id == id));

    let sql = "UPDATE executions SET requested_by = E'a\\nb' WHERE id = $1";
    assert_eq!(fixture.sql(sql, id).await, 1);
    let error = fixture.ledger.transition(id, 1).await.unwrap_err();
    assert!(error.to_string().contains("requested_by"), "{error}");
    fixture.close().await;
}
