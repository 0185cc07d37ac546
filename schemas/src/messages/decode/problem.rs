//! What is wrong with a message, in words of JSON and without its values.

use serde_json::error::Category;

/// What is wrong and where, in words of our own: serde's texts repeat the value that they refuse.
pub(super) fn problem(path: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    if error.classify() != Category::Data {
        // Syntax: serde_json's texts are fixed, and the path may name a field that is not ours.
        return text;
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = without_value(text.strip_suffix(&place).unwrap_or(&text));
    match path {
        // The whole message, or within a part whose fields serde collects before it reads them.
        "." => format!("{what}{place}"),
        _ => format!("{path}: {what}{place}"),
    }
}

/// The text of a serde error without the value in it. A text of an unknown form is dropped whole.
fn without_value(text: &str) -> String {
    // The expectation is the last part, and never has this separator in itself.
    let expected = text
        .rsplit_once(", expected ")
        .map(|(_, expected)| expected);
    let wrong = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    match (wrong, expected) {
        (Some(wrong), Some(expected)) => {
            let kind = wrong.split(['"', '`', ',']).next().unwrap_or_default();
            format!(
                "found {}, expected {}",
                json(kind.trim_end()),
                json(expected)
            )
        }
        (None, Some(expected)) if text.starts_with("unknown variant `") => {
            format!("found an unknown word, expected {expected}")
        }
        _ if is_own_text(text) => text.to_owned(),
        _ => "not an acceptable value".to_owned(),
    }
}

/// Texts that name fields and rules of ours only.
fn is_own_text(text: &str) -> bool {
    ["missing field `", "duplicate field `", "unknown version "]
        .iter()
        .any(|prefix| text.starts_with(prefix))
        || (text.starts_with("invalid ") && !text.contains(['"', '`']))
}

/// serde's word for a kind of value, as JSON has it.
fn json(word: &str) -> &str {
    match word {
        "sequence" | "a sequence" => "an array",
        "map" | "a map" => "an object",
        "integer" | "floating point" | "number" => "a number",
        "boolean" => "a boolean",
        "string" => "a string",
        "unit value" => "null",
        other => other,
    }
}
