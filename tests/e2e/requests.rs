//! Requests: answered always, accepted once.

use std::time::Duration;

use broker::{Delivery, Inbox, Outgoing};
use schemas::{Answer, ReasonCode, Reply, TraceContext, UpgradeRequest, decode};
use simulator::{Fault, FaultKind};
use tests::World;

use crate::checks::{assert_upgraded, effects, normal};

const SOON: Duration = Duration::from_secs(30);

/// Publishes any body as a request, and waits for the answer.
async fn answer_to(world: &World, body: &[u8]) -> Reply {
    let mut inbox = Inbox::open(&world.broker).await.unwrap();
    let reply_to = Some(inbox.queue().to_owned());
    let valid = Outgoing::request(
        &world.names,
        &world.request(0),
        reply_to,
        TraceContext::new_root(),
    );
    world
        .publisher
        .publish(Outgoing {
            body: body.to_vec(),
            ..valid
        })
        .await
        .unwrap();
    let reply: Delivery = inbox.next(SOON).await.unwrap().expect("an answer");
    decode(&reply.body).unwrap()
}

#[tokio::test]
async fn invalid_ones_of_each_kind_are_rejected_and_kept() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let valid = serde_json::to_value(world.request(0)).unwrap();
    let with = |key: &str, value: serde_json::Value| {
        let mut request = valid.clone();
        request[key] = value;
        serde_json::to_vec(&request).unwrap()
    };
    let without = |key: &str| {
        let mut request = valid.clone();
        request.as_object_mut().unwrap().remove(key);
        serde_json::to_vec(&request).unwrap()
    };
    let malformed = ReasonCode::MalformedRequest;
    let bodies = [
        (b"".to_vec(), malformed),
        (b"no json".to_vec(), malformed),
        (b"[]".to_vec(), malformed),
        (vec![0xff, 0xfe, 0x00], malformed),
        ("[".repeat(10_000).into_bytes(), malformed),
        (vec![b' '; 100_000], malformed),
        (with("version", 2.into()), ReasonCode::UnknownVersion),
        (without("version"), malformed),
        (with("request_id", "seven".into()), malformed),
        (with("ip_address", "10.0.0.300".into()), malformed),
        (with("firmware_host", "fw; reload".into()), malformed),
        (with("tpvm_image", "/images/a b.deb".into()), malformed),
        (with("tpvm_image", "images/a.deb".into()), malformed),
        (
            with("tpvm_image", "/images/a.deb\nreload".into()),
            malformed,
        ),
        (
            with("trusted_peer_password_secret", "../etc/passwd".into()),
            malformed,
        ),
        (
            with("trusted_peer_sudo_user", "root\" evil".into()),
            malformed,
        ),
        (with("requested_by", "x".repeat(500).into()), malformed),
        (with("options", "force".into()), malformed),
        (without("tpvm_image"), malformed),
    ];
    let mut dead = DeadLetters::open(&world).await;
    for (body, code) in &bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let reply = answer_to(&world, body).await;
        let Answer::Rejected { reasons } = &reply.answer else {
            panic!("{shown}: {reply:?}")
        };
        assert_eq!(reasons[0].code, *code, "{shown}: {reply:?}");
        assert!(!reasons[0].message.is_empty() && !reasons[0].remedy.is_empty());
        let (kept, reason) = dead.next().await;
        assert_eq!(kept, *body, "{shown}");
        assert!(!reason.is_empty(), "{shown}");
    }
    let executions = world.ledger.executions(&Default::default()).await.unwrap();
    assert!(executions.is_empty(), "{executions:?}");
    // Nothing of it is in the way of the next valid one.
    let id = world.accepted(&world.request(0)).await;
    assert_upgraded(&world, &world.finished(id).await);
    world.close().await;
}

/// The dead letters, read as an operator's tool would.
struct DeadLetters {
    _stop: tokio_util::sync::DropGuard,
    _consumer: broker::Consumer,
    messages: tokio::sync::mpsc::Receiver<Delivery>,
}

impl DeadLetters {
    async fn open(world: &World) -> Self {
        let stop = tokio_util::sync::CancellationToken::new();
        let queues = vec![(world.names.dead_letter_queue(), 10)];
        let (consumer, messages) =
            broker::Consumer::start(world.broker.clone(), queues, stop.clone());
        Self {
            _stop: stop.drop_guard(),
            _consumer: consumer,
            messages,
        }
    }

    async fn next(&mut self) -> (Vec<u8>, String) {
        let message = tokio::time::timeout(SOON, self.messages.recv()).await;
        let message = message.expect("a dead letter").unwrap();
        let reason = message
            .header(schemas::names::HEADER_REASON)
            .unwrap_or_default();
        let body = message.body.to_vec();
        message.ack().await.unwrap();
        (body, reason)
    }
}

