//! Addresses of either family, as the standard library reads them and as JSON Schema's formats
//! say.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::InvalidValue;

/// Reads an address of either family.
///
/// # Errors
/// [`InvalidValue`], which says what is expected.
pub fn address(text: &str) -> Result<IpAddr, InvalidValue> {
    text.parse().map_err(|_| InvalidValue {
        what: "address",
        expected: "an IPv4 address like 10.20.246.28 or an IPv6 address like 2001:db8::28, \
                   without a zone, a port or a prefix length",
    })
}

fn address_v4(text: &str) -> Result<Ipv4Addr, InvalidValue> {
    text.parse().map_err(|_| InvalidValue {
        what: "address",
        expected: "an IPv4 address like 10.20.246.28, without a port or a prefix length",
    })
}

/// For fields: `#[serde(deserialize_with = "address::required")]`.
pub(crate) fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpAddr, D::Error> {
    address(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// For fields that may be absent or null.
pub(crate) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<IpAddr>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let found = text.as_deref().map(address).transpose();
    found.map_err(serde::de::Error::custom)
}

/// For IPv4 fields that may be absent or null.
pub(crate) fn optional_v4<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Ipv4Addr>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let found = text.as_deref().map(address_v4).transpose();
    found.map_err(serde::de::Error::custom)
}

/// The JSON Schema of an address of either family.
pub(crate) struct Address;
/// The JSON Schema of an IPv4 address.
pub(crate) struct AddressV4;

impl JsonSchema for Address {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // The patterns are for validators that take formats as remarks.
        json_schema!({
            "type": "string",
            "description": "An IPv4 or an IPv6 address, without a zone, a port or a prefix length.",
            "anyOf": [
                { "format": "ipv4", "pattern": format!("^{}$", v4()) },
                { "format": "ipv6", "pattern": format!("^({})$", v6()) },
            ],
        })
    }
}

impl JsonSchema for AddressV4 {
    fn schema_name() -> Cow<'static, str> {
        "AddressV4".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An IPv4 address, without a port or a prefix length.",
            "format": "ipv4",
            "pattern": format!("^{}$", v4()),
        })
    }
}

/// Four numbers up to 255 without leading zeros.
fn v4() -> String {
    const NUMBER: &str = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    format!(r"{NUMBER}(\.{NUMBER}){{3}}")
}

/// Eight groups, the last two perhaps as an IPv4 address; or fewer, with `::` for those that are
/// left out.
pub(super) fn v6() -> String {
    const GROUP: &str = "[0-9A-Fa-f]{1,4}";
    const GROUPS: usize = 8;
    let v4 = v4();
    let mut forms = vec![format!(
        "({GROUP}:){{{}}}({GROUP}:{GROUP}|{v4})",
        GROUPS - 2
    )];
    for before in 0..GROUPS {
        let head = match before {
            0 => String::new(),
            _ => format!("{GROUP}(:{GROUP}){{{}}}", before - 1),
        };
        let after = GROUPS - 1 - before;
        let tail = match after {
            0 => String::new(),
            1 => format!("({GROUP})?"),
            _ => format!(
                "(({GROUP}:){{0,{}}}{GROUP}|({GROUP}:){{0,{}}}{v4})?",
                after - 1,
                after - 2
            ),
        };
        forms.push(format!("{head}::{tail}"));
    }
    forms.join("|")
}
