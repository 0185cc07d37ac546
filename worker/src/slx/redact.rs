//! Keeps secrets out of what people may read.

use std::sync::LazyLock;

use regex::Regex;
use secrecy::{ExposeSecret, SecretString};

/// The longest text of a switch that is kept in an error, in bytes.
const MAX_LEN: usize = 2048;
const REDACTED: &str = "[redacted]";

/// The secrets that a session has sent. They are known by their values; besides, whatever
/// follows the word `password` is taken for one.
#[derive(Default)]
pub(crate) struct Redactor {
    secrets: Vec<SecretString>,
}

impl Redactor {
    pub(crate) fn add(&mut self, secret: &SecretString) {
        self.secrets.push(secret.clone());
    }

    /// The text without secrets and surrounding white space, cut to 2 KiB.
    pub(crate) fn clean(&self, text: &str) -> String {
        let text = self.without_known(text);
        let text = after_password().replace_all(&text, format!("${{word}}{REDACTED}"));
        bounded(&text)
    }

    /// As [`Redactor::clean`], but what follows the word `password` stays: for what a switch says
    /// before any command, of which a password that expires is the usual subject.
    pub(crate) fn known(&self, text: &str) -> String {
        bounded(&self.without_known(text))
    }

    /// The text without the secrets that are known by their values, and without surrounding white space.
    pub(crate) fn without_known(&self, text: &str) -> String {
        let mut text = text.trim().to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.expose_secret(), REDACTED);
        }
        text
    }
}

#[expect(clippy::expect_used, reason = "a constant that the tests below use")]
fn after_password() -> &'static Regex {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i)(?P<word>password[ \t:=]+)(?:"[^"\n]*"?|\S+)"#).expect("a valid pattern")
    });
    &PATTERN
}

fn bounded(text: &str) -> String {
    if text.len() <= MAX_LEN {
        return text.to_owned();
    }
    let end = (0..=MAX_LEN).rev().find(|at| text.is_char_boundary(*at));
    format!("{}…", text.get(..end.unwrap_or(0)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_and_passwords_are_hidden() {
        let mut redactor = Redactor::default();
        redactor.add(&"s3cret".into());
        for (text, clean) in [
            ("user fw s3cret\n", "user fw [redacted]"),
            ("xs3cretx", "x[redacted]x"),
            (
                "password other directory /d",
                "password [redacted] directory /d",
            ),
            (
                r#"password "two words" host h"#,
                "password [redacted] host h",
            ),
            ("Password: other", "Password: [redacted]"),
            (r#"password "cut off"#, "password [redacted]"),
            ("% Error: install-time", "% Error: install-time"),
        ] {
            assert_eq!(redactor.clean(text), clean);
        }
    }

    #[test]
    fn long_texts_are_cut_after_they_were_cleaned() {
        let mut redactor = Redactor::default();
        redactor.add(&"s3cret".into());
        let text = redactor.clean(&format!("{}s3cret{}", "é".repeat(1022), "x".repeat(9000)));
        assert!(text.len() <= MAX_LEN + '…'.len_utf8() && text.ends_with('…'));
        assert!(!text.contains("s3c"), "{text}");
    }
}