#[tokio::test]
async fn when_one_holds_a_password_in_clear_text_then_it_is_rejected_and_kept_nowhere() {
    const PASSWORD: &str = "s3cret-in-clear-text";
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let mut request = serde_json::to_value(world.request(0)).unwrap();
    request["trusted_peer_password"] = PASSWORD.into();
    let mut dead = DeadLetters::open(&world).await;
    let reply = answer_to(&world, &serde_json::to_vec(&request).unwrap()).await;
    let Answer::Rejected { reasons } = &reply.answer else {
        panic!("{reply:?}")
    };
    assert_eq!(reasons[0].code, ReasonCode::MalformedRequest);
    let instead = "trusted_peer_password_secret";
    assert!(reasons[0].message.contains(instead), "{reply:?}");
    assert!(!format!("{reply:?}").contains(PASSWORD));
    // The next one that is kept is the first that is.
    answer_to(&world, b"no json").await;
    assert_eq!(dead.next().await.0, b"no json");
    world.close().await;
}

#[tokio::test]
async fn unknown_extra_fields_are_tolerated() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let mut request = serde_json::to_value(world.request(0)).unwrap();
    request["a_later_field"] = "whatever".into();
    request["options"]["a_later_option"] = true.into();
    let reply = answer_to(&world, &serde_json::to_vec(&request).unwrap()).await;
    let Answer::Accepted { execution_id, .. } = reply.answer else {
        panic!("{reply:?}")
    };
    assert_upgraded(&world, &world.finished(execution_id).await);
    world.close().await;
}

#[tokio::test]
async fn a_second_one_for_the_same_deployment_is_rejected_while_the_first_runs() {
    let world = World::new(normal()).await;
    let hold = FaultKind::Slow(Duration::from_secs(1));
    world.fault(0, Fault::new("show-version", hold).once());
    let _worker = world.worker();
    let first = world.accepted(&world.request(0)).await;
    let Answer::Rejected { reasons } = world.submit(&world.request(0)).await else {
        panic!("two upgrades of one deployment at once")
    };
    assert_eq!(reasons[0].code, ReasonCode::DeploymentBusy);
    assert!(
        reasons[0].message.contains(&first.to_string()),
        "{reasons:?}"
    );
    assert_upgraded(&world, &world.finished(first).await);
    // And not a moment longer.
    world.accepted(&world.request(0)).await;
    world.close().await;
}

#[tokio::test]
async fn the_same_one_again_is_the_same_execution() {
    let world = World::new(normal()).await;
    let _workers = [world.worker(), world.worker()];
    let request = world.request(0);
    let first = world.accepted(&request).await;
    let again = Answer::Accepted {
        execution_id: first,
        duplicate: true,
    };
    assert_eq!(world.submit(&request).await, again);
    assert_upgraded(&world, &world.finished(first).await);
    assert_eq!(world.submit(&request).await, again);
    assert_eq!(effects(&world), [1, 0, 0, 1]);

    let image = "/images/tpvm_x86_64-4.3.0-0.amd64.deb".parse().unwrap();
    let other = UpgradeRequest {
        tpvm_image: image,
        ..request
    };
    let Answer::Rejected { reasons } = world.submit(&other).await else {
        panic!("id reused")
    };
    assert_eq!(reasons[0].code, ReasonCode::RequestIdReused);
    world.close().await;
}

/// A requester that does not wait, or is gone, is answered where everyone can hear it.
#[tokio::test]
async fn without_a_reply_queue_the_answer_goes_to_the_events() {
    let world = World::new(normal()).await;
    let mut inbox = Inbox::open(&world.broker).await.unwrap();
    inbox.subscribe(schemas::Names::REPLY_KEY).await.unwrap();
    let _worker = world.worker();
    for reply_to in [None, Some("a-queue-that-is-gone".to_owned())] {
        let request = world.request(0);
        let trace = TraceContext::new_root();
        let message = Outgoing::request(&world.names, &request, reply_to, trace);
        world.publisher.publish(message).await.unwrap();
        let reply = inbox.next(SOON).await.unwrap().expect("an answer");
        let reply: Reply = decode(&reply.body).unwrap();
        assert_eq!(reply.request_id, Some(request.request_id));
        if let Answer::Accepted { execution_id, .. } = reply.answer {
            world.finished(execution_id).await;
        }
    }
    world.close().await;
}

/// EFA hears of each change of state, in order, and of the end.
#[tokio::test]
async fn each_change_of_state_is_an_event() {
    let world = World::new(normal()).await;
    let mut inbox = Inbox::open(&world.broker).await.unwrap();
    inbox.subscribe("event.#").await.unwrap();
    let _worker = world.worker();
    let id = world.accepted(&world.request(0)).await;
    let mut events: Vec<schemas::Event> = Vec::new();
    while events.last().is_none_or(|event| event.verdict.is_none()) {
        let event = inbox.next(SOON).await.unwrap().expect("an event");
        events.push(decode(&event.body).unwrap());
    }
    // At least once: a repetition is no new change.
    events.dedup_by_key(|event| event.seq);
    let history = world.history(id).await;
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.seq, event.from_state, event.state))
        .collect();
    let recorded: Vec<_> = history
        .iter()
        .map(|row| (row.seq, row.from, row.to))
        .collect();
    assert_eq!(told, recorded);
    let end = events.last().unwrap();
    assert_eq!(end.update_state, schemas::UpdateState::Completed);
    assert_eq!(
        (end.status.as_str(), end.detailed_status.as_str()),
        ("TPVM Upgrade Completed", "None")
    );
    world.close().await;
}
