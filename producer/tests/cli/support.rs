//! A database with an inventory in it, and the program run against it.

use std::process::{Output, Stdio};
use std::time::Duration;

use ledger::{Ledger, LedgerOptions};
use schemas::inventory::Inventory;
use serde_json::{Value, json};
use services::Database;
use tokio::process::Command;

use crate::upgrade::{Upgrade, accept};

/// Longer than anything here takes, so that a hanging program is a failed test.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, with no settings of the surroundings.
pub fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tpvm-upgrade"));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for name in [
        "DATABASE_URL",
        "AMQP_URL",
        "TPVM_UPGRADE_CONFIG",
        "TPVM_BROKER_PREFIX",
        "RUST_LOG",
        "COLUMNS",
    ] {
        command.env_remove(name);
    }
    command
}

/// What a run of the program left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// One value for each line.
    pub fn json_lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The run, if it ended with this code.
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

pub async fn finish(mut command: Command) -> Ran {
    let output = tokio::time::timeout(PATIENCE, command.output());
    ran(output.await.expect("the program ends").unwrap())
}

pub fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().expect("no signal ended it"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A database of its own, with the inventory of four EFA deployments.
pub struct Site {
    pub ledger: Ledger,
    pub database: Database,
}

impl Site {
    pub async fn new() -> Self {
        let database = services::database().await.unwrap();
        let options = LedgerOptions::default();
        let ledger = Ledger::connect(database.url(), &options).await.unwrap();
        ledger.migrate().await.unwrap();
        ledger.load_inventory(&inventory()).await.unwrap();
        Self { ledger, database }
    }

    pub fn program(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        command.env("DATABASE_URL", self.database.url());
        command
    }

    /// The program on a terminal of 100 columns.
    pub fn on_terminal(&self, args: &str) -> Command {
        self.on_terminal_of(args, 100)
    }

    /// The program on a terminal of so many columns, which `script` gives it.
    pub fn on_terminal_of(&self, args: &str, columns: u16) -> Command {
        let program = env!("CARGO_BIN_EXE_tpvm-upgrade");
        let line = format!("stty cols {columns} rows 30; exec {program} {args}");
        let mut command = Command::new("script");
        command
            .args(["-qefc", &line, "/dev/null"])
            .env("DATABASE_URL", self.database.url())
            .env("TERM", "xterm")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub async fn run(&self, args: &[&str]) -> Ran {
        finish(self.program(args)).await
    }

    /// Accepts an upgrade of the device of deployment number `site`.
    pub async fn accept(&self, site: u8) -> Upgrade<'_> {
        accept(&self.ledger, site).await
    }
}

pub fn device_ip(site: u8) -> String {
    format!("10.20.{site}.28")
}

fn inventory() -> Inventory {
    let deployments: Vec<Value> = (1..=4)
        .map(|site| {
            json!({
                "name": format!("site-{site}"),
                "api_url": format!("https://10.20.{site}.103/v1"),
                "user": "extreme",
                "password_secret": "efa",
                "nodes": [
                    {"ip_address": format!("10.20.{site}.101"), "name": "tpvm1"},
                    {"ip_address": format!("10.20.{site}.102"), "name": "tpvm2"},
                ],
                "devices": [{
                    "ip_address": device_ip(site),
                    "name": format!("leaf-{site}"),
                    "model": "3012",
                    "chassis_name": "SLX9250-32C",
                    "user": "admin",
                    "password_secret": "slx",
                }],
            })
        })
        .collect();
    serde_json::from_value(json!({"deployments": deployments})).unwrap()
}

/// The cells of a table's rows, with wrapped texts put together again.
pub fn cells(table: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut new_row = true;
    for line in table.lines() {
        let Some(line) = line.strip_prefix('|') else {
            new_row = true;
            continue;
        };
        let cells = line.trim_end_matches('|').split('|').map(str::trim);
        match rows.last_mut() {
            Some(row) if !new_row => {
                for (cell, more) in row.iter_mut().zip(cells) {
                    if !more.is_empty() {
                        cell.push(' ');
                        cell.push_str(more);
                    }
                }
            }
            _ => rows.push(cells.map(str::to_owned).collect()),
        }
        new_row = false;
    }
    rows
}
