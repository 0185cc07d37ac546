//! Exchanges, routing keys and queues.

use serde_json::{Value, json};

use super::BINDING_VERSION;
use crate::names::{DEFAULT_DELIVERY_LIMIT, Names, REQUEST_DELIVERY_LIMIT};
use crate::workflow::State;

pub(super) fn channels(names: &Names) -> Value {
    json!({
        "requests": requests(names),
        "replies": replies(),
        "repliesWithoutQueue": replies_without_queue(names),
        "events": events(names),
        "steps": steps(names),
        "reverts": reverts(names),
        "deadLetters": dead_letters(names),
    })
}

fn requests(names: &Names) -> Value {
    json!({
        "address": Names::REQUEST_KEY,
        "title": "Upgrade requests",
        "description": "Where an upgrade is asked for. Publish persistent and mandatory, and wait for the publisher confirm: a request that comes back as unroutable, is refused, or is never confirmed may be published again with the same request_id.",
        "messages": message("upgradeRequest"),
        "bindings": routing_key(exchange(&names.commands_exchange(), "direct")),
        "x-queue": work_queue(names, &names.request_queue()),
    })
}

fn replies() -> Value {
    json!({
        "address": null,
        "title": "Reply queue",
        "description": "A queue of the requester's own, named by the request's reply_to. The reply is published on the default exchange with the queue's name as the routing key. An exclusive queue with a name that the broker chooses is enough for a requester that waits; a durable one keeps replies over a restart. RabbitMQ's direct reply-to (reply_to: amq.rabbitmq.reply-to, consumed without acknowledgements on the channel that publishes) serves as well: the reply comes once, on that channel, and is lost with it. A queue that is full (x-overflow: reject-publish) is tried once: then the reply goes to the channel repliesWithoutQueue.",
        "messages": message("upgradeReply"),
        "bindings": { "amqp": {
            "is": "queue",
            "queue": { "durable": false, "exclusive": true, "autoDelete": true },
            "bindingVersion": BINDING_VERSION,
        } },
    })
}

fn replies_without_queue(names: &Names) -> Value {
    json!({
        "address": Names::REPLY_KEY,
        "title": "Replies without a queue",
        "description": "Where a reply goes if its request named no reply_to, or a queue that no longer exists. Bind a queue of your own to read them.",
        "messages": message("upgradeReply"),
        "bindings": routing_key(exchange(&names.events_exchange(), "topic")),
    })
}

fn events(names: &Names) -> Value {
    json!({
        "address": "event.{state}",
        "title": "Events",
        "description": "Each change of state of each upgrade, and its end (event.workflow-finished). Bind a queue of your own, with event.# for all. Events are published whether or not a queue is bound: one that nobody waits for is gone. One that a full queue refuses (x-overflow: reject-publish) is published again, for all, until every queue has it; the upgrade goes on meanwhile.",
        "parameters": { "state": {
            "description": "The state entered.",
            "enum": State::ALL.map(State::slug),
        } },
        "messages": message("upgradeEvent"),
        "bindings": routing_key(exchange(&names.events_exchange(), "topic")),
    })
}

fn steps(names: &Names) -> Value {
    let queues: Vec<Value> = step_states()
        .filter_map(|state| names.state_queue(state))
        .map(|queue| work_queue(names, &queue))
        .collect();
    json!({
        "address": "step.{state}",
        "title": "Steps (between workers)",
        "description": "The work to do next, a queue for each state. Not for requesters. A message that lies behind the ledger is dropped; one of an execution that the ledger has never heard of, of a step that it has not reached, or in the queue of another state goes to the dead letters. None changes an upgrade.",
        "parameters": { "state": {
            "description": "The state to act in.",
            "enum": step_states().map(State::slug).collect::<Vec<_>>(),
        } },
        "messages": message("step"),
        "bindings": routing_key(exchange(&names.commands_exchange(), "direct")),
        "x-queues": queues,
    })
}

/// The states whose work is a step message.
fn step_states() -> impl Iterator<Item = State> {
    State::ACTING
        .into_iter()
        .filter(|state| *state != State::TpvmRevert)
}

fn reverts(names: &Names) -> Value {
    let queue = names
        .state_queue(State::TpvmRevert)
        .map(|queue| work_queue(names, &queue));
    json!({
        "address": Names::REVERT_KEY,
        "title": "Reverts (between workers)",
        "description": "Failed upgrades to roll back. Not for requesters.",
        "messages": message("revert"),
        "bindings": routing_key(exchange(&names.commands_exchange(), "direct")),
        "x-queue": queue,
    })
}

fn dead_letters(names: &Names) -> Value {
    json!({
        "address": names.dead_letter_queue(),
        "title": "Dead letters",
        "description": format!(
            "Messages that could not be read, with the header x-reason, and messages delivered too often, with RabbitMQ's own x-death. They keep their body and properties. Nobody consumes this queue: an operator looks at it with `tpvm-upgrade dead-letters`, and redrives or purges them. It is bound to the fanout exchange {}.",
            names.dead_letter_exchange()
        ),
        "messages": { "deadLetter": { "$ref": "#/components/messages/deadLetter" } },
        "bindings": { "amqp": {
            "is": "queue",
            "queue": { "name": names.dead_letter_queue(), "durable": true, "exclusive": false, "autoDelete": false },
            "bindingVersion": BINDING_VERSION,
        } },
        "x-queue": { "name": names.dead_letter_queue(), "durable": true, "arguments": { "x-queue-type": "quorum", "x-delivery-limit": i32::MAX } },
    })
}

fn message(name: &str) -> Value {
    json!({ name: { "$ref": format!("#/components/messages/{name}") } })
}

fn exchange(name: &str, kind: &str) -> Value {
    json!({ "name": name, "type": kind, "durable": true, "autoDelete": false })
}

fn routing_key(exchange: Value) -> Value {
    json!({ "amqp": {
        "is": "routingKey",
        "exchange": exchange,
        "bindingVersion": BINDING_VERSION,
    } })
}

/// A queue that workers declare and consume. AsyncAPI's bindings have no place for arguments.
fn work_queue(names: &Names, queue: &str) -> Value {
    let limit = if queue == names.request_queue() {
        REQUEST_DELIVERY_LIMIT
    } else {
        DEFAULT_DELIVERY_LIMIT
    };
    json!({
        "name": queue,
        "durable": true,
        "arguments": {
            "x-queue-type": "quorum",
            "x-delivery-limit": limit,
            "x-dead-letter-exchange": names.dead_letter_exchange(),
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    })
}
