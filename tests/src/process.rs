//! Worker processes: started, terminated, killed.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

/// A process that a test started. It is killed when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

/// How a process ended by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Exit(
    /// Its exit code; none if a signal ended it.
    pub Option<i32>,
);

/// A program of this workspace, beside the test's own binary.
///
/// # Panics
/// If it was not built.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let program = folder.join(name);
    assert!(
        program.exists(),
        "{} is missing: run `cargo xtask test`, or `cargo build --workspace` first",
        program.display()
    );
    program
}

impl Process {
    /// Starts a program; what it writes goes into the file `log`.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = std::fs::File::create(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it at once, as a crash would: SIGKILL.
    ///
    /// # Panics
    /// If it can't be killed.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends a signal by its name, for example `TERM`.
    ///
    /// # Panics
    /// If it has ended already.
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("the process has ended").to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .await
            .unwrap();
        assert!(sent.success(), "no signal {name} to {id}");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end within `within`.
    pub async fn exit(mut self, within: Duration) -> Exit {
        match tokio::time::timeout(within, self.child.wait()).await {
            Ok(status) => Exit(status.unwrap().code()),
            Err(_) => panic!("still running after {within:?}; its log:\n{}", self.log()),
        }
    }
}

/// Runs a program to its end.
///
/// # Panics
/// If it does not end within a minute.
pub(crate) async fn output(command: &mut Command) -> Output {
    let run = command.stdin(Stdio::null()).kill_on_drop(true).output();
    tokio::time::timeout(Duration::from_secs(60), run)
        .await
        .expect("ends in a minute")
        .unwrap()
}
