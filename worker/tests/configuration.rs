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
            "tpvm-demolition",
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
        ("[timing]\npoll = \"2y\"", "not be longer than a year"),
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
