//! The configuration: its reference is true, and a bad one is refused with a clear error.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use worker::config::{Config, reference};

fn load(text: &str) -> Result<Config, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Config::load(Some(file.path())).map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error} {}", source.unwrap_or_default())
    })
}

#[test]
fn the_reference_is_what_the_code_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(
        page,
        reference(),
        "docs/configuration.md is out of date: cargo xtask generate"
    );
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(load("").unwrap(), Config::default());
}

#[test]
fn the_default_survives_a_round_trip() {
    let text = toml::to_string(&Config::default()).unwrap();
    assert_eq!(load(&text).unwrap(), Config::default());
}

#[test]
fn bad_values_name_the_key() {
    for (text, named) in [
        ("[worker]\nconcurency = 3", "concurency"),
        ("[workers]", "workers"),
        ("[worker]\nconcurrency = 0", "worker.concurrency"),
        ("[worker]\nclaim = \"0s\"", "worker.claim"),
        ("[worker]\nclaim = \"soon\"", "claim"),
        ("[worker]\nclaim = 60", "claim"),
        (
            "[worker]\nstates = [\"workflow-finished\"]",
            "worker.states",
        ),
        (
            "[worker]\nstates = [\"tpvm-demolition\"]",
            "line 2: worker.states[0]: found an unknown word, expected one of `",
        ),
        ("[slx]\nhost_keys = \"any\"", "host_keys"),
        ("[timing]\nsettle = \"1s\"", "timing.settle"),
        (
            "[timing]\nupgrade_deadline = \"2m\"",
            "timing.upgrade_deadline",
        ),
        ("[timing]\nmax_sends = 0", "timing.max_sends"),
        (
            "[timing]\nredeploy_quiet = \"150s\"",
            "timing.redeploy_quiet",
        ),
        (
            "[timing]\nredeploy_quiet = \"60m\"",
            "timing.redeploy_quiet",
        ),
        ("[due]\nbatch = 0", "due.batch"),
        ("[broker]\nprefetch = 0", "broker.prefetch"),
        ("[timing]\nmax_deaths = 0", "timing.max_deaths"),
        ("[timing]\nretry_max = \"0s\"", "timing.retry_max"),
        (
            "[ledger]\nstatement_timeout = \"0s\"",
            "ledger.statement_timeout",
        ),
        (
            "[worker]\ndrain_timeout = \"900000000000y\"",
            "drain_timeout",
        ),
        ("[timing]\npoll = \"2y\"", "expected a year at most"),
        ("[broker]\nurl = \"amqp://a:b@c\"", "url"),
    ] {
        let error = load(text).expect_err(text);
        assert!(error.contains(named), "{text:?} gives {error:?}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Some(Path::new("/nonexistent/worker.toml"))).unwrap_err();
    assert!(
        error.to_string().contains("/nonexistent/worker.toml"),
        "{error}"
    );
}

/// Whatever stands in the file by mistake may hold a password.
#[test]
fn when_a_url_stands_in_a_wrong_place_then_no_error_repeats_it() {
    const URL: &str = "amqp://alice:hunter2@broker/";
    let mut tried = 0;
    let mut refused_with = |text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        tried += 1;
        let Err(error) = Config::load(Some(file.path())) else {
            return;
        };
        let mut said = format!("{error:?} {}", worker::check::one_line(&error));
        let mut source: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = source {
            said.push_str(&format!(" {error} {error:?}"));
            source = error.source();
        }
        for secret in ["hunter2", "alice"] {
            assert!(!said.contains(secret), "{text}\n{said}");
        }
    };
    let default = toml::Table::try_from(Config::default()).unwrap();
    let mut keys: Vec<(String, Option<String>)> = Vec::new();
    for (section, value) in &default {
        keys.push((section.clone(), None));
        let names = value.as_table().unwrap().keys();
        keys.extend(names.map(|name| (section.clone(), Some(name.clone()))));
    }
    assert!(keys.len() > 40, "{keys:?}");
    for (section, name) in &keys {
        for bad in [
            format!("\"{URL}\""),
            format!("[\"{URL}\"]"),
            format!("{{ \"{URL}\" = 1 }}"),
            format!("{{ url = \"{URL}\" }}"),
            URL.to_owned(),
            format!("\"{URL}"),
            format!("'''{URL}"),
        ] {
            refused_with(&match name {
                Some(name) => format!("[{section}]\n{name} = {bad}\n"),
                None => format!("{section} = {bad}\n"),
            });
        }
        refused_with(&format!("[{section}]\n\"{URL}\" = 1\n"));
        refused_with(&format!("[{section}]\n{URL} = 1\n"));
    }
    refused_with(URL);
    refused_with(&format!("[{URL}]"));
    assert!(tried > 400, "{tried}");
}

#[test]
fn when_an_array_stands_for_a_section_then_the_file_is_refused_there() {
    let default = toml::Table::try_from(Config::default()).unwrap();
    for (section, fields) in &default {
        let values: Vec<_> = fields.as_table().unwrap().values().cloned().collect();
        for array in [toml::Value::Array(values), toml::Value::Array(Vec::new())] {
            let error = load(&format!("{section} = {array}\n")).expect_err(section);
            let said = format!("line 1: {section}: found an array, expected a table");
            assert!(error.contains(&said), "{error}");
        }
    }
}
