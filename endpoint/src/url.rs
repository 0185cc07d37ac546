//! URLs of servers, read strictly: what would be ignored is refused, by name.

use std::borrow::Cow;

use url::{ParseError, Url};

/// What the URL of one kind of server may look like.
#[derive(Debug)]
pub struct Rules {
    /// The schemes, the usual one first.
    pub schemes: &'static [&'static str],
    /// How one is written, with placeholders.
    pub form: &'static str,
    /// The parameters that have a meaning.
    pub parameters: &'static [&'static str],
    /// Whether there is no other place that may name the host.
    pub host_needed: bool,
}

/// What is wrong with a URL, and what to do. Never repeats a part of it but a parameter's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// There is nothing.
    #[error("it is empty; write {form}")]
    Empty {
        /// How one is written.
        form: &'static str,
    },
    /// It is for something else, or no URL at all.
    #[error("it {found}; write {form}")]
    Scheme {
        /// What it begins with.
        found: Cow<'static, str>,
        /// How one is written.
        form: &'static str,
    },
    /// Part of it can't be read.
    #[error("{0}")]
    Unreadable(&'static str),
    /// A parameter is not one that has a meaning.
    #[error("the parameter {name} is not supported; remove it: {supported}")]
    Parameter {
        /// Its name.
        name: String,
        /// Those that are, in words.
        supported: String,
    },
    /// Something behind the question mark is no parameter.
    #[error("what stands behind its ? is no supported parameter with a value; {supported}")]
    NoParameter {
        /// Those that are, in words.
        supported: String,
    },
    /// A parameter is there more than once.
    #[error("the parameter {0} is there twice; remove one of them")]
    Twice(String),
    /// A parameter's value is not one that is possible.
    #[error("the parameter {name} {expected}")]
    Value {
        /// Its name.
        name: &'static str,
        /// What it must be, and what to do.
        expected: String,
    },
}

/// The same advice behind each of these.
macro_rules! encode {
    ($what:literal) => {
        concat!(
            $what,
            "; write special characters of user and password percent-encoded: @ as %40, : as %3A, \
             / as %2F, ? as %3F, # as %23, % as %25"
        )
    };
}

/// A URL that keeps to the rules. Has no `Debug`: it holds a password.
pub struct ServerUrl {
    url: Url,
    parameters: Vec<(String, String)>,
}

impl ServerUrl {
    /// Reads a URL. White space around it, such as the line break at the end of a file, does not
    /// count.
    ///
    /// # Errors
    /// [`UrlError`].
    pub fn parse(text: &str, rules: &Rules) -> Result<Self, UrlError> {
        let text = text.trim();
        check_scheme(text, rules)?;
        check_characters(text)?;
        check_authority(text)?;
        let url = Url::parse(text).map_err(unreadable)?;
        check_host(&url, rules)?;
        let parameters = parameters(&url, rules)?;
        Ok(Self { url, parameters })
    }

    /// The scheme, in lower case.
    pub fn scheme(&self) -> &str {
        self.url.scheme()
    }

    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> Option<&str> {
        let host = self.url.host_str().filter(|host| !host.is_empty())?;
        Some(host.trim_start_matches('[').trim_end_matches(']'))
    }

    /// Whether it names a user.
    pub fn names_user(&self) -> bool {
        !self.url.username().is_empty() || self.parameter("user").is_some()
    }

    /// What stands behind host and port, without its first slash.
    pub fn path(&self) -> &str {
        self.url.path().trim_start_matches('/')
    }

    /// A parameter's value.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn check_scheme(text: &str, rules: &Rules) -> Result<(), UrlError> {
    let form = rules.form;
    if text.is_empty() {
        return Err(UrlError::Empty { form });
    }
    let begins = |scheme: &str| {
        let start = text.get(..scheme.len());
        let is_scheme = start.is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        is_scheme && text[scheme.len()..].starts_with("://")
    };
    if rules.schemes.iter().any(|scheme| begins(scheme)) {
        return Ok(());
    }
    // Any other beginning might be a password.
    let known = ["postgres", "postgresql", "amqp", "amqps", "http", "https"];
    let found = match known.iter().find(|scheme| begins(scheme)) {
        Some(other) => format!("begins with {other}://").into(),
        None => format!("does not begin with {}://", rules.schemes.join(":// or ")).into(),
    };
    Err(UrlError::Scheme { found, form })
}

