//! The documents that are generated from the contract, so that they can't disagree with it. They
//! are checked in; `cargo run -p schemas --example generate` writes them anew.

mod asyncapi;
pub mod examples;
mod json_schema;
mod workflow_page;

use serde_json::Value;

use crate::values::InvalidValue;

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Where it lies, from the root of the repository.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// Every generated file.
///
/// # Errors
/// [`InvalidValue`] if an example's text is none that the contract allows.
pub fn all() -> Result<Vec<Document>, InvalidValue> {
    let mut documents = json_schema::all();
    documents.push(Document {
        path: "schemas/asyncapi.json".to_owned(),
        text: pretty(asyncapi::document()?),
    });
    documents.push(Document {
        path: "docs/workflow.md".to_owned(),
        text: workflow_page::page(),
    });
    Ok(documents)
}

/// JSON for people, with sorted keys: their order otherwise depends on which features of
/// serde_json the rest of a build turns on.
fn pretty(mut value: Value) -> String {
    value.sort_all_objects();
    let text = format!("{value:#}\n");
    // A pattern holds characters that would mislead whoever looks at the file.
    text.chars().map(escaped).collect()
}

fn escaped(c: char) -> String {
    if c.is_ascii() {
        return c.to_string();
    }
    let mut units = [0; 2];
    c.encode_utf16(&mut units)
        .iter()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect()
}
