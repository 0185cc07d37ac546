#![allow(clippy::unwrap_used)]

use std::error::Error;

use super::*;

const BUILT_IN: &str = include_str!("../dialect.toml");

/// The error of the built-in dialect with one text replaced, with its causes.
fn error(from: &str, to: &str) -> String {
    assert!(BUILT_IN.contains(from), "{from}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("site.toml");
    std::fs::write(&path, BUILT_IN.replacen(from, to, 1)).unwrap();
    let error = Dialect::from_file(&path).unwrap_err();
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}

#[test]
fn the_built_in_dialect_can_stand_in_for_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("site.toml");
    std::fs::write(&path, BUILT_IN).unwrap();
    let site = Dialect::from_file(&path).unwrap();
    assert_eq!(format!("{site:?}"), format!("{:?}", Dialect::built_in()));
}

#[test]
fn mistakes_are_found_when_the_file_is_loaded() {
    for (from, to, expected) in [
        ("echo = true", "echo = true\necko = false", "ecko"),
        ("answer = 'y'", "", "answer"),
        (
            r"(?P<name>[\w+\-.:/\[\]]+)",
            r"(?P<name>[\w",
            "regex parse error",
        ),
        (r"(?P<mode>", "(?:", "session.prompt must name name, mode"),
        ("gw {gateway}", "gw", "config.items.management"),
        (
            "'hostname {hostname}'",
            "'hostname {host}'",
            "config.items.hostname must name hostname",
        ),
        (
            "line = 'auto-boot'",
            "line = 'auto-boot {on}'",
            "config.items.auto_boot must name no value",
        ),
        (
            "filename {file}'",
            "filename {name}'",
            "commands.upgrade must name nothing but",
        ),
        ("[gateway? gw", "[gateway gw", "[name? …]"),
        ("hostname = {", "host_name = {", "host_name"),
        ("asks = ['upgrade'", "asks = ['upgrades'", "upgrades"),
        (
            "timezone = { begins",
            "# {",
            "config.items must name timezone",
        ),
    ] {
        let message = error(from, to);
        assert!(message.contains(expected), "{from} -> {to}: {message}");
        assert!(message.contains("site.toml"), "{message}");
    }
    let missing = Dialect::from_file("/nowhere/site.toml").unwrap_err();
    assert!(
        missing.to_string().contains("/nowhere/site.toml"),
        "{missing}"
    );
}

#[test]
fn the_target_version_stands_in_the_images_name() {
    let dialect = Dialect::built_in();
    for (path, version) in [
        ("/images/tpvm_x86_64-4.2.5-0.amd64.deb", Some("4.2.5")),
        ("/tpvm_x86_64-4.6.0.amd64.deb", Some("4.6.0")),
        ("/images/tpvm_inc_upg-4.5.1-0.amd64.deb", None),
        ("/images/vm-swbd2900-3.0.deb", None),
        ("/tpvm_x86_64-4.2.5-0/latest.deb", None),
        ("/tpvm_x86_64-4.2.5-0.tar", None),
    ] {
        let found = target_version(&dialect, &path.parse().unwrap());
        assert_eq!(
            found.map(|found| found.to_string()).as_deref(),
            version,
            "{path}"
        );
    }
}
