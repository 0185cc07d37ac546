//! What can be wrong with a message.

use fastrand::Rng;
use schemas::{Names, Options, State, UpgradeRequest, V1, encode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Fate, Known};

const REQUEST: &str = "not a valid upgrade-request";
const STEP: &str = "not a valid step";
const REVERT: &str = "not a valid revert";

/// A message without its headers.
pub struct Draft {
    pub what: &'static str,
    pub queue: String,
    pub body: Vec<u8>,
    pub fate: Fate,
}

pub fn draft(random: &mut Rng, names: &Names, known: Option<Known>) -> Draft {
    let request = names.request_queue();
    let state = State::ACTING[random.usize(..State::ACTING.len())];
    let step_state = loop {
        let state = State::ACTING[random.usize(..State::ACTING.len())];
        if state != State::TpvmRevert {
            break state;
        }
    };
    let queue_of = |state: State| names.state_queue(state).unwrap_or_default();
    // Bytes that are no message at all go to any queue.
    let any = match random.bool() {
        true => (request.clone(), REQUEST),
        false if state == State::TpvmRevert => (queue_of(state), REVERT),
        false => (queue_of(state), STEP),
    };
    let draft = |what, (queue, says): (String, &'static str), body: Vec<u8>| Draft {
        what,
        queue,
        body,
        fate: Fate::Dead(says),
    };
    let a_request = || (names.request_queue(), REQUEST);
    let a_step = || (queue_of(step_state), STEP);
    match random.u8(..20) {
        0 => draft("an empty body", any, Vec::new()),
        1 => {
            // The first byte is no beginning of UTF-8.
            let mut bytes = vec![0xff];
            bytes.extend((0..random.usize(..2000)).map(|_| random.u8(..)));
            draft("random bytes", any, bytes)
        }
        2 => {
            let mut text = encode(&valid(random));
            text.truncate(random.usize(1..text.len()));
            draft("a request cut off", a_request(), text)
        }
        3 => {
            let open = if random.bool() { "[" } else { "{\"a\":" };
            draft(
                "deeply nested",
                any,
                open.repeat(random.usize(200..9000)).into(),
            )
        }
        4 => {
            let (queue, _) = any;
            let body = vec![b' '; random.usize(70_000..400_000)];
            draft("huge", (queue, "more than the"), body)
        }
        5 => draft("wrong types", a_request(), spoiled(random, WRONG_TYPES)),
        6 => draft("values that break out", a_request(), spoiled(random, EVIL)),
        7 => draft("a field missing", a_request(), spoiled(random, MISSING)),
        8 => {
            let version = random.u64(2..1000);
            let says = (names.request_queue(), "has version");
            draft(
                "an unknown version of a request",
                says,
                with(valid(random), "version", json!(version)),
            )
        }
        9 => {
            let mut step = step(random, step_state);
            step["version"] = json!(random.u64(2..1000));
            draft(
                "an unknown version of a step",
                (queue_of(step_state), "has version"),
                text(&step),
            )
        }
        10 => {
            let step = step(random, step_state);
            draft(
                "a step of nobody",
                (queue_of(step_state), "has no execution"),
                text(&step),
            )
        }
        11 => {
            let mut revert = step(random, State::TpvmRevert);
            revert["failed"] = json!("tpvm-upgrade");
            draft(
                "a revert of nobody",
                (queue_of(State::TpvmRevert), "has no execution"),
                text(&revert),
            )
        }
        12 => {
            let other = if step_state == State::DeviceValidation {
                State::TpvmUpgrade
            } else {
                State::DeviceValidation
            };
            let says = (queue_of(step_state), "does not belong into this queue");
            draft(
                "a step in another state's queue",
                says,
                text(&step(random, other)),
            )
        }
        13 => draft(
            "a request among the steps",
            a_step(),
            encode(&valid(random)),
        ),
        14 => draft(
            "a step among the requests",
            a_request(),
            text(&step(random, step_state)),
        ),
        15 => {
            let says = (queue_of(State::TpvmRevert), REVERT);
            draft(
                "a step among the reverts",
                says,
                text(&step(random, step_state)),
            )
        }
        16 => {
            let mut step = step(random, step_state);
            let numbers = [
                json!(0),
                json!(-7),
                json!(1.5),
                json!(9_000_000_000_u64),
                json!("1"),
                Value::Null,
            ];
            step["seq"] = numbers[random.usize(..numbers.len())].clone();
            draft("a step with an impossible number", a_step(), text(&step))
        }
        17 => {
            let bodies: [&[u8]; 4] = [
                b"{\"version\":1,\"version\":1}",
                b"{\"version\":1e999}",
                b"\xef\xbb\xbf{}",
                b"[1]",
            ];
            draft(
                "odd JSON",
                any,
                bodies[random.usize(..bodies.len())].to_vec(),
            )
        }
        18 => match known {
            Some((id, seq, State::WorkflowFinished)) => {
                // The end has no queue: a step that would come after it.
                let step = json!({ "version": 1, "execution_id": id, "seq": seq + 7, "state": step_state });
                draft(
                    "a step from the future",
                    (queue_of(step_state), "not at step"),
                    text(&step),
                )
            }
            _ => draft("an empty body", any, Vec::new()),
        },
        _ => match known {
            Some((id, seq, _)) if seq > 1 => {
                let old = random.i32(1..seq);
                let step =
                    json!({ "version": 1, "execution_id": id, "seq": old, "state": step_state });
                Draft {
                    what: "an old step",
                    queue: queue_of(step_state),
                    body: text(&step),
                    fate: Fate::Dropped,
                }
            }
            _ => draft("an empty body", any, Vec::new()),
        },
    }
}

