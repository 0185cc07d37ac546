use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::geteuid;

use crate::environment::{AMQP_URL, DATABASE_URL, given};
use crate::{ServicesError, postgres, rabbitmq, sshd};

/// How long the package manager may take for one step.
const TIMEOUT: Duration = Duration::from_secs(600);
const APT: &str = "/usr/bin/apt-get";

/// Installs the Debian packages of the servers that are neither here nor given by `DATABASE_URL` or
/// `AMQP_URL`. Tells on stderr what it does.
///
/// # Errors
/// [`ServicesError::NotInstalled`] where there is no `apt-get`; otherwise what went wrong with it.
pub async fn install_missing() -> Result<(), ServicesError> {
    let mut missing = Vec::new();
    if given(DATABASE_URL).is_none() && postgres::programs().is_none() {
        missing.push(("postgresql", DATABASE_URL));
    }
    if given(AMQP_URL).is_none() && !rabbitmq::is_installed() {
        missing.push(("rabbitmq-server", AMQP_URL));
    }
    let Some((package, variable)) = missing.first().copied() else {
        return Ok(());
    };
    if !Path::new(APT).exists() {
        return Err(ServicesError::NotInstalled {
            program: "apt-get to install a server with",
            package,
            variable,
        });
    }
    let packages: Vec<&str> = missing.into_iter().map(|(package, _)| package).collect();
    say(&format!(
        "installing the packages {} (private servers will be started from them; ones that the \
         packages start themselves are left alone)",
        packages.join(" and ")
    ));
    install(&packages).await
}

/// Installs Debian's Python with the AMQP client `pika`, with which a test plays EFA's side in
/// another language, unless `/usr/bin/python3` has it. Tells on stderr what it does.
///
/// # Errors
/// As [`install_missing`].
pub async fn install_python_client() -> Result<(), ServicesError> {
    let mut probe = tokio::process::Command::new("/usr/bin/python3");
    probe.args(["-c", "import pika"]).stderr(Stdio::null());
    let found = tokio::time::timeout(TIMEOUT, probe.kill_on_drop(true).status()).await;
    if found.is_ok_and(|found| found.is_ok_and(|status| status.success())) {
        return Ok(());
    }
    say("installing the package python3-pika (for the test of a client in Python)");
    install(&["python3-pika"]).await
}

/// Installs Debian's `faketime`, with which tests give workers clocks that are off, unless it is
/// there. Tells on stderr what it does.
///
/// # Errors
/// As [`install_missing`].
pub async fn install_faketime() -> Result<(), ServicesError> {
    if Path::new("/usr/bin/faketime").exists() {
        return Ok(());
    }
    say("installing the package faketime (for the test of clocks that differ)");
    install(&["faketime"]).await
}

/// Installs Debian's OpenSSH server, which tests have as the switch, unless it is there. Tells on
/// stderr what it does.
///
/// # Errors
/// As [`install_missing`].
pub async fn install_ssh_server() -> Result<(), ServicesError> {
    if Path::new(sshd::PROGRAM).exists() {
        return Ok(());
    }
    say("installing the package openssh-server (for the tests with OpenSSH as the switch)");
    install(&["openssh-server"]).await
}

async fn install(packages: &[&str]) -> Result<(), ServicesError> {
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(packages);
    if apt(&install).await?.success() {
        return Ok(());
    }
    say("that failed: once more with fresh package lists");
    succeed(apt(&["update"]).await?, "update")?;
    succeed(apt(&install).await?, "install")
}

async fn apt(arguments: &[&str]) -> Result<ExitStatus, ServicesError> {
    let mut command = if geteuid().is_root() {
        Command::new(APT)
    } else {
        let mut command = Command::new("sudo");
        command.args(["--preserve-env=DEBIAN_FRONTEND", APT]);
        command
    };
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Our stdout is for results; the package manager's talk is not one.
        .stdout(Stdio::from(std::io::stderr()));
    let program = format!("apt-get {}", arguments.join(" "));
    let mut command = tokio::process::Command::from(command);
    let status = tokio::time::timeout(TIMEOUT, command.kill_on_drop(true).status()).await;
    match status {
        Ok(Ok(status)) => Ok(status),
        Ok(Err(source)) => Err(ServicesError::Run { program, source }),
        Err(_) => Err(ServicesError::TimedOut {
            program,
            after: TIMEOUT,
            output: "see above".to_owned(),
        }),
    }
}

fn succeed(status: ExitStatus, step: &str) -> Result<(), ServicesError> {
    if status.success() {
        return Ok(());
    }
    Err(ServicesError::Failed {
        program: format!("apt-get {step}"),
        status,
        output: "see above".to_owned(),
    })
}

#[expect(
    clippy::print_stderr,
    reason = "only commands that a person runs install anything"
)]
fn say(text: &str) {
    eprintln!("{text}");
}
