//! Types that say what was checked. A value of one of these can't hold a character that would
//! break out of an SLX command line, a shell, a URL or a log line.

pub(crate) mod address;
pub(crate) mod api_url;
mod interface_ip;

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use address::address;
pub use interface_ip::InterfaceIp;

/// A value that its type refuses. The message does not repeat the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what}: expected {expected}")]
pub struct InvalidValue {
    /// The kind of value, in words.
    pub what: &'static str,
    /// What would be accepted, in words.
    pub expected: &'static str,
}

/// Defines a text type that is checked whenever it is made, its JSON Schema and its conversions.
macro_rules! checked_text {
    ($(#[$meta:meta])* $name:ident, $what:literal, $expected:literal, max $max:literal, $pattern:literal, $check:expr) => {
        checked_text! { $(#[$meta])* $name, $what, $expected, max $max, $check }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "description": concat!("The ", $what, ": ", $expected),
                    "minLength": 1,
                    "maxLength": $max,
                    "pattern": $pattern,
                })
            }
        }
    };
    ($(#[$meta:meta])* $name:ident, $what:literal, $expected:literal, max $max:literal, $check:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The longest accepted text, in characters.
            pub const MAX_LEN: usize = $max;

            /// The checked text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidValue;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let check: fn(&str) -> bool = $check;
                if text.chars().count() > Self::MAX_LEN {
                    let expected = concat!("at most ", $max, " characters");
                    Err(InvalidValue { what: $what, expected })
                } else if text.is_empty() || !check(&text) {
                    Err(InvalidValue { what: $what, expected: $expected })
                } else {
                    Ok(Self(text))
                }
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::try_from(text.to_owned())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::try_from(String::deserialize(deserializer)?)
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Shows the text of a checked type that is no secret.
macro_rules! shown {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )+};
}

