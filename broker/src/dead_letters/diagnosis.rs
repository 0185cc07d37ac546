//! Why a letter is one, read from headers that anybody may have written.

use lapin::types::{AMQPValue, FieldTable};
use schemas::names::{
    HEADER_REASON, HEADER_REMEDY, HEADER_SET_ASIDE_AT, HEADER_SET_ASIDE_BY, HEADER_SOURCE_QUEUE,
};

use super::value::{count, text};

/// The longest text that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// What to do where a worker of an earlier version did not say.
const MEND_AND_REDRIVE: &str =
    "mend what the reason names, then redrive it; purge it if nobody needs it any more";

/// What the headers tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Diagnosis {
    pub(super) reason: String,
    pub(super) remedy: String,
    pub(super) source_queue: Option<String>,
    pub(super) set_aside_at: Option<u64>,
    pub(super) set_aside_by: Option<String>,
    pub(super) deaths: u64,
}

impl Diagnosis {
    /// RabbitMQ's account comes first: a worker's copy carries none, so what has one died after.
    pub(super) fn of(headers: Option<&FieldTable>) -> Self {
        let headers = Headers(headers);
        headers
            .by_broker()
            .or_else(|| headers.by_worker())
            .unwrap_or_else(Self::unexplained)
    }

    fn unexplained() -> Self {
        Self {
            reason: "it does not say why it is here: somebody published it straight to the dead \
                     letters"
                .to_owned(),
            remedy: "find out who published it; it can't be redriven, only purged".to_owned(),
            source_queue: None,
            set_aside_at: None,
            set_aside_by: None,
            deaths: 0,
        }
    }
}

#[derive(Clone, Copy)]
struct Headers<'a>(Option<&'a FieldTable>);

impl<'a> Headers<'a> {
    fn get(self, name: &str) -> Option<&'a AMQPValue> {
        self.0?.inner().get(name)
    }

    fn text(self, name: &str) -> Option<String> {
        self.get(name).and_then(text).map(cut)
    }

    fn seconds(self, name: &str) -> Option<u64> {
        match self.get(name)? {
            AMQPValue::Timestamp(seconds) => Some(*seconds),
            _ => None,
        }
    }

    fn by_worker(self) -> Option<Diagnosis> {
        Some(Diagnosis {
            reason: self.text(HEADER_REASON)?,
            remedy: self
                .text(HEADER_REMEDY)
                .unwrap_or_else(|| MEND_AND_REDRIVE.to_owned()),
            source_queue: self.text(HEADER_SOURCE_QUEUE),
            set_aside_at: self.seconds(HEADER_SET_ASIDE_AT),
            set_aside_by: self.text(HEADER_SET_ASIDE_BY),
            deaths: 1,
        })
    }

    fn by_broker(self) -> Option<Diagnosis> {
        let AMQPValue::FieldArray(deaths) = self.get("x-death")? else {
            return None;
        };
        let mut deaths = deaths.as_slice().iter().filter_map(|death| match death {
            AMQPValue::FieldTable(death) => Some(Headers(Some(death))),
            _ => None,
        });
        // The newest comes first.
        let last = deaths.next()?;
        let reason = last.text("reason")?;
        let counts = std::iter::once(last).chain(deaths);
        let counts = counts.map(|death| death.get("count").and_then(count).unwrap_or(1));
        // Kept by RabbitMQ when it takes the message's own limit off.
        let own_limit = last.get("original-expiration").is_some();
        let (reason, remedy) = explained(&reason, own_limit);
        Some(Diagnosis {
            reason,
            remedy: remedy.to_owned(),
            source_queue: last.text("queue"),
            set_aside_at: last.seconds("time"),
            set_aside_by: None,
            deaths: counts.fold(0, u64::saturating_add),
        })
    }
}

/// Whose limit it was decides what happens to the letter when it is redriven: RabbitMQ takes a
/// limit that the message itself had off when it sets the message aside, and a queue's stays.
fn expired(own_limit: bool) -> (String, &'static str) {
    let (reason, remedy) = match own_limit {
        true => (
            "it expired before a worker took it: whoever published it had limited its life",
            "have workers serve its queue, then redrive it: that limit is gone from it. A policy \
             on the broker that limits the life of messages would still let it expire again",
        ),
        false => (
            "it expired before a worker took it: a policy on the broker limits the life of \
             messages in its queue",
            "have an administrator remove that policy (`rabbitmqctl list_policies` shows \
             message-ttl), and have workers serve the queue; then redrive it. As long as the \
             policy is there, a redriven message expires again",
        ),
    };
    (reason.to_owned(), remedy)
}

