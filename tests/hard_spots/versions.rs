//! A rolling upgrade: messages of the previous version, of a later program and of a later version
//! on the wire, and a schema that is older or newer than the program. The rule is in
//! docs/messages.md; the messages of version 1 are kept in schemas/tests/wire/v1.

use std::path::Path;
use std::time::Duration;

use broker::Inbox;
use lapin::types::{AMQPValue, FieldTable, LongString};
use schemas::{Answer, ReasonCode, Reply, State, decode};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind};
use tests::{Exit, Wire, World, reason, until};
use uuid::Uuid;

use crate::checks::{assert_upgraded, normal};
use crate::support::{sql, value};

/// A message of version 1, with some of its fields replaced.
fn kept(name: &str, fields: &Value) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/tests/wire/v1");
    let text = std::fs::read_to_string(root.join(format!("{name}.json"))).unwrap();
    let mut message: Value = serde_json::from_str(&text).unwrap();
    for (field, value) in fields.as_object().unwrap() {
        message[field] = value.clone();
    }
    message
}

fn of(world: &World, request_id: Uuid) -> Value {
    let request = world.request(0);
    json!({
        "request_id": request_id,
        "ip_address": request.ip_address,
        "firmware_host": request.firmware_host,
        "tpvm_image": request.tpvm_image,
    })
}

/// Publishes a body with a header that nobody knows yet.
async fn publish(wire: &Wire, exchange: &str, key: &str, reply_to: Option<&str>, body: &Value) {
    let mut headers = FieldTable::default();
    let later = AMQPValue::LongString(LongString::from("whatever"));
    headers.insert("x-a-later-header".into(), later);
    let mut properties = lapin::BasicProperties::default().with_headers(headers);
    if let Some(queue) = reply_to {
        properties = properties.with_reply_to(queue.into());
    }
    let body = serde_json::to_vec(body).unwrap();
    wire.publish(exchange, key, &body, properties).await;
}

async fn request(world: &World, wire: &Wire, body: &Value) -> Reply {
    let mut inbox = Inbox::open(&world.broker).await.unwrap();
    let exchange = world.names.commands_exchange();
    publish(wire, &exchange, "request", Some(inbox.queue()), body).await;
    let reply = inbox.next(Duration::from_secs(30)).await.unwrap();
    decode(&reply.expect("an answer").body).unwrap()
}

#[tokio::test]
async fn requests_of_version_1_and_of_a_later_program_are_carried_out() {
    for name in ["upgrade-request.minimal", "upgrade-request.full"] {
        let world = World::new(normal()).await;
        let wire = Wire::open(&world).await;
        let _worker = world.worker();
        let mut body = kept(name, &of(&world, Uuid::new_v4()));
        body["a_later_field"] = json!({ "any": ["thing"] });
        let reply = request(&world, &wire, &body).await;
        let Answer::Accepted { execution_id, .. } = reply.answer else {
            panic!("{reply:?}")
        };
        assert_upgraded(&world, &world.finished(execution_id).await);
        world.close().await;
    }
}

/// The ledger has the step; only the message of the old worker is on its way.
#[tokio::test]
async fn steps_of_version_1_are_carried_out() {
    let world = World::new(normal()).await;
    let wire = Wire::open(&world).await;
    let hour = Duration::from_secs(3600);
    let accepted = world.ledger.accept(&world.request(0), hour).await.unwrap();
    let ledger::Acceptance::Accepted { execution_id, .. } = accepted else {
        panic!("{accepted:?}")
    };
    let _worker = world.worker();
    let step = json!({
        "execution_id": execution_id, "seq": 1, "state": "device-validation", "later": 1,
    });
    let queue = world.names.state_queue(State::DeviceValidation).unwrap();
    publish(&wire, "", &queue, None, &kept("step.full", &step)).await;
    assert_upgraded(&world, &world.finished(execution_id).await);

    let revert = json!({ "execution_id": execution_id, "later": 1 });
    let queue = world.names.state_queue(State::TpvmRevert).unwrap();
    publish(&wire, "", &queue, None, &kept("revert.full", &revert)).await;
    until("the revert to be found stale", || async {
        world.logs().contains("stale message").then_some(())
    })
    .await;
    assert!(wire.dead_letters(&world).await.is_empty());
    world.close().await;
}

