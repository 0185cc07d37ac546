//! Files that people write: what is wrong with one is told with its place, and never repeats what
//! stands there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use schemas::files::{from_json, from_toml};
use schemas::inventory::Inventory;
use serde_json::{Value, json};

/// A URL with a password, as it may stand anywhere by mistake.
const URL: &str = "amqp://alice:hunter2@broker/";

fn example() -> Value {
    toml::from_str(include_str!("../../examples/inventory.toml")).unwrap()
}

#[track_caller]
fn told(problem: Option<impl std::error::Error>, text: &str) -> String {
    let problem = problem.unwrap_or_else(|| panic!("taken: {text:.300}"));
    let said = format!("{problem}");
    let everything = format!("{said} {problem:?} {:?}", problem.source());
    for secret in ["hunter2", "alice", "4711"] {
        assert!(!everything.contains(secret), "{everything}\n{text:.300}");
    }
    assert!(said.starts_with("line "), "{said}");
    assert!(
        said.len() < 700 && !said.contains(char::is_control),
        "{said:?}"
    );
    for word in [
        "struct", "enum", "u8", "u16", "i32", "i64", "sequence", "::", "unit", "variant",
    ] {
        let words = said.split(|c: char| !c.is_alphanumeric() && c != ':');
        assert!(
            words.into_iter().all(|found| found != word),
            "{word}: {said}"
        );
    }
    said
}

/// Every place of an inventory, as JSON pointers.
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

fn all_places() -> Vec<String> {
    let mut all = Vec::new();
    places(&example(), String::new(), &mut all);
    assert!(all.len() > 80, "{all:?}");
    all
}

/// Read from both formats: the text of what is wrong.
fn refused_from_both(value: &Value) -> [String; 2] {
    let json = format!("{value:#}");
    let toml = toml::to_string(value).unwrap();
    [
        told(from_json::<Inventory>(&json).err(), &json),
        told(from_toml::<Inventory>(&toml).err(), &toml),
    ]
}

#[test]
fn when_a_secret_stands_in_a_wrong_place_then_the_problem_does_not_repeat_it() {
    for path in all_places().into_iter().filter(|path| !path.is_empty()) {
        for bad in [
            json!(URL.repeat(400)),
            json!({ URL: URL }),
            json!({ "hunter2 ": 1 }),
            json!([URL]),
            json!([[URL, 4711]]),
            json!("hunter2 4711\n\u{1b}[2J"),
            json!(-4711),
            json!(4711.25),
        ] {
            let mut spoilt = example();
            *spoilt.pointer_mut(&path).unwrap() = bad;
            for said in refused_from_both(&spoilt) {
                let name = path.rsplit('/').find(|part| part.parse::<usize>().is_err());
                // Of an object with a wrong key, the key is the place.
                assert!(said.contains(name.unwrap()), "{path}: {said}");
            }
        }
    }
}

#[test]
fn when_an_array_stands_for_a_table_then_the_file_is_refused_at_that_place() {
    let mut tried = 0;
    for path in all_places() {
        let spoilt = example();
        let Some(fields) = spoilt.pointer(&path).unwrap().as_object() else {
            continue;
        };
        // In the order in which serde would read the fields, and whole.
        let array: Value = fields.values().cloned().collect();
        if path.is_empty() {
            told(from_json::<Inventory>(&array.to_string()).err(), "an array");
        } else {
            let mut spoilt = spoilt.clone();
            *spoilt.pointer_mut(&path).unwrap() = array;
            let [json, toml] = refused_from_both(&spoilt);
            assert!(
                json.contains("found an array, expected an object"),
                "{json}"
            );
            assert!(toml.contains("found an array, expected a table"), "{toml}");
        }
        tried += 1;
    }
    assert!(tried > 15, "{tried}");
    let short = "deployments = []\nfirmware_hosts = [[\"10.0.0.1\", \"scp\", \"fw\", \"pw\"]]\n";
    let said = told(from_toml::<Inventory>(short).err(), short);
    assert!(
        said.starts_with("line 2: firmware_hosts[0]: found an array"),
        "{said}"
    );
}

#[test]
fn when_a_secret_stands_in_malformed_text_then_the_problem_does_not_repeat_it() {
    for toml in [
        URL,
        "amqp://alice:hunter2@broker/ = 1",
        "url = amqp://alice:hunter2@broker/",
        "url = \"amqp://alice:hunter2@broker/",
        "url = 'amqp://alice:hunter2@broker/\nx'",
        "url = \"amqp://alice:hunter2\\@broker/\"",
        "\"amqp://alice:hunter2@broker/\" = 1",
        "[\"amqp://alice:hunter2@broker/\"]\na = 1",
        "[amqp://alice:hunter2@broker/]",
        "[[deployments]]\nname = hunter2",
        "hunter2 = 1\nhunter2 = 2",
        "\"hunter2 4711\" = 1\n\"hunter2 4711\" = 2",
        "a = { hunter2",
        "a = [\"hunter2\"",
        "a = 4711-hunter2",
        "a = 47114711471147114711471147114711",
        "[hunter2]\n[hunter2]",
        "hunter2 = 1\n[hunter2.a]",
        "hunter2 = 1\nhunter2.a = 2",
        "a = \"\"\"hunter2",
        "\u{0}hunter2",
    ] {
        // A bare key may be a mistyped one, and is shown so that it can be found.
        let said = from_toml::<Inventory>(toml).unwrap_err().to_string();
        let said = said.replace("unknown field `hunter2`", "");
        assert!(
            !said.contains("hunter2") && !said.contains("4711"),
            "{toml}: {said}"
        );
        assert!(said.starts_with("line "), "{said}");
    }
    for json in [
        URL,
        "{\"url\": amqp://alice:hunter2@broker/}",
        "{\"url\": \"amqp://alice:hunter2@broker/}",
        "{\"amqp://alice:hunter2@broker/\": 1}",
        "{\"deployments\": [\"hunter2\"}",
        "{\"deployments\": hunter2}",
        "{} hunter2",
        "{\"hunter2 4711\": \"\\ud800\"}",
        "",
    ] {
        told(from_json::<Inventory>(json).err(), json);
    }
}

#[test]
fn when_a_value_is_wrong_then_the_problem_names_the_field_and_the_line() {
    let said = from_json::<Inventory>("{\n\"firmware_hosts\": [{\n\"ip_address\": \"x\"}]}");
    assert_eq!(
        said.unwrap_err().to_string(),
        "line 3: firmware_hosts[0].ip_address: invalid address: expected an IPv4 address like \
         10.20.246.28 or an IPv6 address like 2001:db8::28, without a zone, a port or a prefix length"
    );
    let said = from_toml::<Inventory>("\n[[firmware_hosts]]\nip_address = \"x\"\n");
    assert!(
        said.unwrap_err()
            .to_string()
            .starts_with("line 3: firmware_hosts[0].ip_address: invalid"),
    );
    let said = from_toml::<Inventory>("\n\ndeployments = [}")
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("line 3: "), "{said}");
    let said = from_json::<Inventory>("{\n\"deployments\": [}")
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("line 2: "), "{said}");
    let said = from_toml::<Inventory>("[[firmware_hosts]]\nport = 1\n")
        .unwrap_err()
        .to_string();
    assert!(
        said.starts_with("line 2: firmware_hosts[0].port: unknown field `port`, expected "),
        "{said}"
    );
}
