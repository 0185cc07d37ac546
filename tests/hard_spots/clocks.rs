//! Clock skew between workers and Postgres: only Postgres' clock decides claims and due times.
//! Real workers whose clocks are a day ahead and a day behind (libfaketime; their monotonic clocks
//! go on as they are) work beside a normal one.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use schemas::State;
use tests::{Process, Trap, World};
use worker::points::Point;

use crate::checks::{assert_upgraded, normal};
use crate::support::{Lock, accept_all, all_upgraded, fleet, quiet, value};

/// The library that Debian's package `faketime` brings.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    folders
        .filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketimeMT.so.1")))
        .find(|path| path.exists())
        .expect("Debian's package faketime: run `cargo xtask test`, which installs it")
}

/// Starts a process whose clock is off by so much, for example `+1d`.
fn skewed(world: &mut World, offset: &str, start: impl FnOnce(&World) -> Process) -> Process {
    world.set_env("LD_PRELOAD", library().display().to_string());
    world.set_env("FAKETIME", offset);
    world.set_env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let process = start(world);
    for name in ["LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC"] {
        world.unset_env(name);
    }
    process
}

/// The date so many days from now, as log lines begin with it.
async fn date(world: &World, days: i32) -> String {
    let asked = format!(
        "SELECT to_char((now() AT TIME ZONE 'utc') + interval '{days} days', 'YYYY-MM-DD')"
    );
    value(world, asked).await
}

#[tokio::test]
async fn workers_a_day_apart_share_the_work() {
    const COUNT: usize = 9;
    let mut world = World::new(fleet(COUNT)).await;
    let ahead = skewed(&mut world, "+1d", |world| world.worker());
    let behind = skewed(&mut world, "-1d", |world| world.worker());
    let normal = world.worker();
    world.connected().await;
    let ids = accept_all(&world, COUNT).await;
    all_upgraded(&world, &ids).await;
    for (worker, days) in [(&ahead, 1), (&behind, -1), (&normal, 0)] {
        let (log, date) = (worker.log(), date(&world, days).await);
        // The date may have changed at midnight between the two.
        let other = self::date(&world, days - 1).await;
        assert!(log.contains(&date) || log.contains(&other), "{date}: {log}");
    }
    let workers = "SELECT count(DISTINCT worker) FROM history WHERE worker LIKE 'worker-%'";
    assert_eq!(value::<i64>(&world, workers).await, 3, "each had its share");
    // Not a time in the ledger is anyone's but Postgres'.
    let odd = "SELECT count(*) FROM history, executions e
               WHERE abs(extract(epoch FROM now() - ended_at)) > 3600
                  OR abs(extract(epoch FROM now() - history.started_at)) > 3600
                  OR e.facts::text ~ ('\"at\": \"(?!' || to_char(now() AT TIME ZONE 'utc', 'YYYY-MM-DD') || ')')";
    assert_eq!(value::<i64>(&world, odd).await, 0);
    world.close().await;
}

/// Who is a day ahead does not think that a claim has ended, nor who is behind that his own lasts.
#[tokio::test]
async fn a_claim_ends_when_postgres_says_so() {
    for (holder, other) in [("+1d", "-1d"), ("-1d", "+1d")] {
        let mut world = World::new(normal()).await;
        let trap = Trap::stall(Point::Claimed).in_state(State::TpvmUpgrade);
        let sleeper = skewed(&mut world, holder, |world| {
            world.worker_at_with(trap, "worker.claim = '4s'")
        });
        let id = world.accepted(&world.request(0)).await;
        sleeper.stalled().await;
        let claimed = Instant::now();
        let next = skewed(&mut world, other, |world| world.worker());
        tests::until("the step to be taken over", || async {
            (next.passed(Point::Claimed, State::TpvmUpgrade, id) > 0).then_some(())
        })
        .await;
        let waited = claimed.elapsed();
        assert!(waited > Duration::from_secs(3), "{waited:?}");
        assert_upgraded(&world, &world.finished(id).await);
        world.close().await;
    }
}

/// Postgres' clock goes on while a claim is answered. An intent that did not count that in would
/// seem settled to others while its command may still leave.
#[tokio::test]
async fn an_intent_is_not_older_than_the_claims_answer() {
    let state = State::TpvmUpgrade;
    let world = World::new(normal()).await;
    let trap = Trap::stall(Point::Received).in_state(state);
    let worker = world.worker_at_with(trap, "worker.claim = '30s'");
    let id = world.accepted(&world.request(0)).await;
    worker.stalled().await;
    let lock = Lock::on_all_steps(&world).await;
    worker.signal("CONT").await;
    lock.is_waited_for(&world).await;
    // Longer than the worker takes from the answer to its intent.
    quiet(Duration::from_secs(4)).await;
    let unanswered: String = value(&world, "SELECT now()::text").await;
    lock.release().await;
    assert_upgraded(&world, &world.finished(id).await);
    let later = format!(
        "SELECT (facts -> 'upgrade' ->> 'at')::timestamptz >= '{unanswered}' FROM executions"
    );
    assert!(value::<bool>(&world, later).await, "{}", world.logs());
    world.close().await;
}
