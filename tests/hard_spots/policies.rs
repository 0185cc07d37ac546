//! Policies of an operator's on the broker that concern our queues.

use broker::Outgoing;
use schemas::TraceContext;
use serde_json::Value;
use services::{RabbitMq, scratch_dir};
use tests::{World, until};

use crate::support::{all_upgraded, fleet};

/// The only dead letter, as the command line shows it: in JSON, and in words.
async fn letter(world: &World) -> (Value, String) {
    let listed = until("the dead letter", || async {
        let listed = world
            .cli(&["dead-letters", "list", "--format", "json"])
            .await;
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        let letters = listed["items"].as_array().unwrap().clone();
        (!letters.is_empty()).then_some(letters)
    })
    .await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    let id = listed[0]["id"].as_str().unwrap();
    let shown = world.cli(&["dead-letters", "show", id]).await;
    assert!(shown.status.success(), "{shown:?}");
    let words = String::from_utf8(shown.stdout).unwrap();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    (listed[0].clone(), words)
}

#[tokio::test]
async fn when_a_policy_lets_requests_expire_then_the_letter_says_that_it_will_expire_again() {
    let scratch = scratch_dir().unwrap();
    let rabbitmq = RabbitMq::start(scratch.path()).await.unwrap();
    let world = World::on(&rabbitmq.url(), fleet(1)).await;
    broker::declare(&world.broker).await.unwrap();
    let pattern = format!("^{}$", world.names.request_queue().replace('.', "\\."));
    let definition = r#"{"message-ttl":300}"#;
    let set = [
        "set_policy",
        "short",
        &pattern,
        definition,
        "--apply-to",
        "queues",
    ];
    rabbitmq.ctl(&set).await.unwrap();

    // Nobody serves the queue.
    let request = world.request(0);
    let trace = TraceContext::new_root();
    let message = Outgoing::request(&world.names, &request, None, trace);
    world.publisher.publish(message).await.unwrap();
    let (letter_before, words) = letter(&world).await;
    for said in [
        "it expired before a worker took it",
        "a policy on the broker",
        "rabbitmqctl list_policies",
        "expires again",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }

    // It is true.
    let redrive = ["dead-letters", "redrive", "--all"];
    let redriven = world.cli(&redrive).await;
    assert!(redriven.status.success(), "{redriven:?}");
    until("the letter to expire again", || async {
        let (again, _) = letter(&world).await;
        (again["id"] != letter_before["id"]).then_some(())
    })
    .await;

    // And so is the advice.
    rabbitmq.ctl(&["clear_policy", "short"]).await.unwrap();
    let _worker = world.worker();
    let redriven = world.cli(&redrive).await;
    assert!(redriven.status.success(), "{redriven:?}");
    let id = world.accepted(&request).await;
    all_upgraded(&world, &[id]).await;
    world.close().await;
    rabbitmq.stop().await.unwrap();
}
