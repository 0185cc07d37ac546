//! Databases for tests, and what is said when there is no server for them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

use sqlx::{Connection, PgConnection, query_scalar};

async fn exists(name: &str) -> bool {
    let url = std::env::var("DATABASE_URL").unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

async fn name_of(connection: &mut PgConnection) -> String {
    query_scalar("SELECT current_database()")
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn each_is_new_and_gone_when_closed_or_dropped_though_someone_is_connected() {
    let closed = services::database().await.unwrap();
    let dropped = services::database().await.unwrap();
    let mut to_closed = PgConnection::connect(closed.url()).await.unwrap();
    let mut to_dropped = PgConnection::connect(dropped.url()).await.unwrap();
    let names = [
        name_of(&mut to_closed).await,
        name_of(&mut to_dropped).await,
    ];
    assert_ne!(names[0], names[1]);
    for name in &names {
        assert!(exists(name).await);
    }

    closed.close().await.unwrap();
    drop(dropped);
    for name in &names {
        assert!(!exists(name).await, "{name} was left behind");
    }
}

#[tokio::test]
async fn an_unset_variable_is_named_with_what_to_do() {
    const INNER: &str = "SERVICES_TEST_UNSET";
    if std::env::var_os(INNER).is_some() {
        let database = services::database().await.err().unwrap().to_string();
        let broker = services::amqp_url().unwrap_err().to_string();
        for (text, variable) in [(database, "DATABASE_URL"), (broker, "AMQP_URL")] {
            assert!(text.contains(&format!("{variable} is not set")), "{text}");
            assert!(text.contains("cargo xtask test"), "{text}");
        }
        return;
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "an_unset_variable_is_named_with_what_to_do"])
        .env(INNER, "1")
        .env("DATABASE_URL", "")
        .env_remove("AMQP_URL")
        .status()
        .unwrap();
    assert!(status.success());
}
