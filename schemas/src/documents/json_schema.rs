//! JSON Schemas (draft 2020-12) of the messages and of the inventory file.

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::{Document, pretty};
use crate::inventory::Inventory;
use crate::messages::{Event, Message, Reply, Revert, Step, UpgradeRequest};

/// One file for each type.
pub(super) fn all() -> Vec<Document> {
    vec![
        of::<UpgradeRequest>(UpgradeRequest::TYPE),
        of::<Reply>(Reply::TYPE),
        of::<Step>(Step::TYPE),
        of::<Revert>(Revert::TYPE),
        of::<Event>(Event::TYPE),
        of::<Inventory>("inventory"),
    ]
}

fn of<T: JsonSchema>(name: &str) -> Document {
    let settings = SchemaSettings::draft2020_12().with_transform(standard_addresses);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert(
        "$id".to_owned(),
        json!(format!("urn:tpvm-upgrade:{name}:1")),
    );
    Document {
        path: format!("schemas/json/{name}.schema.json"),
        text: pretty(schema.to_value()),
    }
}

/// The schemas of all messages, by type name, for an AsyncAPI document: its dialect is a superset
/// of JSON Schema draft 7, and what they share lies beside them.
pub(super) fn components() -> Map<String, Value> {
    let settings = SchemaSettings::draft07()
        .with(|settings| {
            settings.meta_schema = None;
            settings.definitions_path = "/components/schemas".into();
        })
        .with_transform(standard_addresses);
    let mut generator = settings.into_generator();
    generator.subschema_for::<UpgradeRequest>();
    generator.subschema_for::<Reply>();
    generator.subschema_for::<Step>();
    generator.subschema_for::<Revert>();
    generator.subschema_for::<Event>();
    generator.take_definitions(true)
}

/// schemars says `"format": "ip"` of an address of either family; the standard has no such format.
fn standard_addresses(schema: &mut Schema) {
    transform_subschemas(&mut standard_addresses, schema);
    if schema.get("format").and_then(Value::as_str) == Some("ip") {
        schema.remove("format");
        schema.insert(
            "anyOf".to_owned(),
            json!([{ "format": "ipv4" }, { "format": "ipv6" }]),
        );
    }
}
