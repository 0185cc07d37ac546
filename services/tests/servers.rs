//! Real servers, started and taken away.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use services::{Certificates, Postgres, RabbitMq, Shutdown, scratch_dir};

/// Command lines of every process that names `dir`, in its arguments or its environment.
fn processes_of(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let own = entry.file_name().to_str() == Some(&std::process::id().to_string());
        let read = |file: &str| {
            let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        };
        let command = read("cmdline");
        if !own && (command.contains(dir) || read("environ").contains(dir)) {
            found.push(command);
        }
    }
    found
}

fn is_open(url: &str) -> bool {
    let address = url.split(['@', '/']).find(|part| part.starts_with("127."));
    let address: SocketAddr = address.unwrap().parse().unwrap();
    TcpStream::connect(address).is_ok()
}

fn sql(postgres: &Postgres, statement: &str) -> String {
    let output = Command::new(postgres.programs().join("psql"))
        .args(["--no-psqlrc", "-At", "-d", &postgres.url(), "-c", statement])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn two_pairs_side_by_side_leave_no_process() {
    let (one, two) = (scratch_dir().unwrap(), scratch_dir().unwrap());
    let (pg_one, pg_two, mq_one, mq_two) = tokio::try_join!(
        Postgres::start(one.path()),
        Postgres::start(two.path()),
        RabbitMq::start(one.path()),
        RabbitMq::start(two.path()),
    )
    .unwrap();
    assert_eq!(sql(&pg_one, "select 1"), "1");
    assert_eq!(sql(&pg_two, "select 2"), "2");
    for mq in [&mq_one, &mq_two] {
        assert!(mq.ctl(&["list_queues"]).await.unwrap().trim().is_empty());
    }
    assert!(processes_of(one.path()).len() >= 2);

    let urls = [pg_one.url(), pg_two.url(), mq_one.url(), mq_two.url()];
    pg_one.stop().await.unwrap();
    mq_one.stop().await.unwrap();
    drop((pg_two, mq_two));
    for url in urls {
        assert!(!is_open(&url), "{url} still answers");
    }
    for dir in [one, two] {
        wait_for_no_process(dir.path()).await;
        dir.close().unwrap();
    }
}

#[tokio::test]
async fn postgres_comes_back_with_its_data_after_each_kind_of_stop() {
    let dir = scratch_dir().unwrap();
    let mut postgres = Postgres::start(dir.path()).await.unwrap();
    let url = postgres.url();
    sql(&postgres, "create table kept as select 7 as n");
    for how in [Shutdown::Fast, Shutdown::Immediate] {
        postgres.halt(how).await.unwrap();
        assert!(!is_open(&url));
        postgres.restart(how).await.unwrap();
        assert_eq!(sql(&postgres, "select n from kept"), "7");
    }
    assert_eq!(postgres.url(), url);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn rabbitmq_keeps_its_data_when_killed_and_loses_all_when_wiped() {
    let dir = scratch_dir().unwrap();
    let mut rabbitmq = RabbitMq::start(dir.path()).await.unwrap();
    let url = rabbitmq.url();
    let hosts = async |rabbitmq: &RabbitMq| rabbitmq.ctl(&["list_vhosts"]).await.unwrap();
    rabbitmq.ctl(&["add_vhost", "kept"]).await.unwrap();

    rabbitmq.kill().await.unwrap();
    assert!(!is_open(&url));
    rabbitmq.restart().await.unwrap();
    assert!(hosts(&rabbitmq).await.contains("kept"));

    rabbitmq.restart().await.unwrap();
    assert!(hosts(&rabbitmq).await.contains("kept"));

    rabbitmq.wipe().await.unwrap();
    assert!(!hosts(&rabbitmq).await.contains("kept"));
    assert_eq!(rabbitmq.url(), url);
    rabbitmq.stop().await.unwrap();
}

/// Set for a copy of this test program that is killed while it runs servers.
const VICTIM: &str = "SERVICES_TEST_VICTIM";

#[tokio::test]
async fn servers_end_with_a_process_that_is_killed() {
    if let Ok(dir) = std::env::var(VICTIM) {
        let dir = Path::new(&dir);
        let _servers = tokio::try_join!(Postgres::start(dir), RabbitMq::start(dir)).unwrap();
        std::fs::write(dir.join("ready"), "").unwrap();
        return std::future::pending().await;
    }
    let dir = scratch_dir().unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "servers_end_with_a_process_that_is_killed"])
        .env(VICTIM, dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("the victim is ready", async || {
        dir.path().join("ready").exists()
    })
    .await;
    victim.kill().unwrap();
    victim.wait().unwrap();
    wait_for_no_process(dir.path()).await;
}

#[tokio::test]
async fn a_folder_that_is_taken_is_named_in_the_error() {
    let dir = scratch_dir().unwrap();
    std::fs::create_dir(dir.path().join("rabbitmq")).unwrap();
    let error = RabbitMq::start(dir.path()).await.err().unwrap();
    let taken = dir.path().join("rabbitmq").display().to_string();
    assert_eq!(error.to_string(), format!("can't create {taken}"));
}

async fn wait_for_no_process(dir: &Path) {
    until("no process is left", async || {
        let left = processes_of(dir);
        left.is_empty()
    })
    .await;
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    while !condition().await {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "waited for: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn when_servers_speak_tls_then_their_certificates_are_checked() {
    let dir = scratch_dir().unwrap();
    let certificates = Certificates::new(dir.path()).unwrap();
    let (postgres, rabbitmq) = tokio::try_join!(
        Postgres::start_with_tls(dir.path(), &certificates),
        RabbitMq::start_with_tls(dir.path(), &certificates),
    )
    .unwrap();
    let used = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    assert_eq!(sql(&postgres, used), "t");

    let other = scratch_dir().unwrap();
    let stranger = Certificates::new(other.path()).unwrap();
    let paths = [&certificates, &stranger].map(|one| one.ca_file().to_str().unwrap().to_owned());
    let output = Command::new(postgres.programs().join("psql"))
        .args(["--no-psqlrc", "-c", "select 1", "-d"])
        .arg(postgres.url().replace(&paths[0], &paths[1]))
        .output()
        .unwrap();
    assert!(
        !output.status.success(),
        "a stranger's certificate is trusted"
    );

    let openssl = |ca: &str| {
        let address = rabbitmq.url();
        let address = address
            .split(['@', '/'])
            .find(|part| part.starts_with("127."));
        Command::new("openssl")
            .args([
                "s_client",
                "-verify_return_error",
                "-verify_ip",
                "127.0.0.1",
            ])
            .args(["-CAfile", ca, "-connect", address.unwrap()])
            .stdin(Stdio::null())
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(openssl(&paths[0]));
    assert!(!openssl(&paths[1]));
    rabbitmq.stop().await.unwrap();
    postgres.stop().await.unwrap();
}
