//! Names for letters, which AMQP does not give them.

use std::collections::HashMap;

use lapin::BasicProperties;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{letter, value};

/// Headers that the queue writes anew at each delivery.
const OF_THE_DELIVERY: [&str; 2] = ["x-delivery-count", "x-acquired-count"];

/// How much of the digest is used: two of 10,000 different letters share an id once in six
/// million queues, and are still told apart.
const BYTES: usize = 6;

type Short = [u8; BYTES];

/// Gives each letter of a queue its id: a digest of everything that a look does not change, so
/// that it is the same at the next one. Of letters that are alike in all of it the second, in the
/// order of the queue, has `-2` behind it, and so on: which of them is which does not matter.
#[derive(Default)]
pub(super) struct Ids {
    taken: HashMap<Short, u32>,
}

impl Ids {
    /// The id of the next letter in the queue.
    pub(super) fn of(&mut self, properties: &BasicProperties, body: &[u8]) -> String {
        let digest = digest(properties, body);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let count = self.taken.entry(digest).or_default();
        *count += 1;
        match *count {
            1 => hex,
            nth => format!("{hex}-{nth}"),
        }
    }
}

fn digest(properties: &BasicProperties, body: &[u8]) -> Short {
    let mut headers = value::headers(properties);
    for name in OF_THE_DELIVERY {
        headers.remove(name);
    }
    let about = json!([letter::properties(properties), headers]).to_string();
    let whole = Sha256::new()
        .chain_update(about.len().to_be_bytes())
        .chain_update(about)
        .chain_update(body)
        .finalize();
    let mut short = Short::default();
    short.copy_from_slice(&whole[..BYTES]);
    short
}

#[cfg(test)]
mod tests {
    use lapin::types::{AMQPValue, FieldTable};

    use super::*;

    fn with_header(name: &str, value: AMQPValue) -> BasicProperties {
        let mut headers = FieldTable::default();
        headers.insert(name.into(), value);
        BasicProperties::default().with_headers(headers)
    }

    fn id(properties: &BasicProperties, body: &[u8]) -> String {
        Ids::default().of(properties, body)
    }

    #[test]
    fn everything_that_stays_makes_the_id() {
        let plain = BasicProperties::default();
        let different = [
            id(&plain, b"a"),
            id(&plain, b"b"),
            id(&plain, b""),
            id(&plain.clone().with_message_id("1".into()), b"a"),
            id(&plain.clone().with_correlation_id("1".into()), b"a"),
            id(&plain.clone().with_priority(1), b"a"),
            id(&with_header("x", AMQPValue::LongInt(1)), b"a"),
            id(&with_header("x", AMQPValue::LongInt(2)), b"a"),
        ];
        for (n, one) in different.iter().enumerate() {
            assert_eq!(one.len(), 2 * BYTES, "{one}");
            assert!(!different[..n].contains(one), "{different:?}");
        }
    }

    #[test]
    fn what_a_look_changes_does_not() {
        let first = id(&with_header("x", AMQPValue::Void), b"a");
        let mut headers = FieldTable::default();
        headers.insert("x".into(), AMQPValue::Void);
        headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(7));
        headers.insert("x-acquired-count".into(), AMQPValue::LongLongInt(7));
        let again = BasicProperties::default().with_headers(headers);
        assert_eq!(id(&again, b"a"), first);
    }

    #[test]
    fn letters_that_are_alike_are_numbered() {
        let plain = BasicProperties::default();
        let mut ids = Ids::default();
        let first = ids.of(&plain, b"a");
        assert_ne!(ids.of(&plain, b"b"), first);
        assert_eq!(ids.of(&plain, b"a"), format!("{first}-2"));
        assert_eq!(ids.of(&plain, b"a"), format!("{first}-3"));
    }
}
