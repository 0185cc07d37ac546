//! Messages that others wrote: good ones, later ones, broken ones.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use schemas::documents::examples;
use schemas::messages::MAX_MESSAGE_BYTES;
use schemas::{DecodeError, Event, Message, Reply, Revert, Step, UpgradeRequest, decode};
use serde_json::{Value, json};

/// Stands in messages for what must not come back in an error.
const SECRET: &str = "hunter2";

fn example<M: Message>() -> Value {
    examples::all()
        .unwrap()
        .into_iter()
        .find(|example| example.message_type == M::TYPE)
        .unwrap()
        .payload
}

fn read<M: Message>(value: &Value) -> Result<M, DecodeError> {
    decode(value.to_string().as_bytes())
}

/// The text of the error, which is short, on one line and without the secret.
#[track_caller]
fn refused<M: Message>(body: &[u8]) -> String {
    let Err(error) = decode::<M>(body) else {
        panic!("taken: {:.200}", String::from_utf8_lossy(body));
    };
    let text = error.to_string();
    assert!(!text.contains(SECRET), "{text}");
    assert!(text.len() < 500, "{text}");
    assert!(!text.contains(char::is_control), "{text:?}");
    text
}

fn with(field: &str, value: Value) -> Vec<u8> {
    let mut request = example::<UpgradeRequest>();
    request[field] = value;
    request.to_string().into_bytes()
}

#[test]
fn fields_of_later_versions_are_tolerated_at_every_level() {
    fn extend(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.values_mut().for_each(extend);
                map.insert("added_later".to_owned(), json!([{ "a": null }, 1.5]));
            }
            Value::Array(items) => items.iter_mut().for_each(extend),
            _ => {}
        }
    }
    fn check<M: Message + PartialEq + std::fmt::Debug>(payload: &Value) {
        let mut extended = payload.clone();
        extend(&mut extended);
        assert_ne!(&extended, payload);
        assert_eq!(read::<M>(&extended).unwrap(), read::<M>(payload).unwrap());
    }
    for example in examples::all().unwrap() {
        match example.message_type {
            UpgradeRequest::TYPE => check::<UpgradeRequest>(&example.payload),
            Reply::TYPE => check::<Reply>(&example.payload),
            Step::TYPE => check::<Step>(&example.payload),
            Revert::TYPE => check::<Revert>(&example.payload),
            _ => check::<Event>(&example.payload),
        }
    }
}

#[test]
fn an_unknown_version_is_refused_as_such() {
    fn check<M: Message + std::fmt::Debug>() {
        let mut message = example::<M>();
        for version in [0, 2, u64::MAX] {
            message["version"] = json!(version);
            let expected = DecodeError::UnknownVersion {
                kind: M::TYPE,
                found: version,
            };
            assert_eq!(read::<M>(&message).unwrap_err(), expected);
            // Whatever else a later version changed.
            let other = json!({ "version": version, "ip_address": { "v4": "10.0.0.1" } });
            assert_eq!(read::<M>(&other).unwrap_err(), expected);
        }
    }
    check::<UpgradeRequest>();
    check::<Reply>();
    check::<Step>();
    check::<Revert>();
    check::<Event>();
}

#[test]
fn a_version_that_is_none_is_invalid() {
    for version in [
        json!("1"),
        json!(-1),
        json!(1.5),
        json!(null),
        json!([1]),
        json!(SECRET),
    ] {
        let text = refused::<UpgradeRequest>(&with("version", version));
        assert!(
            text.starts_with("not a valid upgrade-request: version: found "),
            "{text}"
        );
    }
    let mut request = example::<UpgradeRequest>();
    request.as_object_mut().unwrap().remove("version");
    let text = refused::<UpgradeRequest>(request.to_string().as_bytes());
    assert!(text.contains("missing field `version`"), "{text}");
}

#[test]
fn an_error_names_the_field_and_not_the_value() {
    let cases = [
        (
            "ip_address",
            json!(SECRET),
            "ip_address: invalid address: expected an IPv4 address like ",
        ),
        (
            "ip_address",
            json!(7),
            "ip_address: found a number, expected a string",
        ),
        (
            "request_id",
            json!(SECRET),
            "request_id: invalid id: expected a UUID with hyphens",
        ),
        (
            "request_id",
            json!({ SECRET: 1 }),
            "request_id: found an object, expected a string",
        ),
        (
            "tpvm_image",
            json!("/a;hunter2"),
            "tpvm_image: invalid image path: expected an absolute path",
        ),
        (
            "tpvm_image",
            json!(null),
            "tpvm_image: found null, expected a string",
        ),
        (
            "requested_by",
            json!("hunter2\n"),
            "requested_by: invalid requester: expected text",
        ),
        (
            "trusted_peer_password_secret",
            json!("Hunter2 hunter2"),
            "trusted_peer_password_secret: invalid name of a secret",
        ),
        (
            "trusted_peer_sudo_user",
            json!(["hunter2"]),
            "trusted_peer_sudo_user: found an array, expected a string",
        ),
        (
            "options",
            json!({ "force": "hunter2, expected a hunter2" }),
            "options.force: found a string, expected a boolean",
        ),
        (
            "options",
            json!(SECRET),
            "options: found a string, expected an object",
        ),
    ];
    for (field, value, expected) in cases {
        let text = refused::<UpgradeRequest>(&with(field, value));
        assert!(text.contains(expected), "{text}");
        assert!(text.contains(" at line 1 column "), "{text}");
    }
}

