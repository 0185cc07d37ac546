//! Worker processes: started, terminated, killed.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use schemas::State;
use tokio::process::{Child, Command};
use uuid::Uuid;
use worker::points::Point;

use crate::until::{BOUND, until};

const SIGKILL: i32 = 9;

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

    /// How often it has passed a point with one execution's message.
    pub fn passed(&self, point: Point, state: State, execution_id: Uuid) -> usize {
        let event = format!("point=\"{point}\" state=\"{state}\" execution_id={execution_id}");
        self.log().matches(&event).count()
    }

    /// How many messages it is through with: steps, reverts and requests.
    pub fn settled(&self) -> usize {
        self.log().lines().filter(|line| settles(line)).count()
    }

    /// How many messages of one execution it is through with.
    pub fn settled_for(&self, execution_id: Uuid) -> usize {
        let of_it = format!("execution_id={execution_id}");
        let log = self.log();
        let lines = log.lines().filter(|line| settles(line));
        lines.filter(|line| line.ends_with(&of_it)).count()
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

    /// Waits until SIGKILL has ended it, by its own hand or another's.
    ///
    /// # Panics
    /// If it does not end within a minute, or otherwise.
    pub async fn killed(mut self, what: &str) {
        let Ok(status) = tokio::time::timeout(BOUND, self.child.wait()).await else {
            panic!("{what}: still running; its log:\n{}", self.log());
        };
        let signal = status.unwrap().signal();
        assert_eq!(signal, Some(SIGKILL), "{what}; its log:\n{}", self.log());
    }

    /// Waits until it stands still after SIGSTOP.
    ///
    /// # Panics
    /// If it does not within a minute, or ends.
    pub async fn stalled(&self) {
        let id = self.child.id().expect("the process has ended");
        until("a process that stands still", || async {
            // `pid (name) state …`; the name holds no closing parenthesis.
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
            stat.contains(") T ").then_some(())
        })
        .await;
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

/// Whether a line of a worker's log tells that a message is through, but for its acknowledgement.
fn settles(line: &str) -> bool {
    [Point::Settling, Point::Replied]
        .iter()
        .any(|point| line.contains(&format!("point=\"{point}\"")))
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
