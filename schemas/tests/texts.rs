//! What whoever wrote a message is told about it: for every place of every message and everything
//! that may stand there instead, a short text in words of JSON, without what stands there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use schemas::documents::{all, examples};
use schemas::{Event, Message, Reply, Revert, Step, UpgradeRequest, decode};
use serde_json::{Value, json};

const LONGEST: usize = 500;

/// What a message may not be told of: types and traits of the language that reads it.
const RUST: [&str; 34] = [
    "::",
    "struct",
    "enum",
    "variant",
    "tuple",
    "newtype",
    "unit",
    "sequence",
    "map",
    "str",
    "u8",
    "u16",
    "u32",
    "u64",
    "usize",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "u128",
    "f32",
    "f64",
    "bool",
    "char",
    "Option",
    "None",
    "Some",
    "Vec",
    "IpAddr",
    "Uuid",
    "DateTime",
    "serde",
    "deserialize",
];

fn bad_values() -> Vec<Value> {
    let long = "hunter2".repeat(1_500);
    vec![
        json!(long),
        json!(format!("/{long}")),
        json!(vec![long.clone(); 3]),
        json!({ long.clone(): 1 }),
        json!("hunter2\u{0}\u{1b}[2J\r\n\u{7f}\u{9b}\u{202e}"),
        json!({ "hunter2\u{1b}[2J\n": null }),
        json!("hunter2`, expected a `hunter2"),
        json!({ "hunter2`, expected a `hunter2": [] }),
        json!(""),
        json!(null),
        json!(true),
        json!(-47_114_711),
        json!(47_114_711.25),
        json!(u64::MAX),
        json!(1e300),
        json!([]),
        json!([["hunter2"]]),
        json!({}),
        json!({ "hunter2": { "hunter2": 47_114_711 } }),
    ]
}

#[track_caller]
fn check(text: &str) {
    assert!(text.len() < LONGEST, "{} bytes: {text}", text.len());
    assert!(!text.contains(char::is_control), "{text:?}");
    for secret in ["hunter2", "47114711", "[2J", "\u{202e}"] {
        assert!(!text.contains(secret), "{text}");
    }
    let words = text.split(|c: char| !c.is_alphanumeric() && c != ':' && c != '_');
    for word in words {
        assert!(
            !RUST.contains(&word.trim_end_matches(':')),
            "{word}: {text}"
        );
    }
    assert!(
        !text.contains("::") || text.contains("2001:db8::28"),
        "{text}"
    );
}

/// Every place of a value, as JSON pointers.
fn places(value: &Value, path: String, all: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                places(field, format!("{path}/{name}"), all);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                places(item, format!("{path}/{n}"), all);
            }
        }
        _ => {}
    }
    all.push(path);
}

/// How many texts were seen.
fn walk<M: Message>() -> usize {
    let mut seen = 0;
    for example in examples::all().unwrap() {
        if example.message_type != M::TYPE {
            continue;
        }
        let mut all = Vec::new();
        places(&example.payload, String::new(), &mut all);
        for path in all {
            for bad in bad_values() {
                let mut message = example.payload.clone();
                *message.pointer_mut(&path).unwrap() = bad;
                if let Err(error) = decode::<M>(message.to_string().as_bytes()) {
                    check(&error.to_string());
                    seen += 1;
                }
            }
            let Some((parent, name)) = path.rsplit_once('/') else {
                continue;
            };
            let mut message = example.payload.clone();
            if let Some(parent) = message.pointer_mut(parent).and_then(Value::as_object_mut) {
                parent.remove(name);
                if let Err(error) = decode::<M>(message.to_string().as_bytes()) {
                    check(&error.to_string());
                    assert!(error.to_string().contains(name), "{path}: {error}");
                }
            }
        }
    }
    seen
}

#[test]
fn when_a_place_of_a_message_is_wrong_then_the_text_is_short_and_in_words_of_json() {
    assert!(walk::<UpgradeRequest>() > 200);
    assert!(walk::<Reply>() > 100);
    assert!(walk::<Step>() > 60);
    assert!(walk::<Revert>() > 60);
    assert!(walk::<Event>() > 200);
}

/// The limits of texts by field, from the JSON Schema of the message.
fn limits(message_type: &str) -> Vec<(String, u64)> {
    let path = format!("schemas/json/{message_type}.schema.json");
    let document = all()
        .unwrap()
        .into_iter()
        .find(|document| document.path == path);
    let root: Value = serde_json::from_str(&document.unwrap().text).unwrap();
    let limit = |schema: &Value| {
        let with_refs = [schema, &schema["anyOf"][0]];
        let target = with_refs.iter().find_map(|schema| schema["$ref"].as_str());
        let target = target.and_then(|target| root.pointer(target.strip_prefix('#')?));
        target.unwrap_or(schema)["maxLength"].as_u64()
    };
    let properties = root["properties"].as_object().unwrap();
    let limited = properties
        .iter()
        .filter_map(|(name, schema)| Some((name.clone(), limit(schema)?)));
    limited.collect()
}

fn too_long<M: Message>(expected: usize) {
    let mut payload = examples::all().unwrap();
    payload.retain(|example| example.message_type == M::TYPE);
    let payload = payload.pop().unwrap().payload;
    let limits = limits(M::TYPE);
    assert_eq!(limits.len(), expected, "{limits:?}");
    for (field, limit) in limits {
        for len in [limit + 1, 10_000] {
            let mut message = payload.clone();
            message[&field] = "a".repeat(usize::try_from(len).unwrap()).into();
            let error = decode::<M>(message.to_string().as_bytes())
                .err()
                .unwrap()
                .to_string();
            assert!(
                error.contains(&format!("at most {limit} characters")),
                "{error}"
            );
            assert!(error.contains(&field), "{error}");
        }
    }
}

#[test]
fn when_a_text_is_too_long_then_the_limit_is_told() {
    too_long::<UpgradeRequest>(4);
    too_long::<Event>(1);
}

#[test]
fn when_an_address_is_wrong_then_the_text_says_what_is_expected() {
    let request = &examples::all().unwrap()[0].payload;
    for field in ["ip_address", "firmware_host"] {
        for bad in [
            "sw0",
            "10.0.0.1/24",
            "10.0.0.1:22",
            "fe80::1%eth0",
            "010.0.0.1",
            "",
            "[::1]",
        ] {
            let mut message = request.clone();
            message[field] = bad.into();
            let error = decode::<UpgradeRequest>(message.to_string().as_bytes());
            let error = error.unwrap_err().to_string();
            let expected = format!("{field}: invalid address: expected an IPv4 address like ");
            assert!(error.contains(&expected), "{error}");
        }
    }
}
