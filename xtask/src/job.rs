//! Programs that a command runs, and that end with it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};

/// A program in a process group of its own: the group ends with this value.
pub struct Job {
    name: String,
    child: Child,
    group: Option<Pid>,
}

impl Job {
    pub fn start(mut command: Command) -> anyhow::Result<Self> {
        let name = describe(&command);
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("can't run `{name}`"))?;
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Ok(Self { name, child, group })
    }

    /// What it writes, if that was to be piped.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Asks it to end, and waits until it has done so in good order.
    pub async fn terminate(mut self, patience: Duration) -> anyhow::Result<()> {
        if let Some(group) = self.group {
            // An error says that it has ended, which the wait finds out.
            let _ = kill_process_group(group, Signal::TERM);
        }
        let Ok(status) = tokio::time::timeout(patience, self.wait()).await else {
            bail!("`{}` did not end within {patience:?} of SIGTERM", self.name);
        };
        let status = status?;
        if !status.success() {
            bail!("`{}` ended badly ({status})", self.name);
        }
        Ok(())
    }

    pub async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let ended = self.child.wait().await;
        ended.with_context(|| format!("lost track of `{}`", self.name))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // An error says that all have ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs the program to its end with our terminal.
pub async fn run(mut command: Command) -> anyhow::Result<ExitStatus> {
    command.stdin(Stdio::null());
    Job::start(command)?.wait().await
}

/// As [`run`]; a failure of the program is an error.
pub async fn succeed(command: Command) -> anyhow::Result<()> {
    let name = describe(&command);
    let status = run(command).await?;
    if !status.success() {
        bail!("`{name}` failed ({status})");
    }
    Ok(())
}

/// Cargo, the one that runs us.
pub fn cargo<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments);
    command
}

/// Builds the programs of the workspace, to be found by [`program`].
pub async fn build_programs() -> anyhow::Result<()> {
    succeed(cargo(["build", "--workspace", "--bins"])).await
}

/// One of the workspace's programs.
pub fn program(name: &str) -> Command {
    Command::new(folder().join(name))
}

/// Where cargo puts the programs: beside this one.
pub fn folder() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    this.parent().map(Path::to_owned).unwrap_or_default()
}

/// Does the work, unless Ctrl-C, SIGTERM or SIGHUP comes first: then the work is dropped, and
/// whatever it started ends with it.
pub async fn until_signal(
    work: impl Future<Output = anyhow::Result<ExitCode>>,
) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen to signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("can't listen to signals")?;
    let mut hang_up = signal(SignalKind::hangup()).context("can't listen to signals")?;
    let number = tokio::select! {
        result = work => return result,
        _ = interrupt.recv() => SignalKind::interrupt(),
        _ = terminate.recv() => SignalKind::terminate(),
        _ = hang_up.recv() => SignalKind::hangup(),
    };
    // What a shell reports for a program that a signal ended.
    let code = u8::try_from(128 + number.as_raw_value()).unwrap_or(u8::MAX);
    Ok(ExitCode::from(code))
}

/// The workspace's folder.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

fn describe(command: &Command) -> String {
    let command = command.as_std();
    let program = Path::new(command.get_program());
    let words = program.file_name().into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}
