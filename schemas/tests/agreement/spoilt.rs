//! Documents with something else at one place: what the rules of that place tell apart.

use serde_json::Value;

use crate::awkward::awkward_texts;
use crate::places::Place;
use crate::texts::{matching, mutants};
use crate::values;

/// A document with something else at a place.
pub struct Tried {
    /// What stands there instead.
    pub what: String,
    /// The whole.
    pub document: String,
}

impl Place {
    /// The path with `*` for numbers.
    pub fn pattern(&self) -> String {
        let parts = self.path.split('/');
        let parts = parts.map(|part| match part.parse::<usize>() {
            Ok(_) => "*",
            Err(_) => part,
        });
        parts.collect::<Vec<_>>().join("/")
    }

    pub fn has_format(&self, format: &str) -> bool {
        self.schemas
            .iter()
            .any(|schema| schema.get("format").is_some_and(|found| found == format))
    }

    /// The document with something else at this place: some of these are good.
    pub fn spoilt(&self, document: &Value) -> Vec<Tried> {
        const HERE: &str = "the place that is spoilt";
        let current = document.pointer(&self.path).unwrap();
        let mut marked = document.clone();
        *marked.pointer_mut(&self.path).unwrap() = HERE.into();
        let marked = marked.to_string();
        let (before, after) = marked.split_once(&format!("\"{HERE}\"")).unwrap();
        let mut all: Vec<Tried> = self
            .candidates(current)
            .into_iter()
            .map(|what| Tried {
                document: format!("{before}{what}{after}"),
                what,
            })
            .collect();
        all.push(Tried {
            what: current.to_string(),
            document: document.to_string(),
        });
        if let Some((parent, name)) = self.path.rsplit_once('/') {
            let mut without = document.clone();
            if let Some(parent) = without.pointer_mut(parent).and_then(Value::as_object_mut) {
                parent.remove(name);
                all.push(Tried {
                    what: "nothing".to_owned(),
                    document: without.to_string(),
                });
            }
        }
        all
    }

    /// What could stand here, as text.
    fn candidates(&self, current: &Value) -> Vec<String> {
        let mut all = values::of_every_kind();
        let rules = |keyword: &'static str| {
            self.schemas
                .iter()
                .filter_map(move |schema| schema.get(keyword))
        };
        for word in rules("const") {
            all.extend(values::like_a_word(word));
        }
        for limit in rules("minimum")
            .chain(rules("maximum"))
            .chain(rules("const"))
        {
            all.extend(values::around(limit));
        }
        let mut texts: Vec<String> = awkward_texts();
        texts.extend(rules("pattern").flat_map(|pattern| matching(pattern.as_str().unwrap())));
        let goods: Vec<&str> = texts
            .iter()
            .map(String::as_str)
            .chain(current.as_str())
            .collect();
        let lengths: Vec<String> = rules("minLength")
            .chain(rules("maxLength"))
            .flat_map(|limit| values::of_length(limit, &goods))
            .collect();
        texts.extend(lengths);
        if let Some(text) = current.as_str() {
            texts.extend(mutants(text));
        }
        all.extend(texts.into_iter().map(|text| Value::from(text).to_string()));
        all.extend(values::wrapped(current));
        if let Some(items) = current.as_array() {
            all.extend(values::of_count(items));
        }
        if let Some(fields) = current.as_object() {
            all.extend(values::with_keys(fields, &self.children));
            for names in rules("patternProperties").filter_map(Value::as_object) {
                for name in names.keys().flat_map(|pattern| matching(pattern)) {
                    all.extend(values::with_key(fields, &name));
                    for name in mutants(&name) {
                        all.extend(values::with_key(fields, &name));
                    }
                }
            }
        }
        all
    }
}
