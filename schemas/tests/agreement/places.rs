//! The places within a message at which something is said about a value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::values;

/// Keywords that are no rule about a value, or that lead to such.
const KNOWN: [&str; 21] = [
    "$defs",
    "$id",
    "$ref",
    "$schema",
    "additionalProperties",
    "anyOf",
    "const",
    "default",
    "description",
    "format",
    "items",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "oneOf",
    "pattern",
    "patternProperties",
    "properties",
    "required",
];
/// As above, of less importance.
const ALSO_KNOWN: [&str; 3] = ["title", "type", "examples"];

/// A schema, and what it says about any value.
pub struct Places {
    root: Value,
}

/// One place in one document, with the schemas that hold there.
pub struct Place {
    /// A JSON pointer.
    pub path: String,
    pub schemas: Vec<Value>,
    /// What each property that may stand there could be.
    pub children: BTreeMap<String, Value>,
}

impl Places {
    /// The places of a whole schema. A keyword that nothing here tries is an error.
    pub fn of(root: &Value) -> Self {
        Self { root: root.clone() }
    }

    /// The names of all places, with `*` for a number in an array.
    pub fn named(&self) -> BTreeSet<String> {
        let full = self.sample(&self.schemas_of(&self.root));
        self.within(&full)
            .iter()
            .map(|(place, _)| place.pattern())
            .collect()
    }

    /// Each place of a document, with the document in which something stands there.
    pub fn within(&self, base: &Value) -> Vec<(Place, Value)> {
        let mut found = Vec::new();
        self.walk(base, "", self.schemas_of(&self.root), &mut found);
        found
    }

    fn walk(
        &self,
        document: &Value,
        path: &str,
        schemas: Vec<Value>,
        found: &mut Vec<(Place, Value)>,
    ) {
        let mut children = BTreeMap::new();
        for (name, _) in properties(&schemas) {
            children.insert(name.clone(), self.sample(&self.child(&schemas, &name)));
        }
        for (name, sample) in &children {
            let path = format!("{path}/{name}");
            let mut document = document.clone();
            let parent = document
                .pointer_mut(path.rsplit_once('/').unwrap().0)
                .unwrap();
            let Some(parent) = parent.as_object_mut() else {
                continue;
            };
            parent.entry(name.clone()).or_insert_with(|| sample.clone());
            self.walk(&document, &path, self.child(&schemas, name), found);
        }
        let items: Vec<Value> = schemas
            .iter()
            .filter_map(|schema| schema.get("items"))
            .cloned()
            .collect();
        let count = document
            .pointer(path)
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        // The first stands for all.
        for n in 0..count.min(1) {
            let schemas = items
                .iter()
                .flat_map(|schema| self.schemas_of(schema))
                .collect();
            self.walk(document, &format!("{path}/{n}"), schemas, found);
        }
        let place = Place {
            path: path.to_owned(),
            schemas,
            children,
        };
        found.push((place, document.clone()));
    }

    fn child(&self, schemas: &[Value], name: &str) -> Vec<Value> {
        let own = properties(schemas)
            .into_iter()
            .filter(|(known, _)| known == name);
        own.flat_map(|(_, schema)| self.schemas_of(&schema))
            .collect()
    }

    /// The schema itself, those that it refers to, and its alternatives.
    fn schemas_of(&self, schema: &Value) -> Vec<Value> {
        let Some(rules) = schema.as_object() else {
            return Vec::new();
        };
        for keyword in rules.keys() {
            let known = KNOWN.contains(&keyword.as_str()) || ALSO_KNOWN.contains(&keyword.as_str());
            assert!(known, "nothing tries the rule {keyword}: {schema}");
        }
        let mut all = vec![schema.clone()];
        if let Some(target) = rules.get("$ref") {
            let pointer = target.as_str().unwrap().strip_prefix('#').unwrap();
            all.extend(self.schemas_of(self.root.pointer(pointer).unwrap()));
        }
        for keyword in ["anyOf", "oneOf"] {
            for alternative in rules
                .get(keyword)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                all.extend(self.schemas_of(alternative));
            }
        }
        all
    }

    /// A value that the schemas take, with every property.
    fn sample(&self, schemas: &[Value]) -> Value {
        let first = |keyword: &str| schemas.iter().find_map(|schema| schema.get(keyword));
        if let Some(word) = first("const") {
            return word.clone();
        }
        if !properties(schemas).is_empty() {
            let names = properties(schemas).into_iter().map(|(name, _)| name);
            let entries = names.map(|name| {
                let value = self.sample(&self.child(schemas, &name));
                (name, value)
            });
            return Value::Object(entries.collect::<Map<_, _>>());
        }
        if let Some(items) = first("items") {
            return Value::Array(vec![self.sample(&self.schemas_of(items))]);
        }
        match type_of(schemas) {
            "boolean" => true.into(),
            "integer" => first("minimum").cloned().unwrap_or_else(|| 1.into()),
            "array" => Value::Array(Vec::new()),
            "object" => Value::Object(Map::new()),
            _ => values::text(
                first("format").and_then(Value::as_str),
                first("pattern").and_then(Value::as_str),
            ),
        }
    }
}

/// The first type that is not null.
fn type_of(schemas: &[Value]) -> &str {
    let types = schemas.iter().filter_map(|schema| schema.get("type"));
    types
        .flat_map(|types| match types {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect::<Vec<_>>(),
        })
        .find(|word| *word != "null")
        .unwrap_or("object")
}

fn properties(schemas: &[Value]) -> Vec<(String, Value)> {
    let maps = schemas
        .iter()
        .filter_map(|schema| schema.get("properties")?.as_object());
    maps.flatten()
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect()
}
