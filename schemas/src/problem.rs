//! What is wrong with something that is read, without the values in it: they may be secrets, and
//! serde's texts repeat the one that they refuse.

/// The text of a serde error without the value in it, in words of JSON. A text of an unknown form
/// is dropped whole.
pub(crate) fn without_value(text: &str) -> String {
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
        (None, Some(expected)) if text.starts_with("unknown field `") => {
            let field = text.strip_prefix("unknown field `").unwrap_or_default();
            let field = field.split('`').next().unwrap_or_default();
            format!("unknown field{}, expected {expected}", named(field))
        }
        _ if is_own_text(text) => text.to_owned(),
        _ => "not an acceptable value".to_owned(),
    }
}

/// A field's name in quotes; nothing if it is none, for then it may be anything.
fn named(field: &str) -> String {
    if is_name(field) {
        format!(" `{field}`")
    } else {
        String::new()
    }
}

/// Whether it is what a key of ours could be, or a mistyped one.
fn is_name(text: &str) -> bool {
    const LONGEST: usize = 64;
    (1..=LONGEST).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
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
        "string" | "character" => "a string",
        "path string" => "a path",
        "unit value" | "Option value" => "null",
        other => other,
    }
}

/// Where a value stands, with the names that could be ours and no others.
pub(crate) fn place(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;

    let mut place = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => place.push_str(&format!("[{index}]")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                if !place.is_empty() {
                    place.push('.');
                }
                place.push_str(if is_name(key) { key } else { "?" });
            }
            Segment::Unknown => {}
        }
    }
    place
}
