use std::time::Duration;

use ledger::{Claim, LedgerError, Postponed};
use tokio::task::JoinSet;

use crate::support::{Fixture, TTL, question};

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
        claims.spawn(async move {
            (
                step.execution_id,
                ledger.claim(&step, question("w"), TTL).await,
            )
        });
    }
    for (id, claim) in claims.join_all().await {
        match claim {
            Ok(Claim::Unreadable { token, problem }) => {
                assert_eq!((id, token.execution_id), (poisoned, poisoned));
                assert!(problem.contains(&id.to_string()), "{problem}");
                assert!(problem.contains("facts: "), "{problem}");
            }
            claim => assert!(id != poisoned && matches!(claim.unwrap(), Claim::Held(_))),
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

/// The waits double while the same is wrong, up to a bound, and begin anew with another problem.
#[tokio::test]
async fn a_step_is_put_off_for_longer_and_longer() {
    const AGAIN: Duration = Duration::from_secs(30);
    let fixture = Fixture::with_devices(1).await;
    let step = fixture.start(0).await;
    let id = step.execution_id;
    let mut waits = Vec::new();
    let mut postponed = Vec::new();
    for known_for in [0, 30, 60, 100_000] {
        let held = fixture.hold(&step).await;
        let known = "UPDATE executions SET updated_at = updated_at - make_interval(secs => $2) WHERE id = $1";
        let query = sqlx::query(known).bind(id).bind(f64::from(known_for));
        query.execute(&fixture.pool).await.unwrap();
        let put_off = fixture.ledger.postpone(&held.token, "facts: bad", AGAIN);
        postponed.push(put_off.await.unwrap());
        waits.push(fixture.seconds_until("wake_at", id).await);
        let stale = fixture.ledger.postpone(&held.token, "facts: bad", AGAIN);
        assert_eq!(stale.await.unwrap(), Postponed::Stale);
    }
    use Postponed::{Again, First};
    assert_eq!(postponed, [First, Again, Again, Again]);
    for (wait, expected) in waits.iter().zip([30.0, 30.0, 90.0, 64.0 * 30.0]) {
        assert!((wait - expected).abs() < 10.0, "{waits:?}");
    }
    let shown = fixture.ledger.execution(id).await.unwrap().unwrap();
    assert_eq!(shown.detail.as_deref(), Some("facts: bad"));
    assert_eq!((shown.claimed_by, shown.attempts), (None, 0));

    let held = fixture.hold(&step).await;
    let other = fixture.ledger.postpone(&held.token, "another one", AGAIN);
    assert_eq!(other.await.unwrap(), First);
    assert!(fixture.seconds_until("wake_at", id).await <= AGAIN.as_secs_f64());
    fixture.close().await;
}

#[tokio::test]
async fn lists_name_what_cannot_be_read_and_show_the_rest() {
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
    let [
        Err(LedgerError::Undecodable { execution_id, .. }),
        Ok(shown),
    ] = &all[..]
    else {
        panic!("{all:?}")
    };
    assert_eq!((*execution_id, shown.id), (id, good.execution_id));
    let error = fixture.ledger.execution(id).await.unwrap_err();
    assert!(matches!(error, LedgerError::Undecodable { execution_id, .. } if execution_id == id));

    let sql = "UPDATE executions SET requested_by = E'a\\nb' WHERE id = $1";
    assert_eq!(fixture.sql(sql, id).await, 1);
    let error = fixture.ledger.transition(id, 1).await.unwrap_err();
    assert!(error.to_string().contains("requested_by"), "{error}");
    fixture.close().await;
}
