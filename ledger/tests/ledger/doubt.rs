//! Connections that a server's answer puts in doubt are not used again.

use std::time::{Duration, Instant};

use ledger::{Claim, Ledger, LedgerError, LedgerOptions};

use crate::support::{Fixture, LATER, TTL, question, request};

/// Asks again, as a worker does, as long as the error may pass.
async fn until_it_passes<T>(
    mut ask: impl AsyncFnMut() -> Result<T, LedgerError>,
) -> (T, Vec<LedgerError>) {
    let begun = Instant::now();
    let mut errors = Vec::new();
    loop {
        match ask().await {
            Ok(answer) => return (answer, errors),
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                assert!(begun.elapsed() < Duration::from_secs(20), "still {error:?}");
                errors.push(error);
            }
        }
    }
}

#[tokio::test]
async fn when_a_migration_changes_a_type_then_open_connections_are_replaced() {
    let fixture = Fixture::with_devices(2).await;
    // The statement is prepared, with the type of before.
    fixture.started(0).await;
    let step = fixture.start(1).await;
    sqlx::query("ALTER TABLE executions ALTER COLUMN requested_by TYPE varchar(200)")
        .execute(&fixture.pool)
        .await
        .unwrap();

    let ask = async || fixture.ledger.claim(&step, question("worker-1"), TTL).await;
    let (claim, errors) = until_it_passes(ask).await;

    assert!(matches!(claim, Claim::Held(_)), "{claim:?}");
    assert!(errors.len() <= 1, "all connections are suspect: {errors:?}");
    fixture.close().await;
}

#[tokio::test]
async fn when_connections_were_made_to_a_read_only_server_then_they_are_replaced() {
    let fixture = Fixture::with_devices(1).await;
    let name: String = sqlx::query_scalar("SELECT current_database()")
        .fetch_one(&fixture.pool)
        .await
        .unwrap();
    let set = async |what: &str| {
        let sql = format!("ALTER DATABASE \"{name}\" {what}");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql));
        query.execute(&fixture.pool).await.unwrap();
    };
    set("SET default_transaction_read_only = on").await;
    let options = LedgerOptions {
        max_connections: 3,
        ..LedgerOptions::default()
    };
    let ledger = Ledger::connect(fixture.database.url(), &options)
        .await
        .unwrap();
    let (one, other) = tokio::join!(ledger.ping(), ledger.ping());
    one.and(other).unwrap();
    let refused = ledger.accept(&request(0), LATER).await.unwrap_err();
    assert!(refused.is_transient(), "{refused:?}");
    set("RESET default_transaction_read_only").await;

    let ask = async || ledger.accept(&request(0), LATER).await;
    let (_, errors) = until_it_passes(ask).await;

    assert!(
        errors.is_empty(),
        "a suspect connection was used: {errors:?}"
    );
    ledger.close().await;
    fixture.close().await;
}
