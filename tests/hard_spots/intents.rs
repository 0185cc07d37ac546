//! Intents: written again while there is leave to send, withdrawn where the command was certainly not
//! sent, and not counted where nobody knows.

use std::time::Duration;

use schemas::{State, Verdict};
use services::Proxy;
use simulator::{DeploymentOptions, Fault, FaultKind, Fleet, Standby};
use tests::{Trap, World, until};
use uuid::Uuid;
use worker::points::Point;

use crate::checks::{assert_upgraded, normal};
use crate::support::{logged, value};

/// A world whose worker looks at EFA for a while, right before it writes the intent to upgrade. By
/// then its way to Postgres can be cut.
async fn about_to_intend() -> (World, Proxy) {
    let mut world = World::new(normal()).await;
    let database = world.database_url().to_owned();
    let postgres = Proxy::before(&database).unwrap();
    world.set_env("DATABASE_URL", postgres.through(&database));
    let slow = FaultKind::Slow(Duration::from_millis(1_500));
    let slow = Fault::new("efa-status", slow).since(&["show-tpvm-snapshot"]);
    world.fault(0, slow.once());
    (world, postgres)
}

/// Cuts Postgres off while the worker looks at EFA, until the worker has logged this.
async fn away_until(world: &World, postgres: &Proxy, text: &str) {
    until("the last look before the intent", || async {
        // The first one is the validation's.
        (world.efa(0).received("efa-status") > 1).then_some(())
    })
    .await;
    postgres.refuse().await;
    postgres.cut().await;
    logged(world, text).await;
    assert_eq!(world.standby(0).received("tpvm-upgrade"), 0);
    postgres.admit().unwrap();
}

/// The ledger knows of one intent, whose command was sent.
async fn assert_sent_once(world: &World, id: Uuid, command: &str) {
    let counted = format!(
        "SELECT concat_ws(' ', facts->'{command}'->>'sends', facts->'{command}'->>'written')
         FROM executions WHERE id = '{id}'"
    );
    assert_eq!(value::<String>(world, counted).await, "1 1", "{command}");
}

#[tokio::test]
async fn when_the_ledger_is_away_for_a_moment_then_the_intent_is_written_again() {
    let (world, postgres) = about_to_intend().await;
    let timing = "timing.settle = '25s'\ntiming.redeploy_quiet = '26s'\nworker.claim = '20s'\n\
                  timing.upgrade_deadline = '2m'\ntiming.redeploy_deadline = '2m'";
    let _worker = world.worker_with(timing);
    let id = world.accepted(&world.request(0)).await;
    let again = "not possible now, trying again what=\"note an intent\"";
    away_until(&world, &postgres, again).await;
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    assert_eq!(world.standby(0).received("tpvm-upgrade"), 1);
    assert_sent_once(&world, id, "upgrade").await;
    world.close().await;
}

#[tokio::test]
async fn when_the_ledger_stays_away_until_the_leave_ends_then_nothing_was_sent_or_counts() {
    let (world, postgres) = about_to_intend().await;
    // Leave for three seconds.
    let timing = "timing.settle = '5s'\ntiming.redeploy_quiet = '6s'\nworker.claim = '30s'\n\
                  timing.upgrade_deadline = '2m'\ntiming.redeploy_deadline = '2m'";
    let _worker = world.worker_with(timing);
    let id = world.accepted(&world.request(0)).await;
    let withdrawing = "not possible now, trying again what=\"withdraw an intent\"";
    away_until(&world, &postgres, withdrawing).await;
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    assert_eq!(world.standby(0).received("tpvm-upgrade"), 1);
    assert_sent_once(&world, id, "upgrade").await;
    // Nobody waited for a command that was not on its way.
    assert!(!world.logs().contains("whether it took the command"));
    world.close().await;
}

