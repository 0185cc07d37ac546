//! Many workers starting at once: they migrate at once, declare the exchanges and queues at once,
//! and share the work.

use std::time::Duration;

use schemas::State;
use tests::{Exit, Process, Wire, World, binary};
use tokio::process::Command;

use crate::support::{accept_all, all_upgraded, fleet};

const MANY: usize = 12;

#[tokio::test]
async fn migrations_at_once() {
    let database = services::database().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let migrate = |n: usize| {
        let mut command = Command::new(binary("tpvm-worker"));
        command.arg("--migrate").env("DATABASE_URL", database.url());
        Process::start(&mut command, &dir.path().join(format!("{n}.log")))
    };
    let all: Vec<Process> = (0..MANY).map(migrate).collect();
    for process in all {
        let log = process.log();
        let exit = process.exit(Duration::from_secs(60)).await;
        assert_eq!(exit, Exit(Some(0)), "{log}");
    }
    let options = ledger::LedgerOptions::default();
    let ledger = ledger::Ledger::connect(database.url(), &options)
        .await
        .unwrap();
    ledger.check_schema().await.unwrap();
    ledger.close().await;
    database.close().await.unwrap();
}

#[tokio::test]
async fn workers_at_once_on_an_empty_broker() {
    const COUNT: usize = 6;
    let world = World::new(fleet(COUNT)).await;
    let wire = Wire::open(&world).await;
    let names = &world.names;
    let states = State::ALL
        .into_iter()
        .filter_map(|state| names.state_queue(state));
    for queue in states.chain([names.request_queue(), names.dead_letter_queue()]) {
        wire.delete_queue(&queue).await;
    }
    for exchange in [
        names.commands_exchange(),
        names.events_exchange(),
        names.dead_letter_exchange(),
    ] {
        wire.delete_exchange(&exchange).await;
    }
    // Longer than usual: they all want the two cores at once.
    let patient =
        "[broker]\nconnect_timeout = '30s'\n[ledger]\nconnect_timeout = '30s'\nmax_connections = 2";
    let _workers: Vec<Process> = (0..MANY).map(|_| world.worker_with(patient)).collect();
    world.connected().await;
    let ids = accept_all(&world, COUNT).await;
    all_upgraded(&world, &ids).await;
    world.close().await;
}
