//! The messages with their properties, headers and examples.

use serde_json::{Map, Value, json};

use super::BINDING_VERSION;
use crate::documents::examples::Example;
use crate::messages::{Event, Message, Reply, Revert, Step, UpgradeRequest};
use crate::names::{
    HEADER_REASON, HEADER_REMEDY, HEADER_SET_ASIDE_AT, HEADER_SET_ASIDE_BY, HEADER_SOURCE_QUEUE,
    HEADER_TRACEPARENT,
};

pub(super) fn messages(examples: &[Example]) -> Value {
    let request = properties(json!({
        "message_id": text("The request_id, so that a message can be found by it. Optional."),
        "correlation_id": text("Returned with the reply. Optional: without it the reply carries the message_id."),
        "reply_to": text("The name of the queue for the reply, or amq.rabbitmq.reply-to. Optional: without it the reply goes to the channel repliesWithoutQueue."),
        "timestamp": timestamp("When the request was published. Optional."),
    }));
    let reply = properties(json!({
        "message_id": text("Unique."),
        "correlation_id": text("The request's correlation_id, or its message_id if it had none."),
    }));
    let numbered = "<execution_id>/<seq>: the same for a repeat.";
    let event = properties(json!({
        "message_id": text(numbered),
        "correlation_id": text("The request_id of the request."),
    }));
    let internal = properties(json!({ "message_id": text(numbered) }));
    json!({
        "upgradeRequest": message::<UpgradeRequest>("UpgradeRequest", request, examples),
        "upgradeReply": message::<Reply>("Reply", reply, examples),
        "upgradeEvent": message::<Event>("Event", event, examples),
        "step": message::<Step>("Step", internal.clone(), examples),
        "revert": message::<Revert>("Revert", internal, examples),
        "deadLetter": dead_letter(),
    })
}

fn message<M: Message>(schema: &str, properties: Value, examples: &[Example]) -> Value {
    let examples: Vec<Value> = examples
        .iter()
        .filter(|example| example.message_type == M::TYPE)
        .map(|example| json!({ "name": example.name, "payload": example.payload }))
        .collect();
    json!({
        "name": M::TYPE,
        "contentType": "application/json",
        "payload": { "$ref": format!("#/components/schemas/{schema}") },
        "headers": headers(Map::new()),
        "correlationId": {
            "location": "$message.header#/correlation_id",
            "description": "The AMQP property correlation_id.",
        },
        "bindings": binding(M::TYPE),
        "x-amqp-properties": with_type(properties, M::TYPE),
        "examples": examples,
    })
}

fn dead_letter() -> Value {
    let mut own = Map::new();
    own.insert(HEADER_REASON.to_owned(), text("Why the message was set aside, in words that do not repeat it. Absent where RabbitMQ itself did."));
    own.insert(HEADER_SOURCE_QUEUE.to_owned(), text("The queue that the message came from. Absent where RabbitMQ itself set it aside: then x-death says so."));
    own.insert(
        HEADER_REMEDY.to_owned(),
        text("What an operator can do about it. Absent where RabbitMQ itself set it aside."),
    );
    own.insert(
        HEADER_SET_ASIDE_AT.to_owned(),
        json!({
            "type": "integer",
            "x-amqp-type": "timestamp",
            "description": "When the message was set aside: an AMQP timestamp (field type T), which holds seconds since 1970 and which many libraries hand over as a date. Absent where RabbitMQ itself set it aside: then x-death says so.",
        }),
    );
    own.insert(
        HEADER_SET_ASIDE_BY.to_owned(),
        text(
            "The name of the worker that set the message aside. Absent where RabbitMQ itself did.",
        ),
    );
    json!({
        "name": "dead-letter",
        "description": "Any of the other messages, or something that is none.",
        "payload": {},
        "headers": headers(own),
    })
}

/// The schema of a message's headers.
fn headers(mut own: Map<String, Value>) -> Value {
    own.insert(
        HEADER_TRACEPARENT.to_owned(),
        json!({
            "type": "string",
            "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
            "description": "W3C Trace Context. Optional: a message without it, or with one that can't be read, starts a new trace.",
            "examples": ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
        }),
    );
    json!({ "type": "object", "properties": own })
}

fn binding(message_type: &str) -> Value {
    json!({ "amqp": {
        "contentEncoding": "utf-8",
        "messageType": message_type,
        "bindingVersion": BINDING_VERSION,
    } })
}

/// The schema of a message's AMQP properties: those that every message has, and its own.
fn properties(own: Value) -> Value {
    let mut properties = json!({
        "content_type": { "type": "string", "const": "application/json" },
        "delivery_mode": { "type": "integer", "const": 2, "description": "Persistent." },
        "timestamp": timestamp("When the message was published."),
    });
    if let (Some(all), Value::Object(own)) = (properties.as_object_mut(), own) {
        all.extend(own);
    }
    json!({ "type": "object", "properties": properties, "required": ["content_type", "delivery_mode", "type"] })
}

fn with_type(mut properties: Value, message_type: &str) -> Value {
    properties["properties"]["type"] = json!({ "type": "string", "const": message_type });
    properties
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn timestamp(description: &str) -> Value {
    json!({ "type": "integer", "description": format!("Seconds since 1970. {description}") })
}