fn all(text: &str, extra: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

fn starts_alphanumeric(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

checked_text! {
    /// The absolute path of a TPVM image on a firmware host.
    ImagePath, "image path",
    "an absolute path to a file, of letters, digits and . _ + ~ - /, no part of it starting with a hyphen or being . or ..",
    max 255, r"^(/([A-Za-z0-9_+~][A-Za-z0-9._+~-]*|\.[A-Za-z0-9_+~-][A-Za-z0-9._+~-]*|\.\.[A-Za-z0-9._+~-]+))+$",
    |text| {
        text.strip_prefix('/').is_some_and(|path| {
            path.split('/').all(|part| {
                !part.is_empty() && part != "." && part != ".." && !part.starts_with('-')
                    && all(part, "._+~-")
            })
        })
    }
}

impl ImagePath {
    /// The folder, without a slash at its end; `/` for the root.
    pub fn directory(&self) -> &str {
        match self.0.rsplit_once('/') {
            Some((directory, _)) if !directory.is_empty() => directory,
            _ => "/",
        }
    }

    /// The last part of the path.
    pub fn file_name(&self) -> &str {
        self.0
            .rsplit_once('/')
            .map_or(self.0.as_str(), |(_, file)| file)
    }
}

checked_text! {
    /// The name of a user on a device, a firmware host, a TPVM or in EFA.
    UserName, "user name",
    "a letter or underscore, then letters, digits and . _ -",
    max 32, r"^[A-Za-z_][A-Za-z0-9._-]*$",
    |text| text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && all(text, "._-")
}

checked_text! {
    /// The name under which a worker finds a secret: a file in its secrets folder or an
    /// environment variable. Never the secret itself.
    SecretName, "name of a secret",
    "a lower-case letter or digit, then lower-case letters, digits and . _ -",
    max 63, r"^[a-z0-9][a-z0-9._-]*$",
    |text| {
        starts_alphanumeric(text) && all(text, "._-") && !text.contains(|c: char| c.is_ascii_uppercase())
    }
}

checked_text! {
    /// Who asked for an upgrade, for people to read: any printable text. Never part of a command.
    Requester, "requester",
    "text on one line, without control characters",
    // The separators stand in the pattern as themselves: engines differ in how they escape them.
    max 128, "^[^\\x00-\\x1f\\x7f-\\x9f\u{2028}\u{2029}\u{202a}-\u{202e}\u{2066}-\u{2069}]+$",
    |text| !text.chars().any(|c| c.is_control() || breaks_display(c))
}

/// Characters that end a line or turn the direction of writing, so that a log line or a table
/// shows something else than it holds.
fn breaks_display(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

checked_text! {
    /// The name of an EFA deployment, a device model, a role: a short label.
    Label, "label",
    "a letter or digit, then letters, digits and . _ -",
    max 64, r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
    |text| starts_alphanumeric(text) && all(text, "._-")
}

checked_text! {
    /// The host name of a TPVM. EFA needs it in lower case to rejoin, but a device may hold
    /// another one, so case is checked where it matters.
    HostName, "host name",
    "letters, digits and hyphens, neither first nor last a hyphen",
    max 63, r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$",
    is_domain_label
}

checked_text! {
    /// A server, by domain name or address, without a port.
    Host, "host",
    "a domain name, an IPv4 or an IPv6 address",
    max 253,
    |text| text.parse::<Ipv6Addr>().is_ok() || text.split('.').all(is_domain_label)
}

fn is_domain_label(label: &str) -> bool {
    starts_alphanumeric(label) && !label.ends_with('-') && all(label, "-")
}

impl JsonSchema for Host {
    fn schema_name() -> Cow<'static, str> {
        "Host".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A host: a domain name, an IPv4 or an IPv6 address.",
            "minLength": 1,
            "maxLength": Self::MAX_LEN,
            "anyOf": [
                { "pattern": r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$" },
                // The pattern is for readers that take formats as remarks.
                { "format": "ipv6", "pattern": format!("^({})$", address::v6()) },
            ],
        })
    }
}

checked_text! {
    /// A time zone, for example `America/Los_Angeles`.
    TimeZone, "time zone",
    "letters, digits and _ + - /",
    max 64, r"^[A-Za-z0-9][A-Za-z0-9_+/-]*$",
    |text| starts_alphanumeric(text) && all(text, "_+-/")
}

checked_text! {
    /// An LDAP distinguished name, for example `dc=example,dc=com`.
    DistinguishedName, "distinguished name",
    "letters, digits and = , . _ + -, without blanks",
    max 255, r"^[A-Za-z0-9][A-Za-z0-9=,._+-]*$",
    |text| starts_alphanumeric(text) && all(text, "=,._+-")
}

checked_text! {
    /// A folder or file name on a remote host.
    RemotePath, "remote path",
    "letters, digits and . _ + ~ - /, not starting with - or ~ and no part of it being ..",
    max 255, r"^([A-Za-z0-9_+][A-Za-z0-9._+~-]*|\.([A-Za-z0-9_+~-][A-Za-z0-9._+~-]*)?|\.\.[A-Za-z0-9._+~-]+)?(/([A-Za-z0-9_+~-][A-Za-z0-9._+~-]*|\.([A-Za-z0-9_+~-][A-Za-z0-9._+~-]*)?|\.\.[A-Za-z0-9._+~-]+)?)*$",
    |text| all(text, "._+~-/") && !text.starts_with(['-', '~']) && !text.split('/').any(|part| part == "..")
}

checked_text! {
    /// A password as SLX-OS encodes it in its running-config. It can be pushed back as it is, so
    /// it is kept from logs like the password itself. The encoding needs `$`, which SLX-OS takes
    /// as it is; none of these may ever reach a shell.
    EncodedSecret, "encoded password",
    "letters, digits and $ + / = . _ -",
    max 255, r"^[A-Za-z0-9$+/=._-]+$",
    |text| all(text, "$+/=._-")
}

shown!(
    ImagePath,
    UserName,
    SecretName,
    Requester,
    Label,
    HostName,
    Host,
    TimeZone,
    DistinguishedName,
    RemotePath
);

impl fmt::Debug for EncodedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
