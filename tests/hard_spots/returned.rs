//! Messages that come back again and again while workers come and go and the ledger can't be
//! written: a request is never set aside unanswered; a step's message may be, and the ledger
//! brings the step back.

use broker::{Inbox, Outgoing};
use schemas::{Answer, Reply, State, Step, TraceContext, V1, decode};
use sqlx::Executor;
use std::time::Duration;
use tests::{Wire, World, until};

use crate::support::{all_upgraded, connect, fleet};

/// More often than `broker.delivery_limit` allows.
const TIMES: usize = 24;

#[tokio::test]
async fn more_often_than_the_limit() {
    let world = World::new(fleet(2)).await;
    let request = world.request(1);
    let accepted = world.ledger.accept(&request, Duration::from_secs(3600));
    let ledger::Acceptance::Accepted { execution_id, .. } = accepted.await.unwrap() else {
        panic!("not accepted")
    };
    let step = Step {
        version: V1,
        execution_id,
        seq: 1,
        state: State::DeviceValidation,
    };
    let mut inbox = Inbox::open(&world.broker).await.unwrap();
    let reply_to = Some(inbox.queue().to_owned());
    let request = world.request(0);
    for message in [
        Outgoing::request(&world.names, &request, reply_to, TraceContext::new_root()),
        Outgoing::step(&world.names, &step, TraceContext::new_root()),
    ] {
        world.publisher.publish(message).await.unwrap();
    }

    // Workers start, for they only ask for the schema; and then nothing can be written.
    let mut lock = connect(&world).await;
    lock.execute("BEGIN; LOCK TABLE executions IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let waiting = "[worker]\ndrain_timeout = '100ms'\n[ledger]\nstatement_timeout = '500ms'";
    for n in 0..TIMES {
        let worker = world.worker_with(waiting);
        let passed = |point: &str| worker.log().contains(&format!("point=\"{point}\""));
        until("the request in hand", || async {
            // The step's message may have been set aside by now.
            let step = n > 18 || passed("received");
            (passed("request-received") && step).then_some(())
        })
        .await;
        match n % 2 {
            0 => worker.kill().await,
            _ => {
                worker.signal("TERM").await;
                worker.exit(Duration::from_secs(30)).await;
            }
        }
    }
    let wire = Wire::open(&world).await;
    let letters = wire.drain(&world.names.dead_letter_queue()).await;
    let found: Vec<_> = letters
        .iter()
        .map(|letter| decode::<Step>(&letter.data))
        .collect();
    assert_eq!(found, [Ok(step)], "the broker has set the step aside");

    lock.execute("ROLLBACK").await.unwrap();
    sqlx::Connection::close(lock).await.unwrap();
    crate::support::sql(
        &world,
        "UPDATE executions SET wake_at = now() WHERE seq = 1",
    )
    .await;
    let _worker = world.worker();
    let reply = inbox.next(Duration::from_secs(30)).await.unwrap();
    let reply: Reply = decode(&reply.expect("an answer").body).unwrap();
    let Answer::Accepted {
        execution_id: first,
        ..
    } = reply.answer
    else {
        panic!("{reply:?}")
    };
    all_upgraded(&world, &[first, execution_id]).await;
    let letters = wire.dead_letters(&world).await;
    assert!(letters.is_empty(), "{letters:?}");
    world.close().await;
}
