use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::bail;

use crate::job::{self, cargo, succeed};
use crate::{bite, generate};

/// How long the advisory database may take: it can't be reached from every machine.
const FETCH: Duration = Duration::from_secs(120);

pub async fn run() -> anyhow::Result<ExitCode> {
    title("format");
    succeed(cargo(["fmt", "--all", "--check"])).await?;

    title("lints");
    let mut clippy = cargo(["clippy", "--quiet", "--workspace", "--all-targets"]);
    clippy.args(["--", "--deny", "warnings"]);
    succeed(clippy).await?;

    title("documentation");
    let mut doc = cargo(["doc", "--quiet", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    succeed(doc).await?;

    dependencies().await?;

    title("deliberate breaks");
    bite::check().await?;

    title("generated files");
    let stale = generate::stale(&generate::generated().await?)?;
    if !stale.is_empty() {
        let stale: Vec<_> = stale
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        bail!(
            "out of date: {}; run `cargo xtask generate` and commit what it writes",
            stale.join(", ")
        );
    }
    println!("all checks passed");
    Ok(ExitCode::SUCCESS)
}

async fn dependencies() -> anyhow::Result<()> {
    title("dependencies: bans, licences, sources");
    let mut version = cargo(["deny", "--version"]);
    version.stdout(Stdio::null()).stderr(Stdio::null());
    if !job::run(version).await?.success() {
        bail!("cargo-deny is missing: `cargo install --locked cargo-deny`, or run .ci/run");
    }
    succeed(cargo(["deny", "check", "bans", "licenses", "sources"])).await?;

    title("dependencies: advisories");
    let fetch = tokio::time::timeout(FETCH, job::run(cargo(["deny", "fetch", "db"]))).await;
    let fresh = matches!(fetch, Ok(Ok(status)) if status.success());
    match (fresh, has_advisories()) {
        (true, _) => println!("against the database of now"),
        (false, true) => println!("NOT against the newest database, which can't be fetched here"),
        (false, false) => {
            println!("NOT CHECKED: their database can't be fetched here and no older one is kept");
            return Ok(());
        }
    }
    succeed(cargo(["deny", "check", "--disable-fetch", "advisories"])).await
}

/// Is a copy of the advisory database left from an earlier run?
fn has_advisories() -> bool {
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
    let databases = cargo.or_else(home).map(|cargo| cargo.join("advisory-dbs"));
    let entries = databases.and_then(|folder| std::fs::read_dir(folder).ok());
    entries.is_some_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| entry.path().is_dir()))
    })
}

fn title(text: &str) {
    println!("== {text}");
}
