//! What a new user sees who has something wrong: one line for each problem, with what to do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Nothing listens there: port 1 is reserved.
const NOBODY: &str = "127.0.0.1:1";

fn worker(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tpvm-worker"));
    command.args(args).stdin(Stdio::null());
    for name in ["DATABASE_URL", "AMQP_URL", "TPVM_WORKER_CONFIG", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.env("RUST_BACKTRACE", "1");
    command
}

/// The lines on stderr, once the program has ended with this code.
fn lines(output: &Output, code: i32) -> Vec<String> {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for never in ["backtrace", "hunter2", "alice", "\u{1b}", "Caused by"] {
        assert!(!stderr.contains(never), "{never}: {stderr}");
    }
    stderr.lines().map(str::to_owned).collect()
}

fn write(folder: &Path, text: &str) -> String {
    let path = folder.join("worker.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn when_a_configuration_has_many_problems_then_each_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = "x".repeat(300);
    let config = write(
        folder.path(),
        &format!(
            "[worker]\nconcurrency = 0\nclaim = \"0s\"\nheartbeat_file = \"/none/alive\"\n\
             [broker]\nprefix = \"{prefix}\"\n\
             [secrets]\ndir = \"/none/secrets\"\n\
             [slx]\nknown_hosts = \"/none/known_hosts\"\ndialect = \"/none/dialect.toml\"\n\
             minimum_version = \"recent\"\n\
             [efa]\nca_file = \"/none/ca.pem\"\n\
             [timing]\nsettle = \"1s\"\nmax_sends = 0\n"
        ),
    );
    let output = worker(&["--config", &config, "--check-config"])
        .env("DATABASE_URL", "amqp://alice:hunter2@host/db")
        .env("AMQP_URL", "amqps://alice:hunter2@host?heartbeat=hunter2")
        .output()
        .unwrap();
    let said = lines(&output, 2);
    for one in [
        "worker.concurrency",
        "worker.claim",
        "timing.settle",
        "timing.max_sends",
        "slx.minimum_version",
        "/none/alive",
        "broker.prefix",
        "/none/secrets",
        "/none/known_hosts",
        "/none/dialect.toml",
        "/none/ca.pem",
        "DATABASE_URL",
        "AMQP_URL",
    ] {
        let found = said.iter().filter(|line| line.contains(one));
        assert_eq!(found.count(), 1, "{one}: {said:#?}");
    }
    assert_eq!(said.len(), 13, "{said:#?}");
    assert!(said.iter().all(|line| line.starts_with("error: ")));
}

#[test]
fn when_all_files_are_there_then_the_configuration_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let known_hosts = folder.path().join("known_hosts");
    std::fs::write(&known_hosts, "").unwrap();
    let config = write(
        folder.path(),
        &format!(
            "[slx]\nknown_hosts = {known_hosts:?}\n[secrets]\ndir = {:?}\n",
            folder.path()
        ),
    );
    let output = worker(&["--config", &config, "--check-config"])
        .output()
        .unwrap();
    assert!(lines(&output, 0).is_empty(), "{output:?}");
    assert_eq!(output.stdout, b"the configuration is valid\n");
    // A new key is to be written: its folder counts.
    let new = format!("{}\n", folder.path().join("new/known_hosts").display());
    let text = format!(
        "[slx]\nhost_keys = \"accept-new\"\nknown_hosts = {:?}\n",
        new.trim()
    );
    let config = write(folder.path(), &text);
    let output = worker(&["--config", &config, "--check-config"])
        .output()
        .unwrap();
    assert!(
        lines(&output, 2)[0].contains("can't create the file"),
        "{output:?}"
    );
}

#[test]
fn when_a_file_is_missing_or_no_toml_then_one_line_says_where() {
    let output = worker(&["--config", "/none/worker.toml"]).output().unwrap();
    let said = lines(&output, 2);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("/none/worker.toml") && said[0].contains("No such file"));

    let folder = tempfile::tempdir().unwrap();
    for (text, problem) in [
        ("[worker]\nconcurency = 3\n", "concurency"),
        ("[worker\n", "line 1"),
        ("[worker]\nclaim = 3\n", "line 2"),
    ] {
        let config = write(folder.path(), text);
        for args in [
            &["--config", &config][..],
            &["--config", &config, "--check-config"],
        ] {
            let said = lines(&worker(args).output().unwrap(), 2);
            assert_eq!(said.len(), 1, "{said:#?}");
            assert!(
                said[0].contains(&config) && said[0].contains(problem),
                "{said:#?}"
            );
        }
    }
}

#[test]
fn when_urls_are_missing_or_wrong_then_one_line_says_which() {
    for (database, amqp, code, all) in [
        (None, None, 2, &["DATABASE_URL is not set"][..]),
        (
            Some("amqp://alice:hunter2@h"),
            Some("amqp://h"),
            2,
            &["DATABASE_URL", "amqp://"],
        ),
        (
            Some("postgres://alice:hunter2@127.0.0.1:1/db?sslmode=verify-full&sslrootcert=/none/a"),
            Some("amqp://h"),
            2,
            &["sslrootcert", "/none/a"],
        ),
    ] {
        let mut command = worker(&[]);
        for (name, value) in [("DATABASE_URL", database), ("AMQP_URL", amqp)] {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        let said = lines(&command.output().unwrap(), code);
        assert_eq!(said.len(), 1, "{said:#?}");
        for one in all {
            assert!(said[0].contains(one), "{one}: {said:#?}");
        }
    }
}

#[test]
fn when_postgres_stays_away_then_one_line_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "[ledger]\nconnect_timeout = \"1s\"\n");
    for args in [
        &["--config", &config][..],
        &["--config", &config, "--migrate"],
    ] {
        let output = worker(args)
            .env(
                "DATABASE_URL",
                format!("postgres://alice:hunter2@{NOBODY}/db"),
            )
            .env("AMQP_URL", format!("amqp://alice:hunter2@{NOBODY}/"))
            .output()
            .unwrap();
        let said = lines(&output, 5);
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(said[0].contains(NOBODY) && said[0].contains("nothing listens there"));
    }
}
