//! The generated documents: current, and true.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use schemas::documents::{all, examples};
use schemas::{Event, Message, Reply, Revert, Step, UpgradeRequest, decode, encode};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read_json(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join(path)).unwrap()).unwrap()
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::options()
        .should_validate_formats(true)
        .build(schema)
        .unwrap()
}

#[test]
fn checked_in_documents_are_current() {
    for document in all().unwrap() {
        let found = std::fs::read_to_string(root().join(&document.path)).unwrap_or_default();
        assert!(
            found == document.text,
            "{} is out of date: run `cargo xtask generate`",
            document.path
        );
    }
}

#[test]
fn no_schema_is_left_over() {
    let generated: BTreeSet<_> = all()
        .unwrap()
        .into_iter()
        .filter_map(|document| Some(document.path.strip_prefix("schemas/json/")?.to_owned()))
        .collect();
    let found: BTreeSet<_> = std::fs::read_dir(root().join("schemas/json"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, generated);
}

#[test]
fn documents_are_ascii_where_programs_read_them() {
    for document in all().unwrap() {
        if document.path.ends_with(".json") {
            assert!(document.text.is_ascii(), "{}", document.path);
        }
    }
}

#[test]
fn every_example_is_valid_and_survives_a_round_trip() {
    fn round_trip<M: Message>(payload: &Value) {
        let message: M = decode(payload.to_string().as_bytes()).unwrap();
        let written: Value = serde_json::from_slice(&encode(&message)).unwrap();
        assert_eq!(&written, payload);
    }
    let types = [
        UpgradeRequest::TYPE,
        Reply::TYPE,
        Step::TYPE,
        Revert::TYPE,
        Event::TYPE,
    ];
    let examples = examples::all().unwrap();
    let covered: BTreeSet<_> = examples
        .iter()
        .map(|example| example.message_type)
        .collect();
    assert_eq!(covered, types.into_iter().collect());
    for example in examples {
        let path = format!("schemas/json/{}.schema.json", example.message_type);
        let problems: Vec<_> = validator(&read_json(&path))
            .iter_errors(&example.payload)
            .map(|error| error.to_string())
            .collect();
        assert!(problems.is_empty(), "{}: {problems:?}", example.name);
        match example.message_type {
            UpgradeRequest::TYPE => round_trip::<UpgradeRequest>(&example.payload),
            Reply::TYPE => round_trip::<Reply>(&example.payload),
            Step::TYPE => round_trip::<Step>(&example.payload),
            Revert::TYPE => round_trip::<Revert>(&example.payload),
            _ => round_trip::<Event>(&example.payload),
        }
    }
}

#[test]
fn a_schema_refuses_what_it_should() {
    let schema = validator(&read_json("schemas/json/upgrade-request.schema.json"));
    let good = &examples::all().unwrap()[0].payload;
    assert!(schema.is_valid(good));
    let mut extended = good.clone();
    extended["added_later"] = json!({ "a": 1 });
    assert!(schema.is_valid(&extended));
    for (field, value) in [
        ("version", json!(2)),
        ("ip_address", json!("sw0.example.com")),
        ("tpvm_image", json!("/a;reboot")),
        ("request_id", json!("1")),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(!schema.is_valid(&bad), "{field}");
    }
}

#[test]
fn asyncapi_examples_match_its_own_schemas() {
    let document = read_json("schemas/asyncapi.json");
    let messages = document["components"]["messages"].as_object().unwrap();
    let mut checked = 0;
    for (name, message) in messages {
        let Some(examples) = message["examples"].as_array() else {
            assert_eq!(name, "deadLetter");
            continue;
        };
        assert!(!examples.is_empty(), "{name}");
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "allOf": [message["payload"]],
            "components": document["components"],
        });
        let schema = validator(&schema);
        for example in examples {
            assert!(schema.is_valid(&example["payload"]), "{name}: {example}");
            let mut bad = example["payload"].clone();
            bad["version"] = json!(2);
            assert!(!schema.is_valid(&bad), "{name} takes any version");
            checked += 1;
        }
    }
    assert_eq!(checked, examples::all().unwrap().len());
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(target)) = map.get("$ref") {
                    let pointer = target.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{target}");
                }
                map.values().for_each(|value| check(value, document));
            }
            Value::Array(items) => items.iter().for_each(|value| check(value, document)),
            _ => {}
        }
    }
    for document in all().unwrap() {
        if document.path.ends_with(".json") {
            let value: Value = serde_json::from_str(&document.text).unwrap();
            check(&value, &value);
        }
    }
}

#[test]
fn asyncapi_names_every_queue() {
    let text = std::fs::read_to_string(root().join("schemas/asyncapi.json")).unwrap();
    let names = schemas::Names::default();
    let mut queues: Vec<_> = schemas::State::ALL
        .into_iter()
        .filter_map(|state| names.state_queue(state))
        .collect();
    queues.extend([names.request_queue(), names.dead_letter_queue()]);
    assert_eq!(queues.len(), 9);
    for queue in queues {
        assert!(text.contains(&format!("\"name\": \"{queue}\"")), "{queue}");
    }
}
