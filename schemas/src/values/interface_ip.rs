use std::borrow::Cow;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::InvalidValue;

/// The address of a TPVM interface: `dhcp`, or an IPv4 address with its prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterfaceIp {
    /// The address comes from a DHCP server.
    Dhcp,
    /// A fixed address.
    Static {
        /// The address.
        ip: Ipv4Addr,
        /// The prefix length, 0 to 32 bits.
        prefix: u8,
    },
}

impl InterfaceIp {
    /// The fixed address, if it is one.
    pub fn address(self) -> Option<Ipv4Addr> {
        match self {
            InterfaceIp::Dhcp => None,
            InterfaceIp::Static { ip, .. } => Some(ip),
        }
    }
}

impl fmt::Display for InterfaceIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InterfaceIp::Dhcp => f.write_str("dhcp"),
            InterfaceIp::Static { ip, prefix } => write!(f, "{ip}/{prefix}"),
        }
    }
}

impl FromStr for InterfaceIp {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const INVALID: InvalidValue = InvalidValue {
            what: "interface address",
            expected: "dhcp, or an IPv4 address with its prefix length, like 10.20.61.92/20",
        };
        if text == "dhcp" {
            return Ok(InterfaceIp::Dhcp);
        }
        let (ip, prefix) = text.split_once('/').ok_or(INVALID)?;
        let ip: Ipv4Addr = ip.parse().map_err(|_| INVALID)?;
        match prefix.parse() {
            // Rust reads `+8` and `08` as numbers too; a device does not print them so.
            Ok(bits @ 0u8..=32) if prefix == bits.to_string() => {
                Ok(InterfaceIp::Static { ip, prefix: bits })
            }
            _ => Err(INVALID),
        }
    }
}

impl Serialize for InterfaceIp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for InterfaceIp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for InterfaceIp {
    fn schema_name() -> Cow<'static, str> {
        "InterfaceIp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "`dhcp`, or an IPv4 address with its prefix length.",
            "pattern": r"^(dhcp|((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])/(3[0-2]|[12]?[0-9]))$",
            "maxLength": 18,
        })
    }
}
