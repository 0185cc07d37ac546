#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use super::*;

static DIALECT: LazyLock<Dialect> = LazyLock::new(Dialect::built_in);

/// A block with every item, as the switch prints it.
const FULL: &str = r#"tpvm TPVM
 password "$9$kzV7Zq1c0mA=="
 interface management ip 10.20.61.92/20 gw 10.20.48.1
 interface insight ip 10.30.0.2/24 gw 10.30.0.1
 auto-boot
 hostname tpvm2
 timezone America/Los_Angeles
 dns primary-server 10.31.2.10 secondary-server 10.31.2.11 domain-name example.com
 ntp 10.20.61.191
 ldap host 10.20.61.5 port 389 secure basedn dc=example,dc=com rootdn cn=admin,dc=example,dc=com password "$9$c2VjcmV0"
 ldap ca-cert protocol scp user fw password "$9$Zm9v" host 10.20.61.7 directory /certs filename ldap-ca.pem
 trusted-peer ip 10.20.61.93 password "$9$YmFy" trusted-peer-sudo-user extreme
 deploy
!
"#;

fn read(output: &str) -> Result<Option<TpvmConfig>, BlockError> {
    parse(&DIALECT, output)
}

fn block(lines: &str) -> String {
    format!("tpvm TPVM\n{lines}\n!\n")
}

#[test]
fn every_item_is_read() {
    let expected: TpvmConfig = serde_json::from_value(serde_json::json!({
        "password": "$9$kzV7Zq1c0mA==",
        "management": {"ip": "10.20.61.92/20", "gateway": "10.20.48.1"},
        "insight": {"ip": "10.30.0.2/24", "gateway": "10.30.0.1"},
        "auto_boot": true,
        "hostname": "tpvm2",
        "timezone": "America/Los_Angeles",
        "dns": {"primary_server": "10.31.2.10", "secondary_server": "10.31.2.11", "domain_name": "example.com"},
        "ntp_server": "10.20.61.191",
        "ldap": {"host": "10.20.61.5", "port": 389, "secure": true, "basedn": "dc=example,dc=com",
            "rootdn": "cn=admin,dc=example,dc=com", "password": "$9$c2VjcmV0"},
        "ldap_ca_cert": {"protocol": "scp", "user": "fw", "password": "$9$Zm9v", "host": "10.20.61.7",
            "directory": "/certs", "filename": "ldap-ca.pem"},
        "trusted_peer": {"ip": "10.20.61.93", "password": "$9$YmFy", "sudo_user": "extreme"},
        "deploy": true,
    }))
    .unwrap();
    assert_eq!(read(FULL).unwrap(), Some(expected));
}

#[test]
fn what_is_read_is_written_back_in_the_order_of_installs() {
    let config = read(FULL).unwrap().unwrap();
    let written = lines(&DIALECT, &config).unwrap();
    let items: Vec<Item> = written.iter().map(|(item, _)| *item).collect();
    assert_eq!(items, Item::ALL);
    let text: Vec<String> = written.into_iter().map(|(_, line)| line).collect();
    let device: Vec<&str> = FULL.lines().skip(1).take(12).map(str::trim).collect();
    // The trusted peer is written with its clear password, so without quotes.
    assert_eq!(
        text.join("\n"),
        device.join("\n").replace("\"$9$YmFy\"", "$9$YmFy")
    );
}

#[test]
fn a_switch_without_the_block_says_so() {
    assert_eq!(read("% No entries found.\n").unwrap(), None);
    for output in ["", "tpvm", "tpvm TPVM\n auto-boot\n", "hello\n", "!\n"] {
        assert!(
            matches!(read(output), Err(BlockError::NoBlock)),
            "{output:?}"
        );
    }
}

#[test]
fn when_an_item_is_not_known_then_its_line_is_named_and_nothing_is_dropped() {
    for (lines, named) in [
        (" disk\n  size 40\n !\n auto-boot", "disk"),
        (" auto-boot\n  on reload\n deploy", "on reload"),
        (" no hostname", "no hostname"),
        (" auto-bootstrap", "auto-bootstrap"),
        (" auto-boot\n ! password x", "! password x"),
    ] {
        let found = read(&block(lines));
        let unknown = matches!(&found, Err(BlockError::Unknown(line)) if line == named);
        assert!(unknown, "{lines:?}: {found:?}");
    }
}

#[test]
fn when_nested_blocks_end_within_the_block_then_the_rest_is_read() {
    let mut nested = FULL.replace(" interface insight", " !\n interface insight");
    nested = nested.replace(" auto-boot", "  !\n !\n\n auto-boot");
    assert_eq!(read(&nested).unwrap(), read(FULL).unwrap());
    // Without an end in the first column the rest may be missing.
    let cut = FULL.strip_suffix("!\n").unwrap();
    for end in ["", " !\n", "!x\n"] {
        let found = read(&format!("{cut}{end}"));
        assert!(found.is_err(), "{end:?}: {found:?}");
    }
}

#[test]
fn dhcp_has_no_gateway() {
    let found = read(&block(" interface management ip dhcp"))
        .unwrap()
        .unwrap();
    let management = found.management.unwrap();
    assert_eq!(management.ip.to_string(), "dhcp");
    assert_eq!(management.gateway, None);
}

#[test]
fn known_items_must_have_their_form() {
    for line in [
        "hostname",
        "hostname a b",
        "interface management ip",
        "ldap server x",
        "ldap ca-cert user x",
        "dns 10.0.0.1",
        "ntp 10.0.0.1 prefer",
        "deploy now",
    ] {
        assert!(
            matches!(read(&block(line)), Err(BlockError::Line(_))),
            "{line}"
        );
    }
}

#[test]
fn refused_values_and_doubled_items_are_errors() {
    for line in [
        "hostname tpvm;reboot",
        "interface management ip 10.0.0.1",
        "interface management ip 10.0.0.1/24 gw nowhere",
        "ldap host h port 70000 basedn dc=a",
        "ldap ca-cert protocol ftp user u password p host h directory d filename f",
        "trusted-peer ip tpvm1 password x",
        "ntp 10.0.0.1\nntp 10.0.0.2",
    ] {
        assert!(
            matches!(read(&block(line)), Err(BlockError::Value(_))),
            "{line}"
        );
    }
}
