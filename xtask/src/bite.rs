//! Does each law bite? Breaks the code on purpose, and sees that the tests notice.
//!
//! Each file `tests/breaks/<name>.patch` is one break: a patch, with a few lines before it that
//! say what it breaks, which law guards that, and the arguments of `cargo test` that must fail.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use services::{Postgres, Shutdown, Stack};
use tokio::process::Command;

use crate::generate;
use crate::job::{self, Job, cargo, succeed};

/// How long the tests of one break may take.
const LIMIT: Duration = Duration::from_secs(300);
/// The same for many schedules. They come to an end by themselves: if not in this time, that says
/// nothing of the code.
const SCHEDULES_LIMIT: Duration = Duration::from_secs(1_200);
/// What stands for a law in breaks that schedules are to find.
const SCHEDULES: &str = "schedules";
/// How many seconds they wait for the end of upgrades. A law that guards an end fails by not
/// coming to one.
const PATIENCE: &str = "150";

/// Without names: all of them.
#[derive(Args)]
pub struct Options {
    /// The breaks to try, by the names of their files without `.patch`.
    names: Vec<String>,
}

/// One deliberate break.
struct Break {
    name: String,
    patch: PathBuf,
    law: String,
    /// The arguments of `cargo test`.
    tests: Vec<String>,
}

/// What came of one break.
enum Bite {
    /// The first test that failed.
    Caught(String),
    /// The tests passed, or came to no end: then nothing is known.
    Missed(String),
}

pub async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    services::install_missing().await?;
    let mut breaks = all()?;
    for name in &options.names {
        ensure!(
            breaks.iter().any(|one| one.name == *name),
            "no break is called {name}"
        );
    }
    breaks.retain(|one| options.names.is_empty() || options.names.contains(&one.name));
    let scratch = services::scratch_dir()?;
    let mut statements = Postgres::start(scratch.path()).await?;
    generate::migrate(&statements).await?;
    let copy = Copy::of_the_tree(statements.url()).await?;
    let stack = Stack::start_with_tls().await?;
    let mut table = format!("{:<44} {:<9} {:>5}  caught by\n", "break", "law", "s");
    let mut missed = 0;
    for one in &breaks {
        println!("== {} (law {})", one.name, one.law);
        let began = Instant::now();
        copy.apply(&one.patch, &[]).await?;
        let bite = copy.test(one, &stack).await;
        copy.apply(&one.patch, &["--reverse"]).await?;
        let by = match bite? {
            Bite::Caught(test) => test,
            Bite::Missed(why) => {
                missed += 1;
                format!("NOT CAUGHT: {why}")
            }
        };
        let seconds = began.elapsed().as_secs();
        writeln!(table, "{:<44} {:<9} {seconds:>5}  {by}", one.name, one.law)?;
    }
    stack.stop().await?;
    statements.halt(Shutdown::Fast).await?;
    println!("\n{table}");
    println!(
        "{} of {} breaks caught",
        breaks.len() - missed,
        breaks.len()
    );
    Ok(ExitCode::from(u8::from(missed > 0)))
}

/// Whether each patch still fits the tree.
pub async fn check() -> anyhow::Result<()> {
    for one in all()? {
        let mut git = Command::new("git");
        git.args(["apply", "--check"]).arg(&one.patch);
        let fits = succeed(git).await;
        fits.with_context(|| format!("{} does not fit any more", one.patch.display()))?;
    }
    Ok(())
}

fn all() -> anyhow::Result<Vec<Break>> {
    let folder = job::root().join("tests/breaks");
    let entries = std::fs::read_dir(&folder);
    let entries = entries.with_context(|| format!("can't read {}", folder.display()))?;
    let mut breaks = Vec::new();
    for entry in entries {
        breaks.push(Break::read(entry?.path())?);
    }
    breaks.sort_by(|one, other| (&one.law, &one.name).cmp(&(&other.law, &other.name)));
    Ok(breaks)
}

impl Break {
    fn read(patch: PathBuf) -> anyhow::Result<Self> {
        let shown = patch.display();
        let text =
            std::fs::read_to_string(&patch).with_context(|| format!("can't read {shown}"))?;
        let header = |key: &str| {
            let mut lines = text.lines().take_while(|line| !line.starts_with("diff "));
            let value = lines.find_map(|line| line.strip_prefix(key));
            value.with_context(|| format!("{shown} has no line `{key}…`"))
        };
        let words = header("Test: ")?.split_whitespace();
        Ok(Self {
            name: patch
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            law: header("Law: ")?.to_owned(),
            tests: words.map(str::to_owned).collect(),
            patch,
        })
    }

    fn limit(&self) -> Duration {
        match self.law == SCHEDULES {
            true => SCHEDULES_LIMIT,
            false => LIMIT,
        }
    }
}

