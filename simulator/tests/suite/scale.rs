use std::net::IpAddr;
use std::time::Instant;

use simulator::Fleet;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::support::{BOUND, Cli, start};

/// A thousand switches in debug mode, with their deployments, may not need more than this.
const MOST_KIB: u64 = 300 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_switches_start_and_answer() {
    let before = resident_kib();
    let started = Instant::now();
    let simulator = start(Fleet::generate(500)).await;
    let ready = started.elapsed();
    let idle = resident_kib();
    // Every switch greets; all connections stay open together.
    let mut open = Vec::new();
    for number in 0..1000 {
        let switch = simulator.switch(address(number)).unwrap();
        let mut stream = TcpStream::connect(switch.ssh_address()).await.unwrap();
        let mut greeting = [0; 8];
        let greeted = stream.read_exact(&mut greeting);
        tokio::time::timeout(BOUND, greeted).await.unwrap().unwrap();
        assert_eq!(&greeting, b"SSH-2.0-");
        open.push(stream);
    }
    // Logins cost the client as much as the switch: some of them will do.
    for number in (0..1000).step_by(50) {
        let switch = simulator.switch(address(number)).unwrap();
        let mut cli = Cli::login(&simulator, &switch).await;
        assert_eq!(cli.run("show tpvm version").await, "TPVM Version: 4.2.4");
    }
    let after = resident_kib();
    // For whoever runs it with --nocapture.
    let report = format!(
        "1000 switches: ready in {ready:?}, all answered after {:?}; resident KiB: {before} before, \
         {idle} idle, {after} after",
        started.elapsed()
    );
    std::io::Write::write_all(&mut std::io::stdout(), format!("{report}\n").as_bytes()).unwrap();
    assert!(after.saturating_sub(before) < MOST_KIB, "{report}");
    simulator.stop().await;
}

/// The address of a switch of a generated fleet.
fn address(number: u16) -> IpAddr {
    IpAddr::from([
        127,
        20,
        u8::try_from(number / 250).unwrap(),
        u8::try_from(number % 250 + 1).unwrap(),
    ])
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
