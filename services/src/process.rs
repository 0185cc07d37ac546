//! Programs run to their end, and servers that run beside us.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::ServicesError;

const POLL: Duration = Duration::from_millis(20);
/// How long a server may take to end after it was told to.
const END: Duration = Duration::from_secs(60);
/// How much of a log goes into an error.
const TAIL: usize = 2000;

/// Runs a program to its end and gives back what it wrote on stdout.
pub(crate) async fn run(command: Command, timeout: Duration) -> Result<String, ServicesError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(timeout, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(source)) => return Err(ServicesError::Run { program, source }),
        Err(_) => {
            return Err(ServicesError::TimedOut {
                program,
                after: timeout,
                output: String::new(),
            });
        }
    };
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let written = stdout + &String::from_utf8_lossy(&output.stderr);
    Err(ServicesError::Failed {
        program,
        status: output.status,
        output: tail(&written),
    })
}

/// A server that is a child of this process and ends with it, however this process ends.
pub(crate) struct Server {
    name: &'static str,
    log: PathBuf,
    child: Child,
    guard: Child,
    /// What ends it at once.
    hard: Signal,
    /// Its process id may be someone else's by now.
    gone: bool,
}

impl Server {
    /// Starts it with its output in `log`, in a process group of its own: Ctrl-C on the terminal is
    /// for the command that runs it, which then takes it down in order.
    pub(crate) fn spawn(
        name: &'static str,
        mut command: Command,
        log: &Path,
        hard: Signal,
    ) -> Result<Self, ServicesError> {
        let failed = |source| ServicesError::Run {
            program: name.to_owned(),
            source,
        };
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(ServicesError::file("open", log))?;
        let err = out.try_clone().map_err(ServicesError::file("open", log))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        match guard(child.id(), hard) {
            Ok(guard) => Ok(Self {
                name,
                log: log.to_owned(),
                child,
                guard,
                hard,
                gone: false,
            }),
            Err(source) => {
                kill_group(child.id(), hard);
                Err(failed(source))
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` says so, or the server ends, or `timeout` is over.
    pub(crate) async fn until_ready(
        &mut self,
        timeout: Duration,
        ready: impl AsyncFn() -> bool,
    ) -> Result<(), ServicesError> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.try_wait()? {
                return Err(ServicesError::Failed {
                    program: self.name.to_owned(),
                    status,
                    output: self.log_tail(),
                });
            }
            if ready().await {
                return Ok(());
            }
            if begin.elapsed() > timeout {
                return Err(ServicesError::TimedOut {
                    program: format!("starting {}", self.name),
                    after: timeout,
                    output: self.log_tail(),
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Asks it to end and waits until it has.
    pub(crate) async fn end(self, how: Signal) -> Result<(), ServicesError> {
        if let Some(pid) = pid(self.child.id()) {
            // An error says that it is gone already, which the wait finds out.
            let _ = kill_process(pid, how);
        }
        self.ended().await
    }

    /// Ends it the hard way, its helpers with it, and waits until it has.
    pub(crate) async fn kill(self) -> Result<(), ServicesError> {
        kill_group(self.child.id(), self.hard);
        self.ended().await
    }

    async fn ended(mut self) -> Result<(), ServicesError> {
        let begin = Instant::now();
        while self.try_wait()?.is_none() {
            if begin.elapsed() > END {
                return Err(ServicesError::TimedOut {
                    program: format!("stopping {}", self.name),
                    after: END,
                    output: self.log_tail(),
                });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    fn try_wait(&mut self) -> Result<Option<ExitStatus>, ServicesError> {
        let status = self.child.try_wait().map_err(|source| ServicesError::Run {
            program: self.name.to_owned(),
            source,
        })?;
        self.gone |= status.is_some();
        Ok(status)
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        tail(&String::from_utf8_lossy(&log))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let begin = Instant::now();
        if !self.gone {
            kill_group(self.child.id(), self.hard);
        }
        while !self.gone && begin.elapsed() < Duration::from_secs(5) {
            self.gone = !matches!(self.child.try_wait(), Ok(None));
            std::thread::sleep(POLL);
        }
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

/// A shell that ends the server when this process is gone, even by `kill -9`: it waits on a pipe
/// whose other end closes with us.
fn guard(pid: u32, hard: Signal) -> std::io::Result<Child> {
    let number = hard.as_raw();
    Command::new("/bin/sh")
        .arg("-c")
        .arg(format!(
            "trap '' INT TERM HUP; read -r _; kill -{number} -{pid}"
        ))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// To the server and the helpers in its process group.
fn kill_group(group: u32, signal: Signal) {
    if let Some(group) = pid(group) {
        // An error says that nobody is left.
        let _ = kill_process_group(group, signal);
    }
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

fn tail(text: &str) -> String {
    let text = text.trim();
    let mut start = text.len().saturating_sub(TAIL);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].to_owned()
}
