//! The decoder and the JSON Schema of each message take the same values, and the schema in the
//! AsyncAPI document too: a client written from the document is understood, and one that is not could
//! have known. The inventory file and its schema as well.
//!
//! The values come from the schemas themselves: at each place in a message whatever its rules tell
//! apart, so that a rule that is added is tried without a line here.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod awkward;
mod places;
mod spoilt;
mod texts;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use schemas::documents::{all, examples};
use schemas::inventory::Inventory;
use schemas::strict::Strict;
use schemas::{Event, Message, Reply, Revert, Step, UpgradeRequest, decode};
use serde_json::{Value, json};

use places::{Place, Places};
use spoilt::Tried;

/// What one type of the contract takes, by each of those who say so.
struct Contract {
    name: &'static str,
    /// The JSON Schema.
    root: Value,
    /// Validators by what they are made of.
    validators: Vec<(&'static str, Validator)>,
    takes: fn(&str) -> bool,
    /// Good ones, to be spoilt.
    bases: Vec<Value>,
}

impl Contract {
    fn message<M: Message>() -> Self {
        let examples = examples::all().unwrap().into_iter();
        let examples = examples.filter(|example| example.message_type == M::TYPE);
        let mut bases: Vec<Value> = examples.map(|example| example.payload).collect();
        // Only replies are of two kinds; of the others each has every place.
        if M::TYPE != Reply::TYPE {
            bases.truncate(1);
        }
        let mut contract = Self::new(M::TYPE, bases, |text| decode::<M>(text.as_bytes()).is_ok());
        let document = document("schemas/asyncapi.json");
        let messages = document["components"]["messages"].as_object().unwrap();
        let message = messages.values().find(|message| message["name"] == M::TYPE);
        let payload = &message.expect("a message of this type")["payload"];
        let asyncapi = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "allOf": [payload],
            "components": document["components"],
        });
        contract
            .validators
            .push(("AsyncAPI", validator(&asyncapi, true)));
        contract
    }

    fn inventory() -> Self {
        let example = include_str!("../../../examples/inventory.toml");
        let mut base: Value = toml::from_str(example).unwrap();
        // The second device has every item.
        let devices = base["deployments"][0]["devices"].as_array_mut();
        devices.unwrap().remove(0);
        Self::new("inventory", vec![base], |text| {
            let mut json = serde_json::Deserializer::from_str(text);
            serde::Deserialize::deserialize(Strict::new(&mut json))
                .map(|_: Inventory| json.end().is_ok())
                .unwrap_or_default()
        })
    }

    fn new(name: &'static str, bases: Vec<Value>, takes: fn(&str) -> bool) -> Self {
        let root = document(&format!("schemas/json/{name}.schema.json"));
        let validators = vec![
            ("JSON Schema", validator(&root, true)),
            // Many validators take formats as remarks.
            ("JSON Schema without formats", validator(&root, false)),
        ];
        Self {
            name,
            root,
            validators,
            takes,
            bases,
        }
    }

    /// Whether the decoder takes it. A schema that disagrees is noted.
    fn agree(&self, place: &Place, tried: &Tried, found: &mut BTreeSet<String>) -> bool {
        let text = tried.document.as_str();
        let taken = (self.takes)(text);
        let value: Option<Value> = serde_json::from_str(text).ok();
        for (who, validator) in &self.validators {
            let valid = value
                .as_ref()
                .is_some_and(|value| validator.is_valid(value));
            // The last day of February is beyond a pattern.
            let exempt = who.ends_with("without formats") && place.has_format("date-time");
            if valid != taken && !(exempt && valid) {
                let (name, path, what) = (self.name, &place.path, &tried.what);
                found.insert(format!(
                    "{name}{path}: the decoder says {taken}, the {who} {valid}: {what:.300}"
                ));
            }
        }
        taken
    }

    /// Tries every rule at every place.
    fn try_everything(&self) -> usize {
        let mut disagreements = BTreeSet::new();
        let mut tried = BTreeMap::new();
        let (mut taken_at, mut refused_at) = (BTreeSet::new(), BTreeSet::new());
        let places = Places::of(&self.root);
        for base in &self.bases {
            for (place, document) in places.within(base) {
                for one in place.spoilt(&document) {
                    let known = tried.get(&one.document).copied();
                    let taken =
                        known.unwrap_or_else(|| self.agree(&place, &one, &mut disagreements));
                    tried.insert(one.document, taken);
                    let seen = if taken {
                        &mut taken_at
                    } else {
                        &mut refused_at
                    };
                    seen.insert(place.pattern());
                }
            }
        }
        assert!(
            disagreements.is_empty(),
            "{} of {} values, for example:\n{}",
            disagreements.len(),
            tried.len(),
            disagreements
                .into_iter()
                .take(40)
                .collect::<Vec<_>>()
                .join("\n")
        );
        // A place where nothing was taken, or nothing refused, was not tried.
        let only: Vec<_> = taken_at.symmetric_difference(&refused_at).collect();
        assert!(only.is_empty(), "{only:?}");
        for place in places.named() {
            assert!(taken_at.contains(&place), "{}{place}", self.name);
        }
        tried.len()
    }
}

fn document(path: &str) -> Value {
    let documents = all().unwrap();
    let document = documents.iter().find(|document| document.path == path);
    serde_json::from_str(&document.unwrap().text).unwrap()
}

fn validator(schema: &Value, formats: bool) -> Validator {
    let options = jsonschema::options().should_validate_formats(formats);
    options.build(schema).unwrap()
}

#[test]
fn when_a_value_is_an_upgrade_request_for_the_schema_then_it_is_for_the_decoder_and_vice_versa() {
    assert!(Contract::message::<UpgradeRequest>().try_everything() > 5_000);
}

#[test]
fn when_a_value_is_a_reply_for_the_schema_then_it_is_for_the_decoder_and_vice_versa() {
    assert!(Contract::message::<Reply>().try_everything() > 1_000);
}

#[test]
fn when_a_value_is_a_step_for_the_schema_then_it_is_for_the_decoder_and_vice_versa() {
    assert!(Contract::message::<Step>().try_everything() > 1_000);
}

#[test]
fn when_a_value_is_a_revert_for_the_schema_then_it_is_for_the_decoder_and_vice_versa() {
    assert!(Contract::message::<Revert>().try_everything() > 1_000);
}

#[test]
fn when_a_value_is_an_event_for_the_schema_then_it_is_for_the_decoder_and_vice_versa() {
    assert!(Contract::message::<Event>().try_everything() > 5_000);
}

#[test]
fn when_a_value_is_an_inventory_for_the_schema_then_it_is_for_the_program_and_vice_versa() {
    assert!(Contract::inventory().try_everything() > 10_000);
}