/// RabbitMQ's word for a reason, and what to do, in words for people.
fn explained(word: &str, own_limit: bool) -> (String, &'static str) {
    let (reason, remedy) = match word {
        "delivery_limit" => (
            "RabbitMQ delivered it as often as its queue allows, and no worker ever finished it: \
             each one died, or lost its connection, while it held the message",
            "look into the workers' logs of that time for what ended them, mend it, then redrive \
             it. A step may be done by now, since the ledger has it published again by itself: \
             redriving it is harmless",
        ),
        "rejected" => (
            "a consumer rejected it, and workers never do",
            "find out who else consumes the queue and end that, then redrive it",
        ),
        "expired" => return expired(own_limit),
        "maxlen" => (
            "its queue was full: a policy on the broker limits its length",
            "have workers serve its queue, and raise or remove the limit (`rabbitmqctl \
             list_policies` shows the policies), then redrive it: while the queue is full, it \
             can't be redriven, or takes the place of another message",
        ),
        other => {
            let reason = format!("RabbitMQ set it aside with the reason {other:?}");
            return (reason, MEND_AND_REDRIVE);
        }
    };
    (reason.to_owned(), remedy)
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use lapin::types::{FieldArray, LongString};

    use super::*;

    fn string(value: &str) -> AMQPValue {
        AMQPValue::LongString(LongString::from(value))
    }

    fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in entries {
            table.insert(name.into(), value);
        }
        table
    }

    fn deaths(deaths: Vec<AMQPValue>) -> AMQPValue {
        AMQPValue::FieldArray(FieldArray::from(deaths))
    }

    fn death(reason: &str, queue: &str, count: i64) -> AMQPValue {
        AMQPValue::FieldTable(table([
            ("reason", string(reason)),
            ("queue", string(queue)),
            ("count", AMQPValue::LongLongInt(count)),
            ("time", AMQPValue::Timestamp(7)),
        ]))
    }

    #[test]
    fn a_worker_says_all_of_it() {
        let headers = table([
            (HEADER_REASON, string("no JSON")),
            (HEADER_REMEDY, string("purge it")),
            (HEADER_SOURCE_QUEUE, string("requests")),
            (HEADER_SET_ASIDE_AT, AMQPValue::Timestamp(5)),
            (HEADER_SET_ASIDE_BY, string("worker-1")),
        ]);
        let expected = Diagnosis {
            reason: "no JSON".to_owned(),
            remedy: "purge it".to_owned(),
            source_queue: Some("requests".to_owned()),
            set_aside_at: Some(5),
            set_aside_by: Some("worker-1".to_owned()),
            deaths: 1,
        };
        assert_eq!(Diagnosis::of(Some(&headers)), expected);
    }

    #[test]
    fn a_worker_of_an_earlier_version_says_less() {
        let headers = table([(HEADER_REASON, string("no JSON"))]);
        let diagnosis = Diagnosis::of(Some(&headers));
        assert_eq!(diagnosis.remedy, MEND_AND_REDRIVE);
        assert_eq!(diagnosis.source_queue, None);
    }

    #[test]
    fn the_brokers_latest_account_counts() {
        let headers = table([
            (
                "x-death",
                deaths(vec![
                    death("delivery_limit", "step", 1),
                    death("expired", "elsewhere", 2),
                ]),
            ),
            ("x-first-death-queue", string("elsewhere")),
            (HEADER_REASON, string("of an earlier life")),
        ]);
        let diagnosis = Diagnosis::of(Some(&headers));
        assert!(diagnosis.reason.contains("as often as its queue allows"));
        assert_eq!(diagnosis.source_queue.as_deref(), Some("step"));
        assert_eq!((diagnosis.set_aside_at, diagnosis.deaths), (Some(7), 3));
    }

    #[test]
    fn when_a_letter_expired_then_the_advice_depends_on_whose_limit_it_was() {
        let of = |entries: Vec<(&str, AMQPValue)>| {
            let mut death = FieldTable::default();
            for (name, value) in entries {
                death.insert(name.into(), value);
            }
            let deaths = deaths(vec![AMQPValue::FieldTable(death)]);
            Diagnosis::of(Some(&table([("x-death", deaths)])))
        };
        let by_policy = of(vec![("reason", string("expired"))]);
        assert!(by_policy.reason.contains("policy"), "{by_policy:?}");
        assert!(by_policy.remedy.contains("expires again"), "{by_policy:?}");
        let own = ("original-expiration", string("1000"));
        let by_itself = of(vec![("reason", string("expired")), own]);
        assert!(by_itself.reason.contains("published it"), "{by_itself:?}");
        assert!(
            by_itself.remedy.contains("is gone from it"),
            "{by_itself:?}"
        );
    }

    #[test]
    fn headers_of_the_wrong_type_explain_nothing() {
        let garbage = [
            table([]),
            table([("x-death", string("delivery_limit"))]),
            table([("x-death", deaths(vec![]))]),
            table([("x-death", deaths(vec![AMQPValue::Void]))]),
            table([(
                "x-death",
                deaths(vec![AMQPValue::FieldTable(table([(
                    "reason",
                    AMQPValue::Boolean(true),
                )]))]),
            )]),
            table([(HEADER_REASON, AMQPValue::LongInt(4))]),
        ];
        for headers in &garbage {
            assert_eq!(Diagnosis::of(Some(headers)), Diagnosis::unexplained());
        }
        assert_eq!(Diagnosis::of(None), Diagnosis::unexplained());
    }

    #[test]
    fn absurd_counts_and_texts_are_bounded() {
        let long = "é".repeat(70_000);
        let headers = table([(
            "x-death",
            deaths(vec![
                death(&long, &long, i64::MAX),
                death("", "", i64::MAX),
                death("", "", i64::MAX),
                death("", "", -1),
            ]),
        )]);
        let diagnosis = Diagnosis::of(Some(&headers));
        assert_eq!(diagnosis.deaths, u64::MAX);
        assert!(diagnosis.reason.len() < 2 * MAX_TEXT_BYTES, "{diagnosis:?}");
        assert_eq!(diagnosis.source_queue.map(|queue| queue.len()), Some(1024));
    }
}
