use std::collections::HashSet;
use std::time::Duration;

use ledger::{Claim, Fenced, LedgerError};
use schemas::{State, Verdict};
use tokio::task::JoinSet;

use crate::support::{Fixture, TTL, held, question, success};

/// How many transactions wrote the present rows: each statement is one.
async fn writers(fixture: &Fixture) -> i64 {
    sqlx::query_scalar("SELECT count(DISTINCT xmin::text) FROM executions")
        .fetch_one(&fixture.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn many_at_once_are_carried_out_in_few_statements() {
    let fixture = Fixture::with_devices(100).await;
    let mut accepts = JoinSet::new();
    for index in 0..100 {
        let ledger = fixture.ledger.clone();
        let request = crate::support::request(index);
        accepts.spawn(async move { ledger.accept(&request, TTL).await.unwrap() });
    }
    accepts.join_all().await;
    let accepted = writers(&fixture).await;
    assert!(accepted <= 10, "{accepted} statements");

    let due = fixture
        .ledger
        .executions(&Default::default())
        .await
        .unwrap();
    let mut claims = JoinSet::new();
    for execution in &due {
        let ledger = fixture.ledger.clone();
        let step = ledger::StepRef {
            execution_id: execution.as_ref().unwrap().id,
            seq: 1,
            state: State::DeviceValidation,
        };
        claims.spawn(async move { held(ledger.claim(&step, question("w"), TTL).await.unwrap()) });
    }
    let tokens: Vec<_> = claims
        .join_all()
        .await
        .into_iter()
        .map(|it| it.token)
        .collect();
    assert_eq!(
        tokens
            .iter()
            .map(|it| it.token)
            .collect::<HashSet<_>>()
            .len(),
        100
    );
    let claimed = writers(&fixture).await;
    assert!(claimed <= 10, "{claimed} statements");

    let mut records = JoinSet::new();
    for token in tokens {
        let ledger = fixture.ledger.clone();
        let next = success(State::TpvmConfigValidation);
        records.spawn(async move { ledger.record(&token, &next).await.unwrap() });
    }
    assert_eq!(records.join_all().await, vec![Fenced::Done; 100]);
    let recorded = writers(&fixture).await;
    assert!(recorded <= 10, "{recorded} statements");
    fixture.close().await;
}

#[tokio::test]
async fn a_bad_item_fails_alone() {
    let fixture = Fixture::with_devices(20).await;
    let mut steps = Vec::new();
    for index in 0..20 {
        steps.push(fixture.started(index).await);
    }
    let mut records = JoinSet::new();
    for (index, step) in steps.into_iter().enumerate() {
        let ledger = fixture.ledger.clone();
        let mut next = success(State::TpvmConfigValidation);
        if index == 7 {
            // A verdict without the last state: a constraint refuses it.
            next.verdict = Some(Verdict::Succeeded);
        }
        records.spawn(async move { (index, ledger.record(&step.token, &next).await) });
    }
    for (index, result) in records.join_all().await {
        match result {
            Err(error @ LedgerError::Database(_)) if index == 7 => assert!(!error.is_transient()),
            result => assert_eq!(result.unwrap(), Fenced::Done, "{index}"),
        }
    }
    fixture.close().await;
}

#[tokio::test]
async fn whoever_gives_up_takes_nothing_from_the_others() {
    let fixture = Fixture::with_devices(40).await;
    let mut steps = Vec::new();
    for index in 0..40 {
        steps.push(fixture.start(index).await);
    }
    let mut claims = JoinSet::new();
    for (index, step) in steps.into_iter().enumerate() {
        let ledger = fixture.ledger.clone();
        claims.spawn(async move {
            let claim = ledger.claim(&step, question("w"), TTL);
            if index % 2 == 0 {
                Some(claim.await.unwrap())
            } else {
                tokio::time::timeout(Duration::ZERO, claim)
                    .await
                    .ok()
                    .map(Result::unwrap)
            }
        });
    }
    let held = claims.join_all().await.into_iter().flatten();
    let held = held.filter(|claim| matches!(claim, Claim::Held(_)));
    assert!(held.count() >= 20);
    fixture.close().await;
}

/// The same executions, in batches that meet from two sides in opposite orders, with every kind of
/// write: without an order of locks this deadlocks, which takes Postgres a second to notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_ledgers_with_the_same_messages_do_not_deadlock() {
    let fixture = Fixture::with_devices(60).await;
    let mut held = Vec::new();
    for index in 0..60 {
        held.push(fixture.started(index).await.token);
    }
    let ledgers = [fixture.ledger.clone(), fixture.another().await];
    for round in 0..20 {
        let mut writes = JoinSet::new();
        for index in 0..60 {
            for (side, ledger) in ledgers.iter().enumerate() {
                let token = held[if side == 0 { index } else { 59 - index }];
                let ledger = ledger.clone();
                writes.spawn(async move {
                    if (index + round) % 3 == 0 {
                        ledger.note(&token, &Default::default(), TTL).await.unwrap()
                    } else {
                        ledger.renew(&token, TTL).await.unwrap()
                    }
                });
            }
            if index % 10 == 0 {
                let ledger = fixture.ledger.clone();
                writes.spawn(async move {
                    ledger.due(100, TTL).await.unwrap();
                    Fenced::Done
                });
            }
        }
        assert!(writes.join_all().await.iter().all(|it| *it == Fenced::Done));
    }
    // The statistics of a connection are seen when it ends.
    let [_, other] = ledgers;
    other.close().await;
    fixture.ledger.clone().close().await;
    let deadlocks: i64 = sqlx::query_scalar(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    )
    .fetch_one(&fixture.pool)
    .await
    .unwrap();
    assert_eq!(deadlocks, 0);
    fixture.close().await;
}
