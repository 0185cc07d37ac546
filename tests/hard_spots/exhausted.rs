//! No connection to Postgres to be had, because others have taken them all, or because many steps
//! share one: steps wait, claims are kept or given up, and nothing is lost or done twice.

use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tests::World;

use crate::support::{accept_all, all_upgraded, fleet, logged, quiet, sql};

#[tokio::test]
async fn many_steps_share_one_connection() {
    const COUNT: usize = 12;
    let world = World::new(fleet(COUNT)).await;
    let one = "ledger.max_connections = 1";
    let _workers = [world.worker_with(one), world.worker_with(one)];
    let ids = accept_all(&world, COUNT).await;
    all_upgraded(&world, &ids).await;
    world.close().await;
}

/// A user that may have so many connections, as whom a world's workers connect.
struct Limited {
    name: String,
    options: PgConnectOptions,
}

impl Limited {
    const CONNECTIONS: usize = 3;

    async fn new(world: &mut World) -> Self {
        let options: PgConnectOptions = world.database_url().parse().unwrap();
        let name = format!("limited_{}", uuid::Uuid::new_v4().simple());
        sql(
            world,
            format!(
                "CREATE ROLE {name} LOGIN CONNECTION LIMIT {};
                 GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}",
                Self::CONNECTIONS
            ),
        )
        .await;
        let options = options.username(&name);
        let url = world
            .database_url()
            .replacen("://postgres@", &format!("://{name}@"), 1);
        assert!(url.contains(&name), "the tests' server has another user");
        world.set_env("DATABASE_URL", url);
        Self { name, options }
    }

    /// Takes every connection that the user may have, ending the workers'.
    async fn take_all(&self, world: &World) -> Vec<PgConnection> {
        let mut taken = Vec::new();
        while taken.len() < Self::CONNECTIONS {
            self.end_others(world, &taken).await;
            if let Ok(connection) = PgConnection::connect_with(&self.options).await {
                taken.push(connection);
            }
        }
        taken
    }

    async fn end_others(&self, world: &World, taken: &[PgConnection]) {
        // The workers name themselves; the test's own connections don't.
        let _ = taken;
        sql(
            world,
            format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE usename = '{}' AND application_name = 'tpvm-upgrade'",
                self.name
            ),
        )
        .await;
    }

    async fn drop(self, world: World) {
        sql(
            &world,
            format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name),
        )
        .await;
        world.close().await;
    }
}

#[tokio::test]
async fn others_have_taken_all_connections() {
    const COUNT: usize = 4;
    let mut world = World::new(fleet(COUNT)).await;
    let limited = Limited::new(&mut world).await;
    let worker = world.worker_with(
        "ledger.max_connections = 2\nledger.connect_timeout = '500ms'\nworker.claim = '2s'",
    );
    let ids = accept_all(&world, COUNT).await;
    let taken = limited.take_all(&world).await;
    logged(&world, "Postgres is not available at the moment").await;
    // Longer than the claims last.
    quiet(Duration::from_secs(3)).await;
    for connection in taken {
        connection.close().await.unwrap();
    }
    all_upgraded(&world, &ids).await;
    worker.kill().await;
    limited.drop(world).await;
}