/// Set aside whole, with its reason; the upgrade that it belongs to goes on.
#[tokio::test]
async fn a_later_version_is_set_aside_and_loses_nothing() {
    let world = World::new(normal()).await;
    let wire = Wire::open(&world).await;
    let hold = FaultKind::Slow(Duration::from_secs(1));
    world.fault(0, Fault::new("show-version", hold).once());
    let _worker = world.worker();
    let id = world.accepted(&world.request(0)).await;
    world.held_in(id, State::DeviceValidation).await;
    let later = json!({ "version": 2, "execution_id": id, "seq": 1, "state": "device-validation" });
    let queue = world.names.state_queue(State::DeviceValidation).unwrap();
    publish(&wire, "", &queue, None, &kept("step.full", &later)).await;
    let mut asked = kept("upgrade-request.minimal", &of(&world, Uuid::new_v4()));
    asked["version"] = json!(2);
    let reply = request(&world, &wire, &asked).await;
    let Answer::Rejected { reasons } = &reply.answer else {
        panic!("{reply:?}")
    };
    assert_eq!(reasons[0].code, ReasonCode::UnknownVersion);
    assert_eq!(
        reply.request_id.map(|id| json!(id)),
        Some(asked["request_id"].clone())
    );
    assert_upgraded(&world, &world.finished(id).await);

    let dead = world.names.dead_letter_queue();
    until("both dead letters", || async {
        (wire.ready(&dead).await == 2).then_some(())
    })
    .await;
    for letter in wire.drain(&dead).await {
        let headers = letter.properties.headers().clone().unwrap_or_default();
        let reason = reason(&letter);
        assert!(
            reason.contains("has version 2; this program reads version 1"),
            "{reason}"
        );
        assert!(
            headers.inner().contains_key("x-a-later-header"),
            "{headers:?}"
        );
        // What a program that knows the version reads, once it is put back.
        let mut body: Value = serde_json::from_slice(&letter.data).unwrap();
        assert_eq!(body["version"], json!(2));
        if body["request_id"] == asked["request_id"] {
            body["version"] = json!(1);
            let reply = request(&world, &wire, &body).await;
            let Answer::Accepted { execution_id, .. } = reply.answer else {
                panic!("{reply:?}")
            };
            world.finished(execution_id).await;
        }
    }
    world.close().await;
}

/// Another program has been here: a column and a table more, and facts that this one knows not.
#[tokio::test]
async fn a_later_schema_serves_and_its_facts_survive() {
    let world = World::new(normal()).await;
    sql(
        &world,
        "ALTER TABLE executions ADD COLUMN later text;
         ALTER TABLE history ADD COLUMN later integer DEFAULT 7 NOT NULL;
         CREATE TABLE later (id integer PRIMARY KEY);
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', true, '\\x00', 0)",
    )
    .await;
    let accepted = world.ledger.accept(&world.request(0), Duration::ZERO).await;
    let ledger::Acceptance::Accepted { execution_id, .. } = accepted.unwrap() else {
        panic!("not accepted")
    };
    sql(
        &world,
        "UPDATE executions SET facts = '{\"later\": {\"a\": [1, null]}}', later = 'kept'",
    )
    .await;
    let _worker = world.worker();
    assert_upgraded(&world, &world.finished(execution_id).await);
    let facts: Value = value::<sqlx::types::Json<Value>>(&world, "SELECT facts FROM executions")
        .await
        .0;
    assert_eq!(facts["later"], json!({ "a": [1, null] }));
    assert_eq!(facts["upgrade"]["sends"], json!(1));
    let later: String = value(&world, "SELECT later FROM executions").await;
    assert_eq!(later, "kept");
    world.close().await;
}

#[tokio::test]
async fn an_older_schema_is_refused_at_the_start() {
    let world = World::new(normal()).await;
    sql(
        &world,
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
    )
    .await;
    let worker = world.worker();
    let exit = worker.exit(Duration::from_secs(30)).await;
    assert_eq!(exit, Exit(Some(5)), "{}", world.logs());
    let log = world.logs();
    assert!(
        log.contains("is missing") && log.contains("tpvm-worker --migrate"),
        "{log}"
    );
    world.close().await;
}
