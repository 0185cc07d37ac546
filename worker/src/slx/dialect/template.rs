//! Lines with named values: written to a switch, and read from its running-config.

use std::collections::BTreeSet;
use std::fmt::Write;

use regex::{Captures, Regex};
use serde::Deserialize;

/// A line with values in braces and optional parts in brackets.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::slx) struct Template {
    parts: Vec<Part>,
    pattern: Regex,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Value(String),
    /// Written only if there is a value of the name.
    Optional(String, Vec<Part>),
}

/// A template that is not well formed, in words.
#[derive(Debug, thiserror::Error)]
pub(in crate::slx) enum TemplateError {
    #[error("invalid template: {{ without }} or [ without ]")]
    Open,
    #[error(
        "invalid template: a name is letters, digits and underscores, and an optional part is [name? …]"
    )]
    Name,
    #[error("invalid template: a value is named twice")]
    Twice,
}

/// The values of one line, by name. A flag has an empty value.
pub(in crate::slx) type Values<'a> = [(&'a str, Option<String>)];

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parts = parse(&text)?;
        let pattern = format!(r"^\s*{}\s*$", pattern(&parts));
        // Two groups of one name are the only thing that can make it invalid.
        let pattern = Regex::new(&pattern).map_err(|_| TemplateError::Twice)?;
        Ok(Self { parts, pattern })
    }
}

impl Template {
    /// The names of the flags: optional parts without a value of their name.
    pub(in crate::slx) fn flags(&self) -> BTreeSet<&str> {
        let mut flags = BTreeSet::new();
        for part in &self.parts {
            if let Part::Optional(name, inner) = part {
                let is_value = |part: &Part| matches!(part, Part::Value(value) if value == name);
                if !inner.iter().any(is_value) {
                    flags.insert(name.as_str());
                }
            }
        }
        flags
    }

    /// The names of all values and flags.
    pub(in crate::slx) fn names(&self) -> BTreeSet<&str> {
        self.pattern.capture_names().flatten().collect()
    }

    /// Writes the line, or says which value is missing.
    pub(in crate::slx) fn write(&self, values: &Values) -> Result<String, String> {
        let mut line = String::new();
        write(&self.parts, values, &mut line)?;
        Ok(line)
    }

    /// Reads a line.
    pub(in crate::slx) fn read<'l>(&self, line: &'l str) -> Option<Captures<'l>> {
        self.pattern.captures(line)
    }
}

fn parse(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '[', '}', ']']) {
        let (literal, opened) = rest.split_at(at);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        rest = if let Some(value) = opened.strip_prefix('{') {
            let (name, rest) = value.split_once('}').ok_or(TemplateError::Open)?;
            parts.push(Part::Value(name_of(name)?));
            rest
        } else if let Some(part) = opened.strip_prefix('[') {
            let (part, rest) = part.split_once(']').ok_or(TemplateError::Open)?;
            let (name, part) = part.split_once('?').ok_or(TemplateError::Name)?;
            parts.push(Part::Optional(name_of(name)?, parse(part)?));
            rest
        } else {
            return Err(TemplateError::Open);
        };
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

fn name_of(name: &str) -> Result<String, TemplateError> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(word) {
        Ok(name.to_owned())
    } else {
        Err(TemplateError::Name)
    }
}

fn pattern(parts: &[Part]) -> String {
    parts.iter().fold(String::new(), |mut text, part| {
        match part {
            Part::Literal(literal) => text.push_str(&literal_pattern(literal)),
            Part::Value(name) => {
                // Writing to a String can't fail.
                let _ = write!(text, r#""?(?P<{name}>[^"\s]+)"?"#);
            }
            Part::Optional(name, inner) => {
                let inner = pattern(inner);
                let _ = if inner.contains(&format!("(?P<{name}>")) {
                    write!(text, "(?:{inner})?")
                } else {
                    write!(text, "(?P<{name}>{inner})?")
                };
            }
        }
        text
    })
}

/// Quotes are left to the values, blanks match any white space.
fn literal_pattern(literal: &str) -> String {
    let mut text = String::new();
    for c in literal.chars() {
        match c {
            '"' => {}
            c if c.is_whitespace() => {
                if !text.ends_with(r"\s+") {
                    text.push_str(r"\s+");
                }
            }
            c => text.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    text
}

fn write(parts: &[Part], values: &Values, line: &mut String) -> Result<(), String> {
    let value = |name: &str| {
        let found = values.iter().find(|(known, _)| *known == name);
        found.and_then(|(_, value)| value.as_deref())
    };
    for part in parts {
        match part {
            Part::Literal(literal) => line.push_str(literal),
            Part::Value(name) => line.push_str(value(name).ok_or(name.as_str())?),
            Part::Optional(name, inner) => {
                if value(name).is_some() {
                    write(inner, values, line)?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn template(text: &str) -> Template {
        Template::try_from(text.to_owned()).unwrap()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn optional_parts_are_written_only_with_their_value() {
        let line = template("a {x}[y? why \"{y}\"][flag? flagged]");
        let write = |y, flag| line.write(&[("x", some("1")), ("y", y), ("flag", flag)]);
        assert_eq!(write(some("2"), some("")).unwrap(), "a 1 why \"2\" flagged");
        assert_eq!(write(None, some("")).unwrap(), "a 1 flagged");
        assert_eq!(write(None, None).unwrap(), "a 1");
        assert_eq!(line.write(&[("y", some("2"))]).unwrap_err(), "x");
    }

    #[test]
    fn what_is_written_can_be_read() {
        let line = template("a {x}[y? why \"{y}\"][flag? flagged]");
        for text in ["a 1 why \"2\" flagged", "  a  \"1\" why 2  flagged "] {
            let found = line.read(text).unwrap();
            assert_eq!(&found["x"], "1");
            assert_eq!(&found["y"], "2");
            assert!(found.name("flag").is_some());
        }
        let found = line.read("a 1").unwrap();
        assert!(found.name("y").is_none() && found.name("flag").is_none());
        for text in ["a", "a 1 why", "a 1 flagged why 2", "b 1", "a 1 more"] {
            assert!(line.read(text).is_none(), "{text}");
        }
        assert_eq!(line.names(), BTreeSet::from(["x", "y", "flag"]));
        assert_eq!(line.flags(), BTreeSet::from(["flag"]));
    }

    #[test]
    fn malformed_templates_are_refused() {
        for text in ["{x", "x}", "[y? z", "y]", "[y z]", "{}", "{a b}", "{x} {x}"] {
            assert!(Template::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
