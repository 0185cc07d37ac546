//! What happens to Postgres while workers run: settings, plans, logins and the database itself
//! change under them. They go on by themselves, and nothing becomes a dead letter.

use std::time::Duration;

use schemas::{State, Verdict};
use simulator::{Fault, FaultKind};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tests::{World, until};

use crate::support::{all_upgraded, fleet, logged, quiet, sql};

/// The server's other database, for what can't be done from inside of the world's.
async fn outside(world: &World) -> PgConnection {
    let options: PgConnectOptions = world.database_url().parse().unwrap();
    options.database("postgres").connect().await.unwrap()
}

async fn run(connection: &mut PgConnection, text: String) {
    connection.execute(AssertSqlSafe(text)).await.unwrap();
}

async fn name(world: &World) -> String {
    crate::support::value(world, "SELECT current_database()::text").await
}

/// Ends the workers' sessions.
const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'tpvm-upgrade' AND datname";

#[tokio::test]
async fn when_plans_settings_and_sessions_change_then_workers_go_on() {
    let world = World::new(fleet(2)).await;
    let name = name(&world).await;
    let mut outside = outside(&world).await;
    let _workers = [world.worker(), world.worker()];
    // All connections have prepared their statements.
    let first = world.accepted(&world.request(0)).await;
    world.finished(first).await;

    // From now on, whoever writes a row forgets all prepared statements of its session, as behind
    // a proxy that resets sessions.
    sql(
        &world,
        "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN NEW; END $$;
         CREATE TRIGGER forget BEFORE INSERT ON executions
         FOR EACH ROW EXECUTE FUNCTION forget()",
    )
    .await;
    let hold = FaultKind::Slow(Duration::from_millis(1500));
    world.fault(1, Fault::new("show-version", hold).once());
    let second = world.accepted(&world.request(1)).await;
    world.held_in(second, State::DeviceValidation).await;
    sql(&world, "DROP TRIGGER forget ON executions").await;
    // A migration changes a column's type.
    sql(
        &world,
        "ALTER TABLE executions ALTER COLUMN requested_by TYPE varchar(300)",
    )
    .await;
    // The server becomes a standby, and comes back.
    let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    run(&mut outside, read_only).await;
    run(&mut outside, format!("{END_SESSIONS} = '{name}'")).await;
    logged(&world, "read-only transaction").await;
    run(
        &mut outside,
        format!("ALTER DATABASE {name} RESET default_transaction_read_only"),
    )
    .await;
    answers(&world).await;
    all_upgraded(&world, &[first, second]).await;
    assert!(
        world.logs().contains("prepared statement"),
        "nothing was forgotten"
    );
    let letters = tests::Wire::open(&world).await.dead_letters(&world).await;
    assert!(letters.is_empty(), "{letters:?}");
    world.close().await;
}

#[tokio::test]
async fn when_the_database_is_renamed_or_the_login_refused_then_workers_are_not_healthy_and_go_on()
{
    let mut world = World::new(fleet(2)).await;
    let name = name(&world).await;
    let mut outside = outside(&world).await;
    let file = world.dir().join("alive");
    let short = format!(
        "worker.heartbeat_file = '{}'\n[ledger]\nconnect_timeout = '1s'\nstatement_timeout = '2s'",
        file.display()
    );
    // A user of its own, who may do what workers do.
    let user = format!("u_{name}");
    let rights = format!(
        "CREATE ROLE {user} LOGIN PASSWORD 'first';
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}"
    );
    sql(&world, rights).await;
    let url = world.database_url().to_owned();
    let (scheme, rest) = url.split_once("://").unwrap();
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    world.set_env("DATABASE_URL", format!("{scheme}://{user}:first@{rest}"));
    let beats = || async { file.exists().then_some(()) };
    let hold = FaultKind::Slow(Duration::from_millis(1500));
    let worker = world.worker_with(&short);

    let cases = [
        (
            format!("ALTER DATABASE {name} RENAME TO {name}_away"),
            format!(
                "ALTER DATABASE {name}_away RENAME TO {name};
                 ALTER DATABASE {name} ALLOW_CONNECTIONS true"
            ),
            "does not exist",
        ),
        (
            format!("ALTER ROLE {user} NOLOGIN"),
            format!(
                "ALTER ROLE {user} LOGIN;
                 ALTER DATABASE {name} ALLOW_CONNECTIONS true"
            ),
            "not permitted to log in",
        ),
    ];
    for (n, (take, give, said)) in cases.into_iter().enumerate() {
        world.fault(n, Fault::new("show-version", hold.clone()).once());
        let id = world.accepted(&world.request(n)).await;
        world.held_in(id, State::DeviceValidation).await;
        until("a heartbeat", beats).await;
        // Nobody may be connected to a database that is renamed, and workers come back at once.
        let nobody = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
        run(&mut outside, nobody).await;
        run(&mut outside, format!("{END_SESSIONS} = '{name}'")).await;
        run(&mut outside, take).await;
        if n == 1 {
            let allowed = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
            run(&mut outside, allowed).await;
        }
        logged(&world, said).await;
        std::fs::remove_file(&file).unwrap();
        quiet(Duration::from_secs(1)).await;
        assert!(!file.exists(), "healthy while {said}");
        run(&mut outside, give).await;
        answers(&world).await;
        until("a heartbeat again", beats).await;
        all_ended_well(&world, id).await;
    }
    let letters = tests::Wire::open(&world).await.dead_letters(&world).await;
    assert!(letters.is_empty(), "{letters:?}");
    worker.kill().await;
    sql(&world, format!("DROP OWNED BY {user}; DROP ROLE {user}")).await;
    world.close().await;
}

/// Until the test's own ledger has new connections.
async fn answers(world: &World) {
    until("an answer from Postgres", || async {
        world.ledger.ping().await.ok()
    })
    .await;
}

async fn all_ended_well(world: &World, id: uuid::Uuid) {
    let execution = world.finished(id).await;
    let verdict = execution.verdict;
    assert_eq!(verdict, Some(Verdict::Succeeded), "{execution:?}");
}
