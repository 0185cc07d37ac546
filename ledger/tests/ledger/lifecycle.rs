use std::error::Error;
use std::task::Poll;
use std::time::{Duration, Instant};

use ledger::{Fenced, Ledger, LedgerError, LedgerOptions};
use schemas::State;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::{Fixture, TTL, success};

#[tokio::test]
async fn many_may_migrate_at_once_and_again() {
    let database = services::database().await.unwrap();
    let options = LedgerOptions::default();
    let ledger = Ledger::connect(database.url(), &options).await.unwrap();
    let before = ledger.check_schema().await.unwrap_err();
    assert!(matches!(before, LedgerError::SchemaOutdated { .. }));
    assert!(before.to_string().contains("--migrate"), "{before}");

    let mut migrations = JoinSet::new();
    for _ in 0..8 {
        let ledger = ledger.clone();
        migrations.spawn(async move { ledger.migrate().await.unwrap() });
    }
    migrations.join_all().await;
    ledger.check_schema().await.unwrap();
    ledger.migrate().await.unwrap();
    ledger.close().await;
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_missing_or_altered_migration_is_told() {
    let fixture = Fixture::new().await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'later', true, '\\x00', 0)";
    sqlx::query(newer).execute(&fixture.pool).await.unwrap();
    fixture.ledger.check_schema().await.unwrap();
    fixture.ledger.migrate().await.unwrap();

    let altered = "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 2";
    sqlx::query(altered).execute(&fixture.pool).await.unwrap();
    let error = fixture.ledger.check_schema().await.unwrap_err();
    assert!(error.to_string().contains("migration 2 differs"), "{error}");
    let error = fixture.ledger.migrate().await.unwrap_err();
    assert!(matches!(error, LedgerError::Migration(_)), "{error:?}");

    let missing = "DELETE FROM _sqlx_migrations WHERE version = 2";
    sqlx::query(missing).execute(&fixture.pool).await.unwrap();
    let error = fixture.ledger.check_schema().await.unwrap_err();
    assert!(
        error.to_string().contains("migration 2 is missing"),
        "{error}"
    );
    fixture.close().await;
}

#[tokio::test]
async fn closing_ends_everything_and_every_clone() {
    let fixture = Fixture::with_devices(1).await;
    let held = fixture.started(0).await;
    let next = success(State::TpvmConfigValidation);
    let (clone, writer) = (fixture.ledger.clone(), fixture.ledger.clone());
    clone.ping().await.unwrap();
    // Asked for before the close, so carried out.
    let token = held.token;
    let record = tokio::spawn(async move { writer.record(&token, &next).await });
    while fixture
        .ledger
        .execution(token.execution_id)
        .await
        .unwrap()
        .unwrap()
        .seq
        == 1
    {
        tokio::task::yield_now().await;
    }
    clone.close().await;
    assert_eq!(record.await.unwrap().unwrap(), Fenced::Done);

    let after = fixture.ledger.renew(&token, TTL).await.unwrap_err();
    assert!(matches!(after, LedgerError::Closed), "{after:?}");
    let after = fixture.ledger.ping().await.unwrap_err();
    assert!(matches!(after, LedgerError::Closed), "{after:?}");
    let connections: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'tpvm-upgrade'",
    )
    .fetch_one(&fixture.pool)
    .await
    .unwrap();
    assert_eq!(connections, 0);
    fixture.close().await;
}

