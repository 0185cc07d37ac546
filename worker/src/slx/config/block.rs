//! The block of the TPVM configuration: its lines, written and read.

use std::collections::BTreeSet;
use std::str::FromStr;

use regex::Captures;
use schemas::tpvm::{CaCertProtocol, Dns, Interface, Ldap, LdapCaCert, TpvmConfig, TrustedPeer};
use schemas::values::InvalidValue;

use super::Item;
use crate::slx::dialect::{Dialect, ItemSyntax};

/// A running-config that can't be read. `line` may hold secrets.
#[derive(Debug)]
pub(in crate::slx) enum BlockError {
    /// There is neither a whole block nor the words that say that there is none.
    NoBlock,
    /// A line of a known item has not the form of that item.
    Line(String),
    /// A line is of no known item. Its item can't be kept in the EFA DB, nor written to another
    /// device.
    Unknown(String),
    /// A value of the item is refused, or the item stands twice.
    Value(String),
}

/// The lines that write a configuration, in order, with the item of each.
/// Fails with the item and the name of a value that is missing.
pub(in crate::slx) fn lines(
    dialect: &Dialect,
    config: &TpvmConfig,
) -> Result<Vec<(Item, String)>, String> {
    let mut lines = Vec::new();
    for (item, syntax) in &dialect.config.items {
        if let Some(values) = item.values(config) {
            let line = syntax
                .line
                .write(&values)
                .map_err(|value| format!("{} has no {value}", item.name()))?;
            lines.push((*item, line));
        }
    }
    Ok(lines)
}

/// Reads the block in a running-config; `None` if the switch says that there is none. The block
/// ends with its end mark in the first column: nested blocks have one of their own.
pub(in crate::slx) fn parse(
    dialect: &Dialect,
    output: &str,
) -> Result<Option<TpvmConfig>, BlockError> {
    let mut lines = output.lines().map(str::trim_end);
    if !lines.any(|line| line == dialect.config.begin) {
        return match dialect.output.running_config.none.is_match(output) {
            true => Ok(None),
            false => Err(BlockError::NoBlock),
        };
    }
    let mut config = TpvmConfig::default();
    let mut seen = BTreeSet::new();
    for line in lines {
        if line == dialect.output.running_config.end {
            return Ok(Some(config));
        }
        let line = line.trim_start();
        // Indented, the end mark ends a nested block and says nothing else.
        if line.is_empty() || line == dialect.output.running_config.end {
            continue;
        }
        let Some((item, syntax)) = item_of(dialect, line) else {
            return Err(BlockError::Unknown(line.to_owned()));
        };
        if !seen.insert(item) {
            return Err(BlockError::Value(format!("{} stands twice", item.name())));
        }
        let found = syntax.line.read(line);
        let found = found.ok_or_else(|| BlockError::Line(line.to_owned()))?;
        set(item, &mut config, &found)
            .map_err(|error| BlockError::Value(format!("{}: {error}", item.name())))?;
    }
    Err(BlockError::NoBlock)
}

/// The item that a line belongs to: the one with the longest beginning that fits.
fn item_of<'d>(dialect: &'d Dialect, line: &str) -> Option<(Item, &'d ItemSyntax)> {
    let fits = |begins: &str| {
        let rest = line.strip_prefix(begins);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
    };
    let items = dialect.config.items.iter();
    items
        .filter(|(_, syntax)| fits(&syntax.begins))
        .max_by_key(|(_, syntax)| syntax.begins.len())
        .map(|(item, syntax)| (*item, syntax))
}

fn set(item: Item, config: &mut TpvmConfig, found: &Captures) -> Result<(), InvalidValue> {
    match item {
        Item::Password => config.password = Some(value(found, "password")?),
        Item::Management => config.management = Some(interface(found)?),
        Item::Insight => config.insight = Some(interface(found)?),
        Item::AutoBoot => config.auto_boot = true,
        Item::Hostname => config.hostname = Some(value(found, "hostname")?),
        Item::Timezone => config.timezone = Some(value(found, "timezone")?),
        Item::Dns => {
            config.dns = Some(Dns {
                primary_server: value(found, "primary")?,
                secondary_server: optional(found, "secondary")?,
                domain_name: optional(found, "domain")?,
            });
        }
        Item::Ntp => config.ntp_server = Some(value(found, "server")?),
        Item::Ldap => {
            config.ldap = Some(Ldap {
                host: value(found, "host")?,
                port: plain(found, "port", "TCP port", "a number up to 65535")?,
                secure: found.name("secure").is_some(),
                basedn: value(found, "basedn")?,
                rootdn: optional(found, "rootdn")?,
                password: optional(found, "password")?,
            });
        }
        Item::LdapCaCert => {
            let protocol = found.name("protocol").map(|word| word.as_str());
            if protocol != Some("scp") {
                return Err(invalid("protocol", "scp"));
            }
            config.ldap_ca_cert = Some(LdapCaCert {
                protocol: CaCertProtocol::Scp,
                user: value(found, "user")?,
                password: value(found, "password")?,
                host: value(found, "host")?,
                directory: value(found, "directory")?,
                filename: value(found, "filename")?,
            });
        }
        Item::TrustedPeer => {
            config.trusted_peer = Some(TrustedPeer {
                ip: plain(found, "ip", "address", "an IP address")?,
                password: optional(found, "password")?,
                sudo_user: optional(found, "user")?,
            });
        }
        Item::Deploy => config.deploy = true,
    }
    Ok(())
}

fn interface(found: &Captures) -> Result<Interface, InvalidValue> {
    Ok(Interface {
        ip: value(found, "ip")?,
        gateway: match found.name("gateway") {
            Some(_) => Some(plain(found, "gateway", "gateway", "an IPv4 address")?),
            None => None,
        },
    })
}

/// A value of one of the checked types.
fn value<T: FromStr<Err = InvalidValue>>(found: &Captures, name: &str) -> Result<T, InvalidValue> {
    match found.name(name) {
        Some(text) => text.as_str().parse(),
        None => Err(invalid("line", "every value that is not optional")),
    }
}

fn optional<T: FromStr<Err = InvalidValue>>(
    found: &Captures,
    name: &str,
) -> Result<Option<T>, InvalidValue> {
    found
        .name(name)
        .map(|text| text.as_str().parse())
        .transpose()
}

/// A value of a type that has no words of its own for what it expects.
fn plain<T: FromStr>(
    found: &Captures,
    name: &str,
    what: &'static str,
    expected: &'static str,
) -> Result<T, InvalidValue> {
    let parsed = found.name(name).and_then(|text| text.as_str().parse().ok());
    parsed.ok_or_else(|| invalid(what, expected))
}

fn invalid(what: &'static str, expected: &'static str) -> InvalidValue {
    InvalidValue { what, expected }
}

#[cfg(test)]
mod tests;
