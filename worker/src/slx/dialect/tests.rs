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
            r"(?P<name>[\w+\-.:/@\[\]]+)",
            r"(?P<name>[\w",
            "session.prompt: invalid pattern: unclosed character class",
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
        (
            "hostname = {",
            "host_name = {",
            "config.items: found an unknown word",
        ),
        ("asks = ['upgrade'", "asks = ['upgrades'", "commands.asks"),
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

/// Each table of the built-in dialect, with the path to it.
fn tables(value: &toml::Value, path: &[String], all: &mut Vec<Vec<String>>) {
    if let Some(table) = value.as_table() {
        all.push(path.to_vec());
        for (name, value) in table {
            tables(value, &[path, std::slice::from_ref(name)].concat(), all);
        }
    }
}

fn at<'a>(mut value: &'a mut toml::Value, path: &[String]) -> &'a mut toml::Value {
    for name in path {
        value = &mut value[name.as_str()];
    }
    value
}

fn built_in() -> toml::Value {
    toml::Value::Table(toml::from_str(include_str!("../dialect.toml")).unwrap())
}

fn refused(dialect: &toml::Value) -> String {
    let text = toml::to_string(dialect).unwrap();
    let error = Dialect::parse(&text, Path::new("dialect.toml")).unwrap_err();
    crate::check::one_line(&error)
}

#[test]
fn when_an_array_stands_for_a_table_then_the_file_is_refused_there() {
    let mut all = Vec::new();
    tables(&built_in(), &[], &mut all);
    assert!(all.len() > 20, "{all:?}");
    for path in all.iter().filter(|path| !path.is_empty()) {
        let mut dialect = built_in();
        let table = at(&mut dialect, path);
        let values = table.as_table().unwrap().values().cloned().collect();
        *table = toml::Value::Array(values);
        let said = refused(&dialect);
        // The items are no fields of a table, so their table is the place.
        let path = path.join(".");
        let place = if path.starts_with("config.items.") {
            "config.items"
        } else {
            &path
        };
        assert!(
            said.contains(&format!("{place}: found an array")),
            "{path}: {said}"
        );
    }
}

#[test]
fn when_a_url_stands_in_a_wrong_place_then_no_error_repeats_it() {
    const URL: &str = "amqp://alice:hunter2@broker/";
    let mut all = Vec::new();
    tables(&built_in(), &[], &mut all);
    for path in all {
        let mut names: Vec<String> = Vec::new();
        if let Some(table) = at(&mut built_in(), &path).as_table() {
            names.extend(table.keys().cloned());
        }
        for (n, name) in names.iter().enumerate() {
            // Neither a pattern nor a template.
            let mut all_bad = vec![toml::Value::from(format!("{URL}({{"))];
            if n == 0 {
                let table = toml::Table::from_iter([(URL.to_owned(), 1.into())]);
                let array = vec![format!("{URL}[")];
                all_bad.extend([table.into(), array.into(), toml::Value::from(4711)]);
            }
            for bad in all_bad {
                let mut dialect = built_in();
                at(&mut dialect, &path)[name.as_str()] = bad;
                let text = toml::to_string(&dialect).unwrap();
                let Err(error) = Dialect::parse(&text, Path::new("dialect.toml")) else {
                    continue;
                };
                let said = format!("{} {error:?}", crate::check::one_line(&error));
                let shows = ["hunter2", "alice", "4711"]
                    .iter()
                    .any(|secret| said.contains(secret));
                assert!(!shows, "{path:?} {name}: {said}");
            }
        }
    }
}
