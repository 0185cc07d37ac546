//! `doctor`: what is not as it should be is named, with what to do.

use broker::{BrokerOptions, Consumer};
use schemas::{Names, State};
use sqlx::{Connection, Executor};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::responder::delete;
use crate::support::{Ran, Site, finish};

async fn doctor(site: &Site, prefix: &str) -> Ran {
    let mut command = site.program(&["doctor", "--broker-prefix", prefix]);
    command.env("AMQP_URL", services::amqp_url().unwrap());
    finish(command).await
}

fn has(ran: &Ran, all: &[&str]) {
    for one in all {
        assert!(ran.stdout.contains(one), "{one}: {ran:?}");
    }
}

#[tokio::test]
async fn when_a_part_of_the_broker_is_missing_then_it_is_named() {
    let site = Site::new().await;
    let prefix = format!("test-{}", Uuid::new_v4().simple());
    let unknown = doctor(&site, &prefix).await.ended(5);
    has(
        &unknown,
        &[
            "Queues [failed]\n",
            &prefix,
            "correct --broker-prefix",
            "RabbitMQ [success]",
        ],
    );

    let mut options = BrokerOptions::new(services::amqp_url().unwrap(), "doctor");
    options.names = Names::new(&prefix);
    broker::declare(&options).await.unwrap();
    let idle = doctor(&site, &prefix).await.ended(5);
    has(
        &idle,
        &[
            "Queues [success]\n",
            "Workers [failed]\n",
            "no worker is at work",
        ],
    );

    // A worker of one state only.
    let stop = CancellationToken::new();
    let served = options.names.state_queue(State::TpvmRevert).unwrap();
    let queues = vec![(served.clone(), 1)];
    let (consumer, messages) = Consumer::start(options.clone(), queues, stop.clone());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let partly = loop {
        let ran = doctor(&site, &prefix).await.ended(5);
        if !ran.stdout.contains("no worker is at work") {
            break ran;
        }
        assert!(std::time::Instant::now() < deadline, "{ran:?}");
    };
    has(
        &partly,
        &[
            "Workers [failed]\n",
            "no worker serves",
            &options.names.request_queue(),
        ],
    );
    assert!(!partly.stdout.contains(&served), "{partly:?}");
    stop.cancel();
    drop(messages);
    consumer.finished().await;

    delete_queue(&options, &served).await;
    let lacking = doctor(&site, &prefix).await.ended(5);
    has(&lacking, &["Queues [failed]\n", "RabbitMQ lacks", &served]);
    delete(&options).await;
}

#[tokio::test]
async fn when_the_tables_are_older_or_newer_then_that_is_said() {
    let site = Site::new().await;
    let prefix = format!("test-{}", Uuid::new_v4().simple());
    has(
        &doctor(&site, &prefix).await,
        &["Postgres and its tables [success]\n"],
    );
    has(
        &doctor(&site, &prefix).await,
        &["Upgrades that are due [success]\n"],
    );
    let execute = async |text| sql(&site, text).await;
    execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99990101000000, 'later', true, '', 0)",
    )
    .await;
    let newer = doctor(&site, &prefix).await;
    has(
        &newer,
        &[
            "tables [success]\n",
            "newer program",
            "99990101000000",
            "update this program",
        ],
    );
    execute(
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT min(version) FROM _sqlx_migrations)",
    )
    .await;
    let older = doctor(&site, &prefix).await.ended(5);
    has(
        &older,
        &["tables [failed]\n", "is missing", "tpvm-upgrade migrate"],
    );
}

#[tokio::test]
async fn when_what_is_due_is_not_announced_then_that_is_said() {
    let site = Site::new().await;
    let prefix = format!("test-{}", Uuid::new_v4().simple());
    site.accept(1).await;
    sql(
        &site,
        "UPDATE executions SET wake_at = now() - interval '1 hour'",
    )
    .await;
    let late = doctor(&site, &prefix).await.ended(5);
    has(
        &late,
        &[
            "due [failed]\n",
            "1 upgrades have not ended",
            "start a worker",
        ],
    );
}

async fn delete_queue(options: &BrokerOptions, queue: &str) {
    let connection = lapin::Connection::connect(&options.url, Default::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let delete = channel.queue_delete(queue.into(), Default::default());
    delete.await.unwrap();
    connection.close(200, "done".into()).await.unwrap();
}

async fn sql(site: &Site, text: &'static str) {
    let mut connection = sqlx::PgConnection::connect(site.database.url())
        .await
        .unwrap();
    connection.execute(text).await.unwrap();
    connection.close().await.unwrap();
}