#[tokio::test]
async fn a_url_that_is_none_is_told_without_repeating_it() {
    let url = "postgres://alice:s3cret@host:notaport/db";
    let error = Ledger::connect(url, &LedgerOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, LedgerError::Invalid(_)));
    assert!(!error.to_string().contains("s3cret") && !format!("{error:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_server_that_is_away_or_silent_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://u@{}/db", listener.local_addr().unwrap());
    let options = LedgerOptions {
        connect_timeout: Duration::from_millis(300),
        wait_for_server: Duration::ZERO,
        ..LedgerOptions::default()
    };
    let begun = Instant::now();
    let silent = Ledger::connect(&url, &options).await.unwrap_err();
    assert!(silent.is_transient(), "{silent:?}");
    drop(listener);
    let away = Ledger::connect(&url, &options).await.unwrap_err();
    assert!(away.is_transient(), "{away:?}");
    // The cause is told once.
    assert!(away.source().is_none(), "{away:?}");
    assert!(away.to_string().contains("127.0.0.1"), "{away}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_connection_cut_while_it_is_made_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://u@{}/db", listener.local_addr().unwrap());
    // Nothing at all, the consent to TLS, and something that is no Postgres: then the end.
    for says in [&b""[..], b"S", b"HTTP/1.1 400 Bad Request"] {
        let hang_up = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 8];
            stream.read_exact(&mut asked).await.unwrap();
            stream.write_all(says).await.unwrap();
        };
        let options = LedgerOptions {
            wait_for_server: Duration::ZERO,
            ..LedgerOptions::default()
        };
        let connect = Ledger::connect(&url, &options);
        let (connected, ()) = tokio::join!(connect, hang_up);
        let error = connected.unwrap_err();
        assert!(error.is_transient(), "{says:?}: {error:?}");
    }
}

/// Drops a future that is not ready after so many polls.
async fn abandon(future: impl Future, polls: usize) {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 || future.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

/// A worker whose claim is lost drops what it is reading. What it had begun must not reach
/// whoever has the connection next.
#[tokio::test]
async fn reading_that_is_abandoned_leaves_no_transaction_to_others() {
    let fixture = Fixture::with_devices(1).await;
    let held = fixture.started(0).await;
    let options = LedgerOptions {
        max_connections: 1,
        ..LedgerOptions::default()
    };
    let ledger = Ledger::connect(fixture.database.url(), &options)
        .await
        .unwrap();
    for polls in 0..20 {
        abandon(ledger.target(held.request.ip_address), polls).await;
        let renewed = ledger.renew(&held.token, TTL).await;
        assert_eq!(renewed.unwrap(), Fenced::Done, "after {polls} polls");
        let read = ledger.target(held.request.ip_address).await;
        assert!(read.unwrap().is_some(), "after {polls} polls");
    }
    ledger.close().await;
    fixture.close().await;
}

#[tokio::test]
async fn a_lost_connection_fails_everyone_for_now_and_comes_back() {
    let fixture = Fixture::with_devices(2).await;
    let (one, two) = (fixture.started(0).await, fixture.started(1).await);
    // Someone holds both rows, so that both renewals wait for Postgres when it ends them.
    let mut blocker = fixture.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM executions FOR UPDATE")
        .execute(&mut *blocker)
        .await
        .unwrap();
    let renew = |token| {
        let ledger = fixture.ledger.clone();
        tokio::spawn(async move { ledger.renew(&token, TTL).await })
    };
    let (first, second) = (renew(one.token), renew(two.token));
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'tpvm-upgrade'
                 AND wait_event_type = 'Lock'";
    let mut ended: i64 = 0;
    while !(first.is_finished() && second.is_finished()) {
        ended += sqlx::query_scalar::<_, i64>(end)
            .fetch_one(&fixture.pool)
            .await
            .unwrap();
    }
    assert!(ended >= 1);
    for renewal in [first, second] {
        let error = renewal.await.unwrap().unwrap_err();
        assert!(error.is_transient(), "{error:?}");
    }
    blocker.rollback().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while fixture.ledger.renew(&one.token, TTL).await.is_err() {
        assert!(Instant::now() < deadline);
    }
    fixture.close().await;
}

#[tokio::test]
async fn a_statement_that_waits_too_long_is_given_up() {
    let fixture = Fixture::with_devices(1).await;
    let held = fixture.started(0).await;
    let options = LedgerOptions {
        statement_timeout: Duration::from_millis(200),
        ..LedgerOptions::default()
    };
    let hurried = Ledger::connect(fixture.database.url(), &options)
        .await
        .unwrap();
    let mut blocker = fixture.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM executions FOR UPDATE")
        .execute(&mut *blocker)
        .await
        .unwrap();
    let error = hurried.renew(&held.token, TTL).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    blocker.rollback().await.unwrap();
    let after = hurried.renew(&held.token, TTL).await.unwrap();
    assert_eq!(after, Fenced::Done);
    hurried.close().await;
    fixture.close().await;
}
