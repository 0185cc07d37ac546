//! What differs between two TPVM configurations, for people.

use schemas::tpvm::TpvmConfig;

use super::Item;

/// What the device's configuration changes about the persisted one: a line for each value, as
/// `hostname: tpvm1 -> tpvm2`, and of passwords only that they changed. Empty if they are equal.
pub fn changes(device: &TpvmConfig, persisted: &TpvmConfig) -> Vec<String> {
    Item::ALL
        .into_iter()
        .flat_map(|item| item_changes(item, device, persisted))
        .collect()
}

fn item_changes(item: Item, device: &TpvmConfig, persisted: &TpvmConfig) -> Vec<String> {
    let (new, old) = (item.values(device), item.values(persisted));
    let label = item.name().replace('_', "-");
    if item.value_names().is_empty() {
        let word = |values: &Option<_>| if values.is_some() { "on" } else { "off" };
        let (old, new) = (word(&old), word(&new));
        return if old == new {
            Vec::new()
        } else {
            vec![format!("{label}: {old} -> {new}")]
        };
    }
    let (new, old) = (new.unwrap_or_default(), old.unwrap_or_default());
    let value = |values: &[(&str, Option<String>)], name: &str| {
        let found = values.iter().find(|(known, _)| *known == name);
        found.and_then(|(_, value)| value.clone())
    };
    item.value_names()
        .iter()
        .filter_map(|name| {
            let (old, new) = (value(&old, name), value(&new, name));
            if old == new {
                return None;
            }
            let label = match (label.as_str(), *name) {
                (label, name) if label == name => label.to_owned(),
                (label, name) => format!("{label} {name}"),
            };
            Some(match *name {
                "password" => format!("{label} changed"),
                "secure" => format!("{label}: {} -> {}", flag(&old), flag(&new)),
                _ => format!("{label}: {} -> {}", shown(&old), shown(&new)),
            })
        })
        .collect()
}

fn flag(value: &Option<String>) -> &'static str {
    if value.is_some() { "on" } else { "off" }
}

fn shown(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("none")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_values_but_no_passwords() {
        let persisted: TpvmConfig = serde_json::from_value(serde_json::json!({
            "password": "$9$old",
            "management": {"ip": "10.20.61.92/20", "gateway": "10.20.48.1"},
            "hostname": "tpvm1",
            "ntp_server": "10.20.61.191",
            "ldap": {"host": "ldap1", "port": 389, "basedn": "dc=a", "password": "$9$ldap-old"},
            "deploy": true,
        }))
        .unwrap();
        let device: TpvmConfig = serde_json::from_value(serde_json::json!({
            "password": "$9$new",
            "management": {"ip": "dhcp"},
            "auto_boot": true,
            "hostname": "tpvm2",
            "ldap": {"host": "ldap1", "port": 636, "secure": true, "basedn": "dc=a", "password": "$9$ldap-new"},
            "trusted_peer": {"ip": "10.20.61.93", "password": "$9$peer"},
            "deploy": true,
        }))
        .unwrap();
        assert_eq!(
            changes(&device, &persisted),
            [
                "password changed",
                "management ip: 10.20.61.92/20 -> dhcp",
                "management gateway: 10.20.48.1 -> none",
                "auto-boot: off -> on",
                "hostname: tpvm1 -> tpvm2",
                "ntp server: 10.20.61.191 -> none",
                "ldap port: 389 -> 636",
                "ldap secure: off -> on",
                "ldap password changed",
                "trusted-peer ip: none -> 10.20.61.93",
                "trusted-peer password changed",
            ]
        );
        assert!(changes(&device, &device).is_empty());
    }
}
