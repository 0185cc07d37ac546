//! The generated files, written to a folder of their own first: to be moved or compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use services::{Postgres, Shutdown, scratch_dir};
use tokio::process::Command;

use crate::job::{cargo, succeed};

/// Where the offline data of the SQL queries are.
const QUERIES: &str = "ledger/.sqlx";

/// Path from the workspace's folder, and text.
type Files = BTreeMap<PathBuf, Vec<u8>>;

pub async fn run() -> anyhow::Result<ExitCode> {
    let fresh = generated().await?;
    for path in stale(&fresh)? {
        match fresh.get(&path) {
            Some(text) => {
                println!("writing {}", path.display());
                let folder = path.parent().unwrap_or(Path::new("."));
                fs::create_dir_all(folder).and_then(|()| fs::write(&path, text))
            }
            None => {
                println!("removing {}", path.display());
                fs::remove_file(&path)
            }
        }
        .with_context(|| format!("can't change {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// All files as they should be.
pub async fn generated() -> anyhow::Result<Files> {
    services::install_missing().await?;
    let scratch = scratch_dir()?;
    let output = scratch.path().join("generated");
    let queries = output.join(QUERIES);
    fs::create_dir_all(&queries).context("can't create a folder")?;

    let documents = ["run", "--quiet", "-p", "schemas", "--example", "generate"];
    let mut documents = cargo(documents);
    documents.arg("--").arg(&output);
    succeed(documents).await?;

    let mut postgres = Postgres::start(scratch.path()).await?;
    let written = async {
        describe_queries(&postgres, &queries).await?;
        // The worker compiles only with the data of all its queries, new ones included.
        let reference = ["run", "--quiet", "-p", "worker", "--example"];
        let mut reference = cargo(reference);
        reference
            .args(["configuration", "--"])
            .arg(output.join("docs/configuration.md"))
            .env("SQLX_OFFLINE_DIR", &queries)
            .env("DATABASE_URL", postgres.url());
        succeed(reference).await
    }
    .await;
    postgres.halt(Shutdown::Fast).await?;
    written?;

    let mut files = Files::new();
    read(&output, &output, &mut files)?;
    Ok(files)
}

/// Those that differ from what is there, are missing, or should not be there.
pub fn stale(fresh: &Files) -> anyhow::Result<Vec<PathBuf>> {
    let mut stale: Vec<PathBuf> = fresh
        .iter()
        .filter(|(path, text)| fs::read(path).ok().as_ref() != Some(*text))
        .map(|(path, _)| path.clone())
        .collect();
    let mut committed = Files::new();
    if Path::new(QUERIES).exists() {
        read(Path::new(""), Path::new(QUERIES), &mut committed)?;
    }
    stale.extend(
        committed
            .into_keys()
            .filter(|path| !fresh.contains_key(path)),
    );
    Ok(stale)
}

/// Applies all migrations to the server's first database.
pub async fn migrate(postgres: &Postgres) -> anyhow::Result<()> {
    let mut migrations: Vec<PathBuf> = fs::read_dir("migrations")
        .context("can't read migrations")?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    migrations.sort();
    for migration in migrations {
        let mut psql = Command::new(postgres.programs().join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"])
            .args(["--dbname", &postgres.url(), "--file"])
            .arg(migration);
        succeed(psql).await?;
    }
    Ok(())
}

/// The compiler asks a database that has the migrations, and writes down what it answers.
async fn describe_queries(postgres: &Postgres, output: &Path) -> anyhow::Result<()> {
    migrate(postgres).await?;
    // A new folder each time, which the ledger's build script takes as the sign to ask anew.
    let mut check = cargo(["check", "--quiet", "--workspace"]);
    check
        .env("SQLX_OFFLINE_DIR", output)
        .env("DATABASE_URL", postgres.url());
    succeed(check).await
}

fn read(base: &Path, folder: &Path, into: &mut Files) -> anyhow::Result<()> {
    let failed = || format!("can't read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.is_dir() {
            read(base, &path, into)?;
        } else {
            let text = fs::read(&path).with_context(failed)?;
            into.insert(path.strip_prefix(base)?.to_owned(), text);
        }
    }
    Ok(())
}