/// Each command is refused in a way that leaves no doubt, and taken the second time: long before the
/// first one would have settled.
#[tokio::test]
async fn when_a_command_was_certainly_not_sent_then_its_intent_is_withdrawn() {
    let busy = || FaultKind::Refuse(Some("another TPVM operation is in progress".to_owned()));
    let page = |status| FaultKind::Page(status, "<h1>not from here</h1>".to_owned());
    let cases = [
        (State::TpvmUpgrade, "tpvm-upgrade", busy()),
        (State::TpvmInstallation, "deploy", busy()),
        (
            State::TpvmInstallation,
            "configure-terminal",
            FaultKind::LostBeforeEffect,
        ),
        (State::TpvmRevert, "tpvm-revert", busy()),
        (State::EfaDeployPeerAndRejoin, "efa-redeploy", page(403)),
        (State::EfaDeployPeerAndRejoin, "efa-redeploy", page(404)),
    ];
    let fleet = cases.each_ref().map(|(state, ..)| DeploymentOptions {
        standby: match state {
            State::TpvmInstallation => Standby::Replaced,
            _ => Standby::Installed,
        },
        ..DeploymentOptions::default()
    });
    let world = World::new(Fleet::with(&fleet)).await;
    for (n, (state, call, kind)) in cases.iter().enumerate() {
        let since: &[&str] = match *call {
            "configure-terminal" => &["config:tpvm", "show-tpvm-snapshot"],
            _ => &[],
        };
        world.fault(n, Fault::new(*call, kind.clone()).since(since).once());
        if *state == State::TpvmRevert {
            let fails = FaultKind::RedeployFails("peer unreachable".to_owned());
            world.fault(n, Fault::new("efa-redeploy", fails));
        }
    }
    let timing = "timing.settle = '2m'\ntiming.redeploy_quiet = '3m'\n\
                  timing.installation_deadline = '10m'\ntiming.upgrade_deadline = '10m'\n\
                  timing.revert_deadline = '10m'\ntiming.redeploy_deadline = '10m'";
    let _worker = world.worker_with(timing);
    let requests: Vec<_> = (0..cases.len()).map(|n| world.request(n)).collect();
    let ids = world.accepted_all(&requests).await;
    for (id, (state, call, _)) in ids.iter().zip(&cases) {
        let execution = world.finished(*id).await;
        let expected = match state {
            State::TpvmRevert => Verdict::Reverted,
            _ => Verdict::Succeeded,
        };
        assert_eq!(execution.verdict, Some(expected), "{call}: {execution:?}");
        let history = world.history(*id).await;
        let row = history.iter().find(|row| row.from == *state).unwrap();
        let took = (row.ended_at - row.started_at).num_seconds();
        assert!(took < 60, "{call} took {took} s");
        let command = match state {
            State::TpvmUpgrade => "upgrade",
            State::TpvmInstallation => "install",
            State::TpvmRevert => "revert",
            _ => "redeploy",
        };
        assert_sent_once(&world, *id, command).await;
    }
    world.close().await;
}

/// Whoever dies between intent and command sent nothing, however often that happens. The deadline
/// ends it, and says what is known.
#[tokio::test]
async fn when_every_worker_dies_before_the_command_then_the_deadline_ends_it() {
    let world = World::new(normal()).await;
    let timing = "timing.settle = '3s'\ntiming.redeploy_quiet = '4s'\n\
                  timing.upgrade_deadline = '30s'";
    let request = world.request(0);
    let accepted = world.ledger.accept(&request, Duration::ZERO);
    let ledger::Acceptance::Accepted {
        execution_id: id, ..
    } = accepted.await.unwrap()
    else {
        panic!("not accepted")
    };
    let mut deaths = 0;
    let execution = loop {
        let trap = Trap::crash(Point::Intended).in_state(State::TpvmUpgrade);
        let victim = world.worker_at_with(trap, timing);
        tokio::select! {
            () = victim.killed("before the command") => deaths += 1,
            execution = world.finished(id) => break execution,
        }
    };
    // More often than a command may be sent.
    assert!(deaths >= 3, "{deaths}");
    assert_eq!(execution.verdict, Some(Verdict::Reverted), "{execution:?}");
    let cause = execution.failure.unwrap().cause;
    assert!(cause.contains("did not end within 30s"), "{cause}");
    assert!(!cause.contains("was sent"), "{cause}");
    let detail = execution.detail.unwrap();
    assert!(detail.contains("nothing to revert"), "{detail}");
    let received = ["tpvm-upgrade", "tpvm-revert"].map(|call| world.standby(0).received(call));
    assert_eq!(received, [0, 0]);
    world.close().await;
}
