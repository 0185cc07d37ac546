use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::BOUND;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn simulator() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tpvm-simulator"))
}

#[test]
fn it_writes_its_files_says_ready_and_ends_at_a_signal() {
    for signal in ["TERM", "INT"] {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let child = simulator()
            .args([
                "--deployments",
                "2",
                "--upgrade",
                "1s",
                "--stale-status",
                "0s",
            ])
            .arg("--write-inventory")
            .arg(path("inventory.json"))
            .arg("--secrets-dir")
            .arg(path("secrets"))
            .arg("--ca-file")
            .arg(path("ca.pem"))
            .arg("--known-hosts")
            .arg(path("known_hosts"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Running(child);
        let mut line = String::new();
        let mut stdout = BufReader::new(running.0.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let control = line
            .strip_prefix("ready control=http://")
            .unwrap()
            .trim_end();
        std::net::TcpStream::connect(control).unwrap();
        let text = std::fs::read_to_string(path("inventory.json")).unwrap();
        let inventory: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(inventory["deployments"].as_array().unwrap().len(), 2);
        for name in ["secrets/trusted-peer-password", "ca.pem", "known_hosts"] {
            assert!(path(name).exists(), "{name}");
        }

        let pid = running.0.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", signal, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
        let started = Instant::now();
        let status = loop {
            if let Some(status) = running.0.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < BOUND, "still running after SIG{signal}");
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "{status}");
    }
}

#[test]
fn wrong_options_are_refused() {
    for arguments in [
        &[][..],
        &["--deployments", "1", "--fleet", "f.toml"],
        &["--fleet", "/does/not/exist.toml"],
        &["--deployments", "1", "--listen", "0.0.0.0"],
    ] {
        let output = simulator().args(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
