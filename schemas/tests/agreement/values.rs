//! Values at the edges of rules, as JSON text: a number has more forms than a parser keeps.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::texts::matching;

/// A text that a schema takes.
pub fn text(format: Option<&str>, pattern: Option<&str>) -> Value {
    match (format, pattern) {
        (Some("ipv4"), _) => "192.0.2.1".into(),
        (Some("ipv6"), _) => "2001:db8::1".into(),
        (Some("uuid"), _) => "4f1b6a52-7c0d-4e3a-9b57-21d8a6c30e94".into(),
        (Some("date-time"), _) => "2026-11-25T07:23:11Z".into(),
        (_, Some(pattern)) => {
            let texts = matching(pattern);
            texts[texts.len() / 2].clone().into()
        }
        _ => "text".into(),
    }
}

/// What there is in JSON, and what only nearly is.
pub fn of_every_kind() -> Vec<String> {
    let known = [
        "null",
        "true",
        "false",
        "{}",
        "[]",
        "[null]",
        "[{}]",
        "[[]]",
        "{\"\":null}",
        "\"\"",
        "0",
        "-0",
        "-0.0",
        "1",
        "1.0",
        "1e0",
        "1E+0",
        "10e-1",
        "0.1e1",
        "1.0000000000000000000001",
        "1.5",
        "-1",
        "-1.0",
        "01",
        "+1",
        ".5",
        "1.",
        "0x1",
        "1e",
        "NaN",
        "Infinity",
        "'1'",
        "undefined",
        "1e400",
        "1e300",
        "-1e300",
        "5e-324",
        "127",
        "128",
        "255",
        "256",
        "32767",
        "32768",
        "65535",
        "65535.0",
        "65536",
        "2147483647",
        "2147483647.0",
        "2147483648",
        "-2147483648",
        "9007199254740991",
        "9007199254740992.0",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "170141183460469231731687303715884105728",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "\"\\u0031\"",
        "",
    ];
    known.map(str::to_owned).into()
}

/// A word in all the forms in which it might stand.
pub fn like_a_word(word: &Value) -> Vec<String> {
    let Some(text) = word.as_str() else {
        return Vec::new();
    };
    let texts = [
        text.to_owned(),
        text.to_uppercase(),
        text.replace('-', "_"),
        text.replace('-', ""),
        format!("{text} "),
        format!(" {text}"),
        format!("{text}\n"),
        format!("{text}\0"),
        text[..text.len() - 1].to_owned(),
        format!("{text}s"),
    ];
    texts
        .into_iter()
        .map(|text| Value::from(text).to_string())
        .collect()
}

/// A number and its neighbours, whole and with a fraction, in several notations.
pub fn around(limit: &Value) -> Vec<String> {
    let Some(limit) = limit.as_i64() else {
        return Vec::new();
    };
    let near = (limit - 1)..=(limit + 1);
    near.flat_map(|number| {
        [
            format!("{number}"),
            format!("{number}.0"),
            format!("{number}.5"),
            format!("{number}e0"),
            format!("{number}0e-1"),
            format!("\"{number}\""),
            format!("[{number}]"),
        ]
    })
    .collect()
}

/// Texts as long as the limit, and one character longer and shorter, in one byte for each character
/// and in more.
pub fn of_length(limit: &Value, goods: &[&str]) -> Vec<String> {
    let limit = usize::try_from(limit.as_u64().unwrap()).unwrap();
    let mut all = Vec::new();
    for len in [limit.saturating_sub(1), limit, limit + 1, limit + 1_000] {
        for c in ['a', 'é', '💥', 'e'] {
            all.push(c.to_string().repeat(len));
        }
        for good in goods {
            // Whatever it begins with, it goes on as it ends.
            let missing = len.saturating_sub(good.chars().count());
            let Some(last) = good.chars().last() else {
                continue;
            };
            if goods.len() < 40 || good.starts_with(['/', 'h']) {
                all.push(format!("{good}{}", last.to_string().repeat(missing)));
            }
        }
    }
    all
}

/// The value inside others, and others that hold the same.
pub fn wrapped(value: &Value) -> Vec<String> {
    let mut all = vec![
        json!([value]),
        json!([[value]]),
        json!({ "value": value }),
        json!(value.to_string()),
    ];
    if let Some(word) = value.as_str() {
        all.push(json!({ word: null }));
        all.push(json!({ word: {} }));
        all.push(json!({ word: word }));
        all.push(json!(word.bytes().collect::<Vec<u8>>()));
    }
    if let Some(fields) = value.as_object() {
        all.push(fields.values().cloned().collect());
        all.push(
            fields
                .iter()
                .map(|(name, value)| json!([name, value]))
                .collect(),
        );
        all.push(fields.keys().cloned().collect());
    }
    if let Some(items) = value.as_array() {
        let numbered = items
            .iter()
            .enumerate()
            .map(|(n, item)| (n.to_string(), item.clone()));
        all.push(Value::Object(numbered.collect()));
        all.extend(items.first().cloned());
    }
    all.into_iter().map(|value| value.to_string()).collect()
}

/// Arrays of none, one, two and many of their items.
pub fn of_count(items: &[Value]) -> Vec<String> {
    let Some(item) = items.first() else {
        return Vec::new();
    };
    [0, 1, 2, 3, 50]
        .map(|count| Value::Array(vec![item.clone(); count]).to_string())
        .into()
}

/// An object with a key that no rule knows, with every key that one knows, and with those in
/// another spelling.
pub fn with_keys(fields: &Map<String, Value>, known: &BTreeMap<String, Value>) -> Vec<String> {
    let mut all = Vec::new();
    for name in ["", "added_later", "$ref", "version ", "\0", "é"] {
        all.extend(with_key(fields, name));
    }
    let mut whole = fields.clone();
    for (name, value) in known {
        whole.entry(name.clone()).or_insert_with(|| value.clone());
        let mut other = fields.clone();
        let value = other.remove(name).unwrap_or_else(|| value.clone());
        let spellings = [
            name.to_uppercase(),
            name.replace('_', "-"),
            name.replace('_', ""),
            format!("{name} "),
        ];
        for spelling in spellings {
            let mut other = other.clone();
            other.insert(spelling, value.clone());
            all.push(Value::Object(other).to_string());
        }
    }
    all.push(Value::Object(whole).to_string());
    all
}

/// An object with one more key.
pub fn with_key(fields: &Map<String, Value>, name: &str) -> Vec<String> {
    let values = [
        json!(null),
        json!("x"),
        json!([{ "a": null }, 1.5]),
        json!({ "b": [] }),
    ];
    let with = |value: Value| {
        let mut fields = fields.clone();
        fields.insert(name.to_owned(), value);
        Value::Object(fields).to_string()
    };
    values.map(with).into()
}
