//! Messages that no worker can use, drawn from the seed, and what must become of each.

mod shapes;

use fastrand::Rng;
use lapin::types::{AMQPValue, FieldTable, LongString};
use schemas::{Names, State};
use uuid::Uuid;

/// How deep headers nest: the stack of a thread with 2 MiB would not hold it where it is read.
const MOST_LEVELS: usize = 3_000;

/// One message.
pub struct Garbage {
    /// Its message id: `garbage-17`.
    pub id: String,
    /// What is wrong with it.
    pub what: &'static str,
    pub queue: String,
    pub headers: FieldTable,
    pub body: Vec<u8>,
    pub fate: Fate,
}

/// What must become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is kept in the dead letters, with a reason that says this.
    Dead(&'static str),
    /// It is dropped: a step that was taken long ago.
    Dropped,
}

/// An execution that exists: its id, step and state.
pub type Known = (Uuid, i32, State);

impl Garbage {
    /// The nth message.
    pub fn draw(random: &mut Rng, n: usize, names: &Names, known: Option<Known>) -> Self {
        let draft = shapes::draft(random, names, known);
        let mut headers = headers(random, names);
        if draft.fate == Fate::Dropped {
            // A copy among the reverts would not be dropped.
            headers = FieldTable::default();
        }
        Self {
            id: format!("garbage-{n}"),
            what: draft.what,
            queue: draft.queue,
            headers,
            body: draft.body,
            fate: draft.fate,
        }
    }

    /// Whether it goes to another queue as well.
    pub fn is_copied(&self) -> bool {
        self.headers.inner().contains_key(COPY_TO)
    }
}

/// By this header RabbitMQ puts a copy into other queues.
const COPY_TO: &str = "CC";

/// Foreign headers: none, some, nested ones, large ones, and one that the broker itself acts on.
fn headers(random: &mut Rng, names: &Names) -> FieldTable {
    let mut headers = FieldTable::default();
    let long = |text: String| AMQPValue::LongString(LongString::from(text));
    let (name, value) = match random.u8(..6) {
        0 => ("traceparent", long("00-no-trace".to_owned())),
        1 => ("x-reason", long("because I say so".to_owned())),
        2 => {
            let mut value = AMQPValue::Double(f64::from(random.u16(..)));
            for _ in 0..random.usize(1..MOST_LEVELS) {
                value = AMQPValue::FieldArray(vec![value].into());
            }
            ("nested", value)
        }
        3 => ("large", long("x".repeat(random.usize(1000..90_000)))),
        4 => {
            let also = vec![long(
                names.state_queue(State::TpvmRevert).unwrap_or_default(),
            )];
            (COPY_TO, AMQPValue::FieldArray(also.into()))
        }
        _ => return headers,
    };
    headers.insert(name.into(), value);
    headers
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use schemas::{Message, Revert, Step, UpgradeRequest, decode};

    use super::*;

    /// What a worker says of a message in this queue before it asks the ledger.
    fn refused(names: &Names, garbage: &Garbage) -> Option<String> {
        fn says<M: Message>(body: &[u8]) -> Option<String> {
            decode::<M>(body).err().map(|problem| problem.to_string())
        }
        if garbage.queue == names.request_queue() {
            says::<UpgradeRequest>(&garbage.body)
        } else if Some(&garbage.queue) == names.state_queue(State::TpvmRevert).as_ref() {
            says::<Revert>(&garbage.body)
        } else {
            says::<Step>(&garbage.body)
        }
    }

    #[test]
    fn no_garbage_can_be_carried_out_and_each_is_refused_as_told() {
        const BY_THE_LEDGER: [&str; 3] = [
            "has no execution",
            "does not belong into this queue",
            "not at step",
        ];
        let names = Names::new("test");
        let known = Some((Uuid::new_v4(), 6, State::WorkflowFinished));
        let mut random = Rng::with_seed(7);
        let mut kinds = std::collections::BTreeSet::new();
        for n in 0..5000 {
            let garbage = Garbage::draw(&mut random, n, &names, known);
            kinds.insert(garbage.what);
            let refused = refused(&names, &garbage);
            match garbage.fate {
                Fate::Dead(says) if BY_THE_LEDGER.contains(&says) => assert_eq!(refused, None),
                Fate::Dead(says) => {
                    let refused = refused.unwrap_or_else(|| panic!("{}", garbage.what));
                    assert!(refused.contains(says), "{}: {refused}", garbage.what);
                }
                Fate::Dropped => assert_eq!(refused, None),
            }
        }
        assert_eq!(kinds.len(), 20, "{kinds:?}");
    }

    #[test]
    fn a_seed_draws_the_same_again() {
        let names = Names::new("test");
        let draw = |seed| {
            let mut random = Rng::with_seed(seed);
            let all = (0..100).map(|n| Garbage::draw(&mut random, n, &names, None));
            all.map(|garbage| (garbage.queue, garbage.body))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
