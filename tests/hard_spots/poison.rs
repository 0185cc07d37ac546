//! An execution whose row can't be read: it stops no other, operators see it, it is a dead letter
//! once, it is looked at less and less often, and it goes on by itself once its row is mended.

use std::time::Duration;

use ledger::Acceptance;
use tests::{Wire, World, until};
use uuid::Uuid;

use crate::support::{all_upgraded, counted, fleet, quiet, sql, value};

/// Accepts upgrades that no worker has heard of yet.
async fn accept(world: &World, count: usize) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for n in 0..count {
        let request = world.request(n);
        let accepted = world.ledger.accept(&request, Duration::from_millis(100));
        let Acceptance::Accepted { execution_id, .. } = accepted.await.unwrap() else {
            panic!("not accepted")
        };
        ids.push(execution_id);
    }
    ids
}

/// A requester that asks again is answered, whatever has become of the row.
async fn asked_again(world: &World, id: Uuid) {
    let asked = format!("SELECT request_id FROM executions WHERE id = '{id}'");
    let request = schemas::UpgradeRequest {
        request_id: value(world, asked).await,
        ..world.request(1)
    };
    let again = schemas::Answer::Accepted {
        execution_id: id,
        duplicate: true,
    };
    assert_eq!(world.submit(&request).await, again);
}

/// What `tpvm-upgrade` prints.
async fn cli(world: &World, args: &[&str]) -> String {
    let output = world.cli(args).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text + &String::from_utf8_lossy(&output.stderr)
}

/// Poisons the row of the second of three upgrades, and mends it after a while.
async fn poisoned(poison: &str, mend: &str, column: &str, in_lists: bool) {
    let world = World::new(fleet(3)).await;
    let ids = accept(&world, 3).await;
    let bad = ids[1];
    sql(
        &world,
        format!("UPDATE executions SET {poison} WHERE id = '{bad}'"),
    )
    .await;
    let _workers = [world.worker(), world.worker()];
    world.finished(ids[0]).await;
    world.finished(ids[2]).await;
    let put_off = "step put off until its row is mended";
    until("a third look", || async {
        (counted(&world, &[put_off])[put_off] >= 3).then_some(())
    })
    .await;
    quiet(Duration::from_secs(3)).await;
    // After 1, 1, 2, 4, 8 … seconds, each time perhaps with a copy of the message.
    let looks = counted(&world, &[put_off])[put_off];
    assert!(looks <= 10, "{looks} looks");

    let wire = Wire::open(&world).await;
    let letters = wire.dead_letters(&world).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(
        letters[0].contains(&bad.to_string()) && letters[0].contains(column),
        "{letters:?}"
    );
    asked_again(&world, bad).await;
    let id = bad.to_string();
    let listed = cli(&world, &["list", "--format", "json"]).await;
    let shown = cli(&world, &["show", "--format", "json"]).await;
    let one = cli(&world, &["show", "--execution-id", &id, "--format", "json"]).await;
    let tables = cli(&world, &["show"]).await;
    for text in [&listed, &shown, &one] {
        assert!(text.contains(&id), "{text}");
    }
    for text in [&shown, &one] {
        assert!(text.contains(&format!("{column}: ")), "{text}");
    }
    assert_eq!(listed.contains("unreadable"), in_lists, "{listed}");
    assert_eq!(
        tables.contains("Unreadable TPVM Upgrades"),
        in_lists,
        "{tables}"
    );
    for other in [ids[0], ids[2]] {
        assert!(listed.contains(&other.to_string()), "{listed}");
        assert!(shown.contains(&other.to_string()), "{shown}");
    }

    sql(
        &world,
        format!("UPDATE executions SET {mend} WHERE id = '{bad}'"),
    )
    .await;
    all_upgraded(&world, &ids).await;
    assert!(wire.dead_letters(&world).await.is_empty());
    world.close().await;
}

#[tokio::test]
async fn facts_that_mean_nothing() {
    poisoned("facts = '{\"upgrade\": 7}'", "facts = '{}'", "facts", false).await;
}

/// Also the move that led to the step can't be told.
#[tokio::test]
async fn a_requester_that_could_not_have_asked() {
    let (poison, mend) = ("requested_by = E'a\\nb'", "requested_by = 'a test'");
    poisoned(poison, mend, "requested_by", true).await;
}

#[tokio::test]
async fn an_end_that_cannot_be_told_is_in_nobodys_way() {
    let world = World::new(fleet(2)).await;
    let worker = world.worker();
    let ids = crate::support::accept_all(&world, 2).await;
    all_upgraded(&world, &ids).await;
    // In order, so that it leaves no message behind that would have an end announced.
    worker.signal("TERM").await;
    worker.exit(Duration::from_secs(30)).await;
    sql(
        &world,
        "UPDATE executions SET end_announced_at = NULL, finished_at = finished_at - interval '1 hour'",
    )
    .await;
    // The first in the order of time, where a batch holds one.
    sql(
        &world,
        format!(
            "UPDATE executions SET requested_by = E'a\\nb', finished_at = finished_at - interval '1 hour'
             WHERE id = '{}'",
            ids[0]
        ),
    )
    .await;
    let _worker = world.worker_with("[due]\nbatch = 1\nagain_after = '300ms'");
    let announced = async |id: Uuid| {
        let asked =
            format!("SELECT end_announced_at IS NOT NULL FROM executions WHERE id = '{id}'");
        value::<bool>(&world, asked).await
    };
    until("the other end", || async {
        announced(ids[1]).await.then_some(())
    })
    .await;
    assert!(!announced(ids[0]).await);
    quiet(Duration::from_secs(2)).await;
    let line = "an end can't be announced until its row is mended";
    let lines = counted(&world, &[line])[line];
    assert!((1..=3).contains(&lines), "{lines}");
    sql(&world, "UPDATE executions SET requested_by = 'a test'").await;
    until("the mended end", || async {
        announced(ids[0]).await.then_some(())
    })
    .await;
    world.close().await;
}