fn check_characters(text: &str) -> Result<(), UrlError> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(UrlError::Unreadable(
            "it contains a blank, a line break or a control character; percent-encode it, a blank \
             as %20",
        ));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, more)) = rest.split_first() {
        rest = more;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = rest.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let digits = digits.filter(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let Some(byte) = digits.and_then(|two| u8::from_str_radix(two, 16).ok()) else {
            return Err(UrlError::Unreadable(encode!(
                "a % in it is not followed by two hexadecimal digits"
            )));
        };
        decoded.push(byte);
        rest = &rest[2..];
    }
    if decoded.contains(&0) || String::from_utf8(decoded).is_err() {
        return Err(UrlError::Unreadable(
            "what is percent-encoded in it is not text in UTF-8; encode it anew",
        ));
    }
    Ok(())
}

/// Finds what a parser would read otherwise than it was meant: a password with a slash in it ends
/// the host and port too early.
fn check_authority(text: &str) -> Result<(), UrlError> {
    let (_, rest) = text.split_once("://").unwrap_or_default();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    if behind.contains('@') {
        return Err(UrlError::Unreadable(encode!(
            "an @ stands behind its host, so user or password contain a character that ends it"
        )));
    }
    if behind.contains('#') {
        return Err(UrlError::Unreadable(encode!("a # stands behind its host")));
    }
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    if login.starts_with(':') {
        return Err(UrlError::Unreadable(
            "it has a password and no user; write <user>:<password>@",
        ));
    }
    if hosts.contains(',') {
        return Err(UrlError::Unreadable(
            "it names several hosts, which is not supported; name one that always leads to the \
             server in charge",
        ));
    }
    Ok(())
}

fn unreadable(error: ParseError) -> UrlError {
    UrlError::Unreadable(match error {
        ParseError::InvalidPort => encode!("its port is not a number from 1 to 65535"),
        ParseError::EmptyHost => "it names no host; write one behind the @",
        ParseError::InvalidIpv6Address => {
            "the IPv6 address in its brackets is not valid; write it like [2001:db8::1]"
        }
        _ => encode!("its host is neither a name nor an address (IPv6 in brackets: [::1])"),
    })
}

fn check_host(url: &Url, rules: &Rules) -> Result<(), UrlError> {
    if url.port() == Some(0) {
        return Err(unreadable(ParseError::InvalidPort));
    }
    let host = url.host_str().unwrap_or_default();
    if rules.host_needed && host.is_empty() {
        return Err(unreadable(ParseError::EmptyHost));
    }
    Ok(())
}

