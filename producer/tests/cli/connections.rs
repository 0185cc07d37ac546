//! What is said when Postgres or RabbitMQ is not as needed, and what never is.

use std::time::Duration;

use ledger::{Ledger, LedgerOptions};
use services::{Postgres, Shutdown};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use crate::support::{Site, finish, program, ran};
use crate::upgrade::accept;

/// Nothing listens there: port 1 is reserved.
const NO_POSTGRES: &str = "postgres://alice:hunter2@127.0.0.1:1/efa";
const NO_RABBITMQ: &str = "amqp://alice:hunter2@127.0.0.1:1/efa";

#[tokio::test]
async fn a_server_that_is_away() {
    let mut list = program(&["list"]);
    list.env("DATABASE_URL", NO_POSTGRES);
    let mut execute = program(&[
        "execute",
        "--ip",
        "10.20.1.28",
        "--firmware-host",
        "10.20.1.5",
        "--tpvm-image",
        "/a.deb",
    ]);
    execute.env("AMQP_URL", NO_RABBITMQ);
    let mut doctor = program(&["doctor", "--format", "json"]);
    doctor
        .env("DATABASE_URL", NO_POSTGRES)
        .env("AMQP_URL", NO_RABBITMQ);
    for (command, names) in [
        (list, &["Postgres"][..]),
        (execute, &["RabbitMQ", "127.0.0.1:1"]),
        (doctor, &["Postgres", "RabbitMQ", "127.0.0.1:1"]),
    ] {
        let ran = finish(command).await.ended(5);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        for name in names {
            assert!(said.contains(name), "{name}: {said}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn a_url_that_is_none() {
    for url in ["hunter2", "postgres://alice:hunter2@127.0.0.1:port/efa"] {
        let mut command = program(&["list"]);
        command.env("DATABASE_URL", url);
        let ran = finish(command).await.ended(2);
        assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
    }
    let mut command = program(&[
        "execute",
        "--ip",
        "10.20.1.28",
        "--firmware-host",
        "10.20.1.5",
        "--tpvm-image",
        "/a.deb",
    ]);
    command.env("AMQP_URL", "amqp://alice:hunter2@127.0.0.1:port");
    let ran = finish(command).await.ended(2);
    assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
    let ran = finish(program(&["list"])).await.ended(2);
    assert!(ran.stderr.contains("next: set DATABASE_URL"), "{ran:?}");
}

#[tokio::test]
async fn tables_are_made_by_migrate() {
    let database = services::database().await.unwrap();
    let run = async |args: &[&str]| {
        let mut command = program(args);
        command
            .env("DATABASE_URL", database.url())
            .env("AMQP_URL", services::amqp_url().unwrap());
        finish(command).await
    };
    let before = run(&["list"]).await.ended(5);
    assert!(before.stderr.contains("tpvm-upgrade migrate"), "{before:?}");
    let doctor = run(&["doctor"]).await.ended(5);
    assert!(doctor.stdout.contains("tables [failed]\n"), "{doctor:?}");
    assert!(
        doctor.stdout.contains("\nRabbitMQ [success]\n"),
        "{doctor:?}"
    );
    for _ in 0..2 {
        let ran = run(&["migrate"]).await.ended(0);
        assert_eq!(ran.stdout, "Migrate [success]\n");
    }
    run(&["list"]).await.ended(0);
    // No worker is at work here.
    let doctor = run(&["doctor"]).await;
    assert!(
        doctor.stdout.starts_with(
            "Postgres and its tables [success]\nUpgrades that are due [success]\n\
             RabbitMQ [success]\n"
        ),
        "{doctor:?}"
    );
}

#[tokio::test]
async fn settings_come_from_a_file_too() {
    let site = Site::new().await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tpvm-upgrade.toml");
    let path = path.to_str().unwrap();
    let url = site.database.url();
    std::fs::write(path, format!("database_url = \"{url}\"\n")).unwrap();
    finish(program(&["list", "--config", path])).await.ended(0);

    // The environment wins.
    let mut command = program(&["list"]);
    command
        .env("TPVM_UPGRADE_CONFIG", path)
        .env("DATABASE_URL", "none");
    finish(command).await.ended(2);

    std::fs::write(path, format!("databse_url = \"{url}\"\n")).unwrap();
    let ran = finish(program(&["list", "--config", path])).await.ended(2);
    assert!(
        ran.stderr.contains("unknown field `databse_url`"),
        "{ran:?}"
    );
}

/// Postgres is restarted while an upgrade is watched.
#[tokio::test]
async fn watching_outlives_a_restart_of_postgres() {
    let folder = services::scratch_dir().unwrap();
    let mut postgres = Postgres::start(folder.path()).await.unwrap();
    let url = postgres.url();
    let connect = async || {
        Ledger::connect(&url, &LedgerOptions::default())
            .await
            .unwrap()
    };
    let ledger = connect().await;
    ledger.migrate().await.unwrap();
    let mut upgrade = accept(&ledger, 1).await;
    let mut command = program(&["watch", &upgrade.id.to_string()]);
    command.env("DATABASE_URL", &url);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = timeout(Duration::from_secs(30), lines.next_line()).await;
    assert!(
        first
            .unwrap()
            .unwrap()
            .unwrap()
            .contains("Workflow Started")
    );

    postgres.restart(Shutdown::Immediate).await.unwrap();
    let reconnected = connect().await;
    upgrade.ledger = &reconnected;
    upgrade.fails_validation().await;
    let mut last = String::new();
    while let Some(line) = timeout(Duration::from_secs(30), lines.next_line())
        .await
        .unwrap()
        .unwrap()
    {
        last = line;
    }
    assert!(last.contains("TPVM Upgrade Failed (failed)"), "{last}");
    ran(child.wait_with_output().await.unwrap()).ended(1);
    postgres.stop().await.unwrap();
}