/// A copy of the tracked files, to be broken, with its own target folder.
struct Copy {
    tree: PathBuf,
    target: PathBuf,
    /// Where the compiler finds what a statement that was broken returns: the committed data know
    /// the whole ones only.
    statements: String,
}

impl Copy {
    async fn of_the_tree(statements: String) -> anyhow::Result<Self> {
        let folder = job::root().join("target/bite");
        let copy = Self {
            tree: folder.join("tree"),
            target: folder.join("target"),
            statements,
        };
        std::fs::create_dir_all(copy.described()).context("can't make a folder")?;
        let mut git = Command::new("git");
        git.args(["ls-files", "-z"]).current_dir(job::root());
        let output = git.output().await.context("can't run git")?;
        ensure!(output.status.success(), "git can't list the files");
        let listed = String::from_utf8(output.stdout).context("a file's name is no UTF-8")?;
        let listed: Vec<&Path> = listed.split_terminator('\0').map(Path::new).collect();
        for file in &listed {
            copy.file(file)?;
        }
        copy.prune(&copy.tree, &listed.into_iter().collect())?;
        Ok(copy)
    }

    /// Removes what is not of the tree: deleted since, or left by a break that was interrupted.
    fn prune(&self, folder: &Path, listed: &HashSet<&Path>) -> anyhow::Result<()> {
        for entry in std::fs::read_dir(folder).context("can't read the copy")? {
            let path = entry?.path();
            let is_listed = |file: &Path| listed.contains(file);
            if path.is_dir() {
                self.prune(&path, listed)?;
            } else if !path.strip_prefix(&self.tree).is_ok_and(is_listed) {
                std::fs::remove_file(&path).context("can't clear the copy")?;
            }
        }
        Ok(())
    }

    /// Copies a file if it differs: cargo goes by the time of the last change.
    fn file(&self, file: &Path) -> anyhow::Result<()> {
        let (from, to) = (job::root().join(file), self.tree.join(file));
        let said = || format!("can't copy {}", file.display());
        let Ok(wanted) = std::fs::read(&from) else {
            // Deleted, and not committed yet.
            return Ok(());
        };
        if std::fs::read(&to).ok().as_ref() == Some(&wanted) {
            return Ok(());
        }
        let parent = to.parent().with_context(said)?;
        std::fs::create_dir_all(parent).with_context(said)?;
        std::fs::write(&to, wanted).with_context(said)
    }

    async fn apply(&self, patch: &Path, how: &[&str]) -> anyhow::Result<()> {
        let mut git = Command::new("git");
        git.arg("apply")
            .args(how)
            .arg(patch)
            .current_dir(&self.tree);
        // Inside a repository git would take the copy for a part of it.
        git.env(
            "GIT_CEILING_DIRECTORIES",
            self.tree.parent().unwrap_or(&self.tree),
        );
        succeed(git)
            .await
            .with_context(|| format!("{} does not fit", patch.display()))
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo(arguments);
        command.current_dir(&self.tree);
        command
            .env("CARGO_TARGET_DIR", &self.target)
            .env("SQLX_OFFLINE_DIR", self.described())
            .env("DATABASE_URL", &self.statements);
        command
    }

    /// Where the compiler writes down what the statements return.
    fn described(&self) -> PathBuf {
        self.target.join("statements")
    }

    async fn test(&self, one: &Break, stack: &Stack) -> anyhow::Result<Bite> {
        succeed(self.cargo(&["build", "--quiet", "--workspace", "--bins"])).await?;
        let arguments: Vec<&str> = one.tests.iter().map(String::as_str).collect();
        succeed(self.cargo(&[&["test", "--quiet", "--no-run"], &arguments[..]].concat())).await?;
        let log = self.tree.with_file_name(format!("{}.log", one.name));
        let file = std::fs::File::create(&log).context("can't write the log")?;
        let mut command = self.cargo(&[&["test"], &arguments[..]].concat());
        command
            .envs(stack.environment())
            .env("TMPDIR", stack.dir())
            .env("RUST_BACKTRACE", "0")
            .env("TPVM_TEST_PATIENCE", PATIENCE)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let mut job = Job::start(command)?;
        let limit = one.limit();
        let Ok(status) = tokio::time::timeout(limit, job.wait()).await else {
            return Ok(Bite::Missed(format!("no end within {limit:?}")));
        };
        let told = std::fs::read_to_string(&log).context("can't read the log")?;
        let failed = |line: &str| {
            let test = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
            Some(test.to_owned())
        };
        Ok(match (status?.success(), told.lines().find_map(failed)) {
            (false, Some(test)) => Bite::Caught(test),
            (true, _) => Bite::Missed("the tests passed".to_owned()),
            (false, None) => bail!("the tests did not run: see {}", log.display()),
        })
    }
}