fn parameters(url: &Url, rules: &Rules) -> Result<Vec<(String, String)>, UrlError> {
    let supported = || match rules.parameters {
        [] => "none is".to_owned(),
        some => format!("supported are {}", some.join(", ")),
    };
    let mut found: Vec<(String, String)> = Vec::new();
    let written = url.query().unwrap_or_default().split('&');
    for (pair, (name, value)) in written
        .filter(|pair| !pair.is_empty())
        .zip(url.query_pairs())
    {
        if !rules.parameters.contains(&&*name) {
            // What has no value, or does not look like a name, may be part of a password.
            let letters = |c: char| c.is_ascii_alphanumeric() || "_-.[]".contains(c);
            let is_name = pair.contains('=')
                && name.len() <= 40
                && name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.chars().all(letters);
            return Err(match is_name {
                true => UrlError::Parameter {
                    name: name.into_owned(),
                    supported: supported(),
                },
                false => UrlError::NoParameter {
                    supported: supported(),
                },
            });
        }
        if found.iter().any(|(known, _)| *known == name) {
            return Err(UrlError::Twice(name.into_owned()));
        }
        found.push((name.into_owned(), value.into_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const RULES: Rules = Rules {
        schemes: &["amqp", "amqps"],
        form: "amqps://<user>:<password>@<host>:<port>/<vhost>",
        parameters: &["cacertfile"],
        host_needed: true,
    };

    fn refused(text: &str) -> String {
        let error = ServerUrl::parse(text, &RULES).err();
        error.unwrap_or_else(|| panic!("{text}")).to_string()
    }

    #[test]
    fn when_a_url_is_well_formed_then_its_parts_are_found() {
        let parse = |text| ServerUrl::parse(text, &RULES).unwrap();
        let url = parse("amqps://u:p%40ss@rabbit.example:5671/%2f?cacertfile=/a%20b.pem\n");
        assert_eq!(
            (url.scheme(), url.host()),
            ("amqps", Some("rabbit.example"))
        );
        assert_eq!(url.parameter("cacertfile"), Some("/a b.pem"));
        assert_eq!(url.path(), "%2f");
        assert!(url.names_user());
        assert!(!parse("AMQP://[2001:db8::1]").names_user());
        assert_eq!(parse("amqp://[2001:db8::1]:1").host(), Some("2001:db8::1"));
        assert_eq!(parse("amqp://u:a@b@host").host(), Some("host"));
    }

    #[test]
    fn when_a_url_is_wrong_then_the_reason_and_no_part_of_it_is_said() {
        for (text, said) in [
            ("", "empty"),
            (" \n", "empty"),
            ("s3cret", "does not begin with amqp:// or amqps://"),
            ("s3cret://host", "does not begin with"),
            ("amqp:s3cret@host", "does not begin with"),
            ("s3cret:s3cret@host", "does not begin with"),
            ("postgres://s3cret@host/db", "begins with postgres://"),
            ("http://s3cret@host", "begins with http://"),
            ("amqp://s3cret:s3 cret@host", "blank"),
            ("amqp://s3cret:s3\ncret@host", "line break"),
            ("amqp://s3cret:100%s3cret@host", "two hexadecimal digits"),
            ("amqp://s3cret:s3cret%@host", "two hexadecimal digits"),
            ("amqp://s3cret:s3cret%ff@host", "UTF-8"),
            ("amqp://s3cret:s3cret%00@host", "UTF-8"),
            (
                "amqp://s3cret:12/s3cret@host",
                "an @ stands behind its host",
            ),
            (
                "amqp://s3cret:12?s3cret@host",
                "an @ stands behind its host",
            ),
            (
                "amqp://s3cret:12#s3cret@host",
                "an @ stands behind its host",
            ),
            ("amqp://host/v#s3cret", "a # stands behind"),
            ("amqp://:s3cret@host", "no user"),
            ("amqp://s3cret@a:1,b:2/v", "several hosts"),
            ("amqp://s3cret@a,b/v", "several hosts"),
            ("amqp://s3cret:s3cret@host:s3cret", "port is not a number"),
            ("amqp://s3cret:s3cret@host:70000", "port is not a number"),
            ("amqp://s3cret:s3cret@host:0", "port is not a number"),
            ("amqp://s3cret:s3cret@[::1:5672", "IPv6 address"),
            ("amqp://s3cret:s3cret@[s3cret]", "IPv6 address"),
            ("amqp://s3cret:s3cret@/vhost", "no host"),
            ("amqp:///vhost", "no host"),
            ("amqp://s3cret@ho<st", "neither a name nor an address"),
            ("amqp://host?s3cret", "no supported parameter"),
            ("amqp://host?s3cret%0a=1", "no supported parameter"),
            (
                "amqp://host?heartbeat=s3cret",
                "parameter heartbeat is not supported",
            ),
            (
                "amqp://host?cacertfile=a&cacertfile=s3cret",
                "cacertfile is there twice",
            ),
        ] {
            let why = refused(text);
            assert!(why.contains(said), "{text}: {why}");
            assert!(
                !why.contains("s3cret") && !why.contains("\n"),
                "{text}: {why}"
            );
        }
    }
}
