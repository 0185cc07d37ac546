//! The AsyncAPI 3.0 document, from the side of whoever asks for upgrades: EFA.

mod channels;
mod messages;
mod operations;

use serde_json::{Value, json};

use super::{examples, json_schema};
use crate::names::Names;
use crate::values::InvalidValue;

const DESCRIPTION: &str = include_str!("asyncapi/description.md");
/// The version of the AMQP bindings' specification.
const BINDING_VERSION: &str = "0.3.0";

pub(super) fn document() -> Result<Value, InvalidValue> {
    let names = Names::default();
    let examples = examples::all()?;
    Ok(json!({
        "asyncapi": "3.0.0",
        "id": "urn:tpvm-upgrade:messages:1",
        "info": {
            "title": "TPVM upgrade: messages",
            "version": "1.0.0",
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": channels::channels(&names),
        "operations": operations::operations(),
        "components": {
            "messages": messages::messages(&examples),
            "schemas": json_schema::components(),
            "securitySchemes": {
                "login": {
                    "type": "userPassword",
                    "description": "A RabbitMQ user with configure permission on its own queues, write permission on the commands exchange and its own queues, and read permission on the events exchange and its own queues.",
                },
            },
        },
    }))
}

fn servers() -> Value {
    let server = |protocol: &str, port: &str, description: &str| {
        json!({
            "host": format!("{{host}}:{port}"),
            "protocol": protocol,
            "protocolVersion": "0.9.1",
            "description": description,
            "variables": { "host": { "default": "localhost", "description": "The broker." } },
            "security": [{ "$ref": "#/components/securitySchemes/login" }],
        })
    };
    json!({
        "plain": server("amqp", "5672", "RabbitMQ 3.10 or later, for a network that is trusted."),
        "tls": server("amqps", "5671", "The same over TLS."),
    })
}
