//! What EFA's side does.

use serde_json::{Value, json};

use super::BINDING_VERSION;

pub(super) fn operations() -> Value {
    json!({
        "requestUpgrade": request_upgrade(),
        "receiveReplyWithoutQueue": receive(
            "repliesWithoutQueue",
            "upgradeReply",
            "Read the answers to requests that named no reply queue",
        ),
        "followUpgrade": receive(
            "events",
            "upgradeEvent",
            "Follow upgrades to their end",
        ),
    })
}

fn request_upgrade() -> Value {
    json!({
        "action": "send",
        "title": "Ask for an upgrade",
        "channel": { "$ref": "#/channels/requests" },
        "messages": [{ "$ref": "#/channels/requests/messages/upgradeRequest" }],
        "bindings": { "amqp": {
            "deliveryMode": 2,
            "mandatory": true,
            "timestamp": true,
            "bindingVersion": BINDING_VERSION,
        } },
        "reply": {
            "address": {
                "location": "$message.header#/reply_to",
                "description": "The AMQP property reply_to of the request: the name of the requester's reply queue.",
            },
            "channel": { "$ref": "#/channels/replies" },
            "messages": [{ "$ref": "#/channels/replies/messages/upgradeReply" }],
        },
    })
}

fn receive(channel: &str, message: &str, title: &str) -> Value {
    json!({
        "action": "receive",
        "title": title,
        "channel": { "$ref": format!("#/channels/{channel}") },
        "messages": [{ "$ref": format!("#/channels/{channel}/messages/{message}") }],
        "bindings": { "amqp": { "ack": true, "bindingVersion": BINDING_VERSION } },
    })
}
