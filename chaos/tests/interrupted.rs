//! Ctrl-C and SIGTERM: chaos ends at once, and leaves neither processes nor files.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const BOUND: Duration = Duration::from_secs(120);

#[tokio::test]
async fn by_ctrl_c() {
    interrupted("INT", 130).await;
}

#[tokio::test]
async fn by_sigterm() {
    interrupted("TERM", 143).await;
}

async fn interrupted(signal: &str, code: i32) {
    let mut chaos = Command::new(env!("CARGO_BIN_EXE_tpvm-chaos"))
        .args(["--seed", "1", "--minutes", "10", "--upgrades", "10"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let dir = timeout(BOUND, told(&mut chaos)).await.unwrap();
    let id = chaos.id().unwrap().to_string();
    let at_work = async {
        loop {
            let started = processes(&dir, &id).await;
            if started
                .iter()
                .any(|process| process.contains("tpvm-worker"))
            {
                break started;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let started = timeout(BOUND, at_work).await.unwrap();

    let mut kill = Command::new("kill");
    let sent = kill.args(["-s", signal, &id]).status().await.unwrap();
    assert!(sent.success());
    let status = timeout(BOUND, chaos.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(code));
    let gone = async {
        while left(&dir, &id, &started).await.is_some() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(BOUND, gone).await.unwrap();
    assert!(!Path::new(&dir).exists(), "{dir} is left");
}

/// The folder that it tells of.
async fn told(chaos: &mut Child) -> String {
    let mut lines = BufReader::new(chaos.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap().unwrap();
        if let Some(dir) = line.strip_prefix("logs and data: ") {
            // Reads on, so that the pipe stays open.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return dir.to_owned();
        }
    }
}

/// Its children, and the servers that work in its folder: process id, parent, arguments.
async fn processes(dir: &str, parent: &str) -> Vec<String> {
    let listed = Command::new("ps").args(["-eo", "pid,ppid,args"]).output();
    let listed = String::from_utf8(listed.await.unwrap().stdout).unwrap();
    let is_of_it =
        |line: &&str| line.contains(dir) || line.split_whitespace().nth(1) == Some(parent);
    listed.lines().filter(is_of_it).map(str::to_owned).collect()
}

/// One of them that is still there.
async fn left(dir: &str, parent: &str, started: &[String]) -> Option<String> {
    if let Some(server) = processes(dir, parent).await.pop() {
        return Some(server);
    }
    let mut ids = started
        .iter()
        .filter_map(|line| line.split_whitespace().next());
    let is_there = |id: &&str| Path::new("/proc").join(id).exists();
    ids.find(is_there).map(str::to_owned)
}
