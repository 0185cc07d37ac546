//! The messages of version 1 as they are on the wire, kept for ever: a program that does not read
//! one of them any more would lose what a worker or a requester of the version before has sent.
//! Files are added here, never changed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;

use schemas::{DecodeError, Event, Message, Reply, Revert, Step, UpgradeRequest, decode, encode};
use serde_json::{Value, json};

/// Every file, with the type of its message: what stands before the dot in its name.
fn kept() -> Vec<(String, String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/v1");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let kind = name.split('.').next().unwrap().to_owned();
        all.push((name, kind, serde_json::from_str(&text).unwrap()));
    }
    all
}

/// What a message becomes when it is read and written again.
fn again(kind: &str, message: &Value) -> Result<Value, DecodeError> {
    fn through<M: Message>(message: &Value) -> Result<Value, DecodeError> {
        let read: M = decode(message.to_string().as_bytes())?;
        Ok(serde_json::from_slice(&encode(&read)).unwrap())
    }
    match kind {
        UpgradeRequest::TYPE => through::<UpgradeRequest>(message),
        Reply::TYPE => through::<Reply>(message),
        Step::TYPE => through::<Step>(message),
        Revert::TYPE => through::<Revert>(message),
        Event::TYPE => through::<Event>(message),
        other => panic!("no message is a {other}"),
    }
}

/// Whether all of `part` is in `whole`.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, value)| whole.get(key).is_some_and(|found| holds(found, value))),
        _ => whole == part,
    }
}

#[test]
fn every_message_of_version_1_is_read_and_keeps_what_it_says() {
    let kept = kept();
    let kinds: BTreeSet<&str> = kept.iter().map(|(_, kind, _)| kind.as_str()).collect();
    let types = [
        UpgradeRequest::TYPE,
        Reply::TYPE,
        Step::TYPE,
        Revert::TYPE,
        Event::TYPE,
    ];
    assert_eq!(kinds, BTreeSet::from(types));
    for (name, kind, message) in kept {
        let written = again(&kind, &message).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(holds(&written, &message), "{name}: {written}");
    }
}

#[test]
fn what_a_later_program_adds_is_no_matter() {
    for (name, kind, mut message) in kept() {
        let written = again(&kind, &message).unwrap();
        message["added_later"] = json!({ "any": ["thing", null] });
        assert_eq!(again(&kind, &message).unwrap(), written, "{name}");
    }
}

#[test]
fn a_later_version_is_refused_as_such() {
    for (name, kind, mut message) in kept() {
        message["version"] = json!(2);
        let error = again(&kind, &message).unwrap_err();
        assert!(
            matches!(error, DecodeError::UnknownVersion { found: 2, .. }),
            "{name}: {error}"
        );
        // Whatever else has changed with it.
        let bare = json!({ "version": 2, "everything": "else" });
        let error = again(&kind, &bare).unwrap_err();
        assert!(
            matches!(error, DecodeError::UnknownVersion { found: 2, .. }),
            "{name}: {error}"
        );
    }
}