#[test]
fn an_unknown_word_is_not_repeated() {
    let mut step = example::<Step>();
    step["state"] = json!("hunter2`, expected one of `hunter2");
    let text = refused::<Step>(step.to_string().as_bytes());
    assert!(text.contains("state: found an unknown word"), "{text}");
    let mut event = example::<Event>();
    event["time"] = json!(SECRET);
    let text = refused::<Event>(event.to_string().as_bytes());
    assert!(
        text.contains("time: invalid time: expected a time like "),
        "{text}"
    );
    let reply = json!({ "version": 1, "answer": SECRET });
    refused::<Reply>(reply.to_string().as_bytes());
    let reply = json!({ "version": 1, "answer": "rejected", "reasons": [{ "code": SECRET, "message": "", "remedy": "" }] });
    refused::<Reply>(reply.to_string().as_bytes());
}

#[test]
fn steps_count_from_one() {
    fn check<M: Message>() {
        for seq in [
            json!(0),
            json!(-1),
            json!(i64::from(i32::MAX) + 1),
            json!(1.5),
            json!("1"),
        ] {
            let mut message = example::<M>();
            message["seq"] = seq;
            let text = refused::<M>(message.to_string().as_bytes());
            assert!(text.contains(": seq: "), "{text}");
        }
    }
    check::<Step>();
    check::<Revert>();
    check::<Event>();
}

