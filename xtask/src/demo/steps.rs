//! Asking for the upgrades, watching them, and saying how they ended.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::task::JoinSet;

use super::cases::{CASES, Case, IMAGE, text};
use super::site::Site;
use crate::job::succeed;

/// How long all upgrades together may take.
const TIMEOUT: Duration = Duration::from_secs(300);

/// An accepted request.
pub struct Execution {
    case: &'static Case,
    id: String,
}

/// Asks for all upgrades, as EFA would.
pub async fn execute_all(site: &Site) -> anyhow::Result<Vec<Execution>> {
    let mut executions = Vec::new();
    for case in &CASES {
        let switch = site.standby(case.name)?;
        let mut request = vec!["execute", "--ip", switch];
        request.extend(["--firmware-host", case.firmware_host]);
        request.extend(["--tpvm-image", IMAGE]);
        request.extend(case.arguments);
        let reply = site.ask(&request).await?;
        let id = text(&reply["execution_id"]);
        println!(
            "{:<18}{switch}  accepted as {id}; it {}",
            case.name, case.about
        );
        executions.push(Execution { case, id });
    }
    Ok(executions)
}

/// Shows every upgrade's states as they go by, until all have ended.
pub async fn watch_all(site: &Site, executions: &[Execution]) -> anyhow::Result<()> {
    let mut watchers = JoinSet::new();
    for execution in executions {
        let command = site.upgrade(&["watch", &execution.id]);
        watchers.spawn(watch(execution.case.name, command));
    }
    let all = async {
        while let Some(watcher) = watchers.join_next().await {
            watcher.context("a watcher broke off")??;
        }
        Ok(())
    };
    match tokio::time::timeout(TIMEOUT, all).await {
        Ok(result) => result,
        Err(_) => bail!("not all upgrades have ended after {TIMEOUT:?}"),
    }
}

async fn watch(name: &str, mut command: Command) -> anyhow::Result<()> {
    let mut watch = command
        .stdout(Stdio::piped())
        .spawn()
        .context("can't run tpvm-upgrade")?;
    let stdout = watch.stdout.take().context("a watcher has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        println!("{name:<18}{line}");
    }
    // 0 and 1 say how the upgrade ended, which is looked at later.
    let status = watch.wait().await?;
    match status.code() {
        Some(0 | 1) => Ok(()),
        _ => bail!("watching {name} failed ({status})"),
    }
}

/// Shows the results and each history, and tells whether all is as it must be.
pub async fn report(site: &Site, executions: &[Execution]) -> anyhow::Result<bool> {
    for execution in executions {
        println!("\n{}:", execution.case.name);
        succeed(site.upgrade(&["history", &execution.id])).await?;
    }
    println!();
    succeed(site.upgrade(&["list"])).await?;
    println!();
    let mut all_as_expected = true;
    for Execution { case, id } in executions {
        let shown = site.ask(&["show", "--execution-id", id]).await?;
        let effects = site.effects(case.name).await?;
        let differences = case.differences(&shown["items"][0], &effects);
        all_as_expected &= differences.is_empty();
        if differences.is_empty() {
            println!("{:<18}as it must be: it {}", case.name, case.about);
        }
        for difference in differences {
            println!("{:<18}NOT as it must be: {difference}", case.name);
        }
    }
    Ok(all_as_expected)
}
