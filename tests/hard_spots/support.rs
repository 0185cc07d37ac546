//! What several spots need.

use std::collections::BTreeMap;
use std::time::Duration;

use simulator::Fleet;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tests::{World, until};
use uuid::Uuid;

/// A connection to the world's database, for looking behind the ledger.
pub async fn connect(world: &World) -> PgConnection {
    PgConnection::connect(world.database_url()).await.unwrap()
}

/// Runs statements behind the ledger's back.
pub async fn sql(world: &World, text: impl Into<String>) -> u64 {
    let mut connection = connect(world).await;
    let done = connection
        .execute(AssertSqlSafe(text.into()))
        .await
        .unwrap();
    connection.close().await.unwrap();
    done.rows_affected()
}

/// One value from Postgres.
pub async fn value<T>(world: &World, text: impl Into<String>) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let mut connection = connect(world).await;
    let found = sqlx::query_scalar(AssertSqlSafe(text.into()))
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    found
}

/// Keeps every step of a world as it is: whoever writes one waits inside of Postgres.
pub struct Lock(PgConnection);

impl Lock {
    pub async fn on_all_steps(world: &World) -> Self {
        let mut connection = connect(world).await;
        let lock = connection.execute("BEGIN; SELECT FROM executions FOR UPDATE");
        lock.await.unwrap();
        Self(connection)
    }

    /// Waits until a worker waits.
    pub async fn is_waited_for(&self, world: &World) {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                       AND wait_event_type = 'Lock' AND application_name = 'tpvm-upgrade'";
        until("a worker that waits for a step", || async {
            (value::<i64>(world, waiting).await > 0).then_some(())
        })
        .await;
    }

    pub async fn release(self) {
        self.0.close().await.unwrap();
    }
}

/// So many deployments, each with an installed standby.
pub fn fleet(count: usize) -> Fleet {
    Fleet::generate(count)
}

/// Has the first `count` deployments' standbys upgraded.
pub async fn accept_all(world: &World, count: usize) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(world.accepted(&world.request(n)).await);
    }
    ids
}

/// Waits until all have ended, and sees that all succeeded and nothing was done twice.
pub async fn all_upgraded(world: &World, ids: &[Uuid]) {
    for (n, id) in ids.iter().enumerate() {
        let execution = world.finished(*id).await;
        assert_eq!(
            execution.verdict,
            Some(schemas::Verdict::Succeeded),
            "{execution:?}\n{}",
            world.logs()
        );
        let effects = [
            world.standby(n).effects("tpvm-upgrade"),
            world.efa(n).effects("efa-redeploy"),
        ];
        assert_eq!(effects, [1, 1], "upgrades, redeploys of {n}");
        assert_eq!(world.path(*id).await, crate::checks::NORMAL);
    }
}

/// How often each word is in what the workers logged.
pub fn counted<'a>(world: &World, words: &[&'a str]) -> BTreeMap<&'a str, usize> {
    let logs = world.logs();
    let count = |word: &&'a str| (*word, logs.matches(*word).count());
    words.iter().map(count).collect()
}

/// Waits until the workers have logged something.
pub async fn logged(world: &World, text: &str) {
    until(&format!("the log line {text:?}"), || async {
        world.logs().contains(text).then_some(())
    })
    .await;
}

/// Some time in which something must not happen.
pub async fn quiet(time: Duration) {
    tokio::time::sleep(time).await;
}