fn valid(random: &mut Rng) -> UpgradeRequest {
    UpgradeRequest {
        version: V1,
        request_id: Uuid::from_u128(random.u128(..)),
        ip_address: [127, 20, 0, 2].into(),
        firmware_host: [10, 31, 2, 50].into(),
        #[expect(clippy::unwrap_used, reason = "a valid path")]
        tpvm_image: "/images/tpvm_x86_64-4.2.5-0.amd64.deb".parse().unwrap(),
        #[expect(clippy::unwrap_used, reason = "a valid name")]
        requested_by: "garbage".parse().unwrap(),
        trusted_peer_sudo_user: None,
        trusted_peer_password_secret: None,
        options: Options::default(),
    }
}

const WRONG_TYPES: &[(&str, &str)] = &[
    ("request_id", "7"),
    ("request_id", "\"seven\""),
    ("ip_address", "[127,0,0,1]"),
    ("firmware_host", "{}"),
    ("tpvm_image", "null"),
    ("requested_by", "true"),
    ("options", "\"force\""),
    ("options", "{\"force\":1}"),
    ("version", "\"1\""),
];
const EVIL: &[(&str, &str)] = &[
    ("ip_address", "\"10.0.0.300\""),
    ("firmware_host", "\"fw; reload\""),
    ("tpvm_image", "\"/images/a b.deb\""),
    ("tpvm_image", "\"/images/a.deb\\nreload\""),
    ("tpvm_image", "\"images/a.deb\""),
    ("trusted_peer_password_secret", "\"../etc/passwd\""),
    ("trusted_peer_sudo_user", "\"root\\\" evil\""),
    ("requested_by", "\"\""),
];
const MISSING: &[(&str, &str)] = &[
    ("version", ""),
    ("request_id", ""),
    ("ip_address", ""),
    ("firmware_host", ""),
    ("tpvm_image", ""),
    ("requested_by", ""),
];

/// A request with one field replaced; by nothing: removed.
fn spoiled(random: &mut Rng, ways: &[(&str, &str)]) -> Vec<u8> {
    let (field, value) = ways[random.usize(..ways.len())];
    with(
        valid(random),
        field,
        serde_json::from_str(value).unwrap_or(Value::String(REMOVED.into())),
    )
}

const REMOVED: &str = "\u{0}";

fn with(request: UpgradeRequest, field: &str, value: Value) -> Vec<u8> {
    let mut request = serde_json::to_value(request).unwrap_or_default();
    if let Some(fields) = request.as_object_mut() {
        if value == REMOVED {
            fields.remove(field);
        } else {
            fields.insert(field.to_owned(), value);
        }
    }
    text(&request)
}

fn step(random: &mut Rng, state: State) -> Value {
    json!({
        "version": 1,
        "execution_id": Uuid::from_u128(random.u128(..)),
        "seq": random.i32(1..9),
        "state": state,
    })
}

fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