#[test]
fn a_field_twice_is_refused() {
    let request = example::<UpgradeRequest>().to_string();
    let twice = request.replacen('{', r#"{"tpvm_image":"/hunter2","#, 1);
    let text = refused::<UpgradeRequest>(twice.as_bytes());
    assert!(text.contains("duplicate field `tpvm_image`"), "{text}");
    let twice = request.replacen('{', r#"{"version":2,"#, 1);
    let text = refused::<UpgradeRequest>(twice.as_bytes());
    assert!(
        text.contains("duplicate field `version`") || text.contains("version 2"),
        "{text}"
    );
}

#[test]
fn what_is_no_json_object_is_refused() {
    let request = example::<UpgradeRequest>().to_string();
    let nan = request.replacen('{', r#"{"hunter2":NaN,"#, 1);
    let infinite = request.replacen('{', r#"{"hunter2":Infinity,"#, 1);
    let trailing = format!("{request} hunter2");
    let two = format!("{request}{request}");
    let surrogate = request.replacen('{', r#"{"requested_by":"\ud800hunter2","#, 1);
    let newline = request.replacen('{', "{\"hunter2\":\"\n\",", 1);
    let bom = format!("\u{feff}{request}");
    let bodies = [
        "",
        " ",
        "null",
        "1",
        "true",
        "\"hunter2\"",
        "hunter2",
        "{",
        "{}",
        "[]",
        "[1,\"hunter2\"]",
        " [1]",
        "{\"version\":1",
        "{'version':1}",
        "{\"version\":1,}",
        "\0",
        "\u{1b}[2J",
        &nan,
        &infinite,
        &trailing,
        &two,
        &surrogate,
        &newline,
        &bom,
    ];
    for body in bodies {
        let text = refused::<UpgradeRequest>(body.as_bytes());
        assert!(text.starts_with("not a valid upgrade-request: "), "{text}");
        refused::<Reply>(body.as_bytes());
        refused::<Step>(body.as_bytes());
        refused::<Revert>(body.as_bytes());
        refused::<Event>(body.as_bytes());
    }
}

#[test]
fn the_fields_as_an_array_are_refused() {
    let step = example::<Step>();
    let array = json!([
        step["version"],
        step["execution_id"],
        step["seq"],
        step["state"]
    ]);
    let text = refused::<Step>(format!("\n {array}").as_bytes());
    assert!(
        text.contains("found an array, expected an object"),
        "{text}"
    );
}

#[test]
fn bytes_that_are_no_utf8_are_refused_wherever_they_stand() {
    let request = example::<UpgradeRequest>().to_string();
    let mut ignored = b"{\"added_later\":\"\xff\",".to_vec();
    ignored.extend(&request.as_bytes()[1..]);
    for body in [&b"\xff\xfe"[..], b"{\"version\":\x80}", &ignored] {
        let text = refused::<UpgradeRequest>(body);
        assert!(
            text.contains("not UTF-8 at byte ") || text.contains("UTF-16"),
            "{text}"
        );
    }
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    let request = example::<UpgradeRequest>().to_string();
    for end in 0..request.len() {
        refused::<UpgradeRequest>(&request.as_bytes()[..end]);
    }
}

#[test]
fn size_has_a_limit_at_the_edge() {
    let request = example::<UpgradeRequest>().to_string();
    let padded = |len: usize| format!("{request}{}", " ".repeat(len - request.len()));
    assert!(decode::<UpgradeRequest>(padded(MAX_MESSAGE_BYTES).as_bytes()).is_ok());
    let text = refused::<UpgradeRequest>(padded(MAX_MESSAGE_BYTES + 1).as_bytes());
    assert_eq!(
        text,
        "the message has 65537 bytes, more than the 65536 allowed"
    );
    refused::<UpgradeRequest>(&vec![b'['; 10 * 1024 * 1024]);
}

#[test]
fn depth_does_no_harm() {
    for (open, close) in [("[", "]"), ("{\"hunter2\":", "}")] {
        let count = 4_000;
        let deep = format!("{}1{}", open.repeat(count), close.repeat(count));
        refused::<UpgradeRequest>(deep.as_bytes());
        let request = example::<UpgradeRequest>().to_string();
        let known = request.replacen('{', &format!("{{\"options\":{deep},"), 1);
        refused::<UpgradeRequest>(known.as_bytes());
        // What is skipped is skipped without recursion.
        let skipped = request.replacen('{', &format!("{{\"added_later\":{deep},"), 1);
        assert!(decode::<UpgradeRequest>(skipped.as_bytes()).is_ok());
        let reply = example::<Reply>().to_string();
        let kept = reply.replacen('{', &format!("{{\"added_later\":{deep},"), 1);
        assert!(decode::<Reply>(kept.as_bytes()).is_ok());
    }
}

#[test]
fn an_array_within_a_message_stands_for_no_object() {
    let text = refused::<UpgradeRequest>(&with("options", json!([false, true])));
    assert!(
        text.contains("options: found an array, expected an object"),
        "{text}"
    );
    let reply = json!({
        "version": 1, "answer": "rejected", "reasons": [["unknown-version", "m", "r"]],
    });
    refused::<Reply>(reply.to_string().as_bytes());
}

#[test]
fn an_object_stands_for_no_word() {
    let mut step = example::<Step>();
    step["state"] = json!({ "tpvm-upgrade": null });
    let text = refused::<Step>(step.to_string().as_bytes());
    assert!(
        text.contains("state: found an object, expected a word"),
        "{text}"
    );
}

#[test]
fn a_whole_number_is_read_in_every_notation() {
    let step = example::<Step>().to_string();
    for one in ["1.0", "1e0", "10e-1"] {
        let text = step.replace("\"version\":1", &format!("\"version\":{one}"));
        assert!(decode::<Step>(text.as_bytes()).is_ok(), "{one}");
    }
}

#[test]
fn an_id_is_read_in_its_standard_form_only() {
    let id = "4f1b6a52-7c0d-4e3a-9b57-21d8a6c30e94";
    for good in [id.to_owned(), id.to_uppercase()] {
        assert!(decode::<UpgradeRequest>(&with("request_id", json!(good))).is_ok());
    }
    for bad in [
        format!("{{{id}}}"),
        format!("urn:uuid:{id}"),
        id.replace('-', ""),
        format!(" {id}"),
    ] {
        let text = refused::<UpgradeRequest>(&with("request_id", json!(bad)));
        assert!(
            text.contains("expected a UUID with hyphens"),
            "{bad}: {text}"
        );
    }
}

#[test]
fn a_password_in_clear_text_is_refused_with_the_field_that_stands_for_it() {
    for field in ["trusted_peer_password", "trustedPeerPassword"] {
        let text = refused::<UpgradeRequest>(&with(field, json!(SECRET)));
        assert!(
            text.contains("name a secret in trusted_peer_password_secret"),
            "{text}"
        );
        let broken = format!("{{\"{field}\": \"hunter2\", broken");
        let text = refused::<UpgradeRequest>(broken.as_bytes());
        assert!(text.contains(field), "{text}");
    }
}

#[test]
fn a_byte_order_mark_is_named() {
    let request = example::<UpgradeRequest>().to_string();
    let text = refused::<UpgradeRequest>(format!("\u{feff}{request}").as_bytes());
    assert!(text.contains("byte order mark (BOM)"), "{text}");
    let utf16: Vec<u8> = format!("\u{feff}{request}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let text = refused::<UpgradeRequest>(&utf16);
    assert!(text.contains("UTF-16"), "{text}");
}

#[test]
fn a_text_that_is_too_long_is_answered_with_the_limit() {
    let text = refused::<UpgradeRequest>(&with("requested_by", json!("x".repeat(129))));
    assert!(text.contains("at most 128 characters"), "{text}");
}
