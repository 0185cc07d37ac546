//! Whatever is wrong with a URL, and however much is logged: no program shows its password.

use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use tests::binary;
use tokio::process::Command;

const PASSWORD: &str = "Zq7-kanarie-W3";

/// How the password could show: as text, percent-encoded, in base64, in hex, and as bytes.
fn traces() -> Vec<String> {
    let bytes = PASSWORD.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    // base64 of it at each offset within the text around it; the ends depend on what is there.
    let encoded = [
        "WnE3LWthbmFyaWUtVz",
        "pxNy1rYW5hcmllLVcz",
        "acTcta2FuYXJpZS1XM",
    ];
    let mut traces = vec![
        PASSWORD.to_owned(),
        PASSWORD.replace('-', "%2D"),
        hex.to_uppercase(),
        hex,
        numbers.join(", "),
        numbers.join(","),
    ];
    traces.extend(encoded.map(str::to_owned));
    traces
}

/// URLs that are wrong in one way each; most are for both servers, with the scheme in front.
fn urls() -> Vec<String> {
    let wrong = [
        "user:@PW@127.0.0.1:1/x",
        "user:@PW@127.0.0.1:99999/x",
        "user:@PW@127.0.0.1:port/x",
        "user:@PW@no-such-host.invalid/x",
        "user:@PW@/x",
        "user:@PW",
        "user:a/@PW@127.0.0.1:1/x",
        "user:a?@PW@127.0.0.1:1/x",
        "user:a#@PW@127.0.0.1:1/x",
        "user:a%zz@PW@127.0.0.1:1/x",
        "us er:@PW@127.0.0.1:1/x",
        "user:@PW@[::1:1/x",
        "user:@PW@127.0.0.1:1/x?pasword=@PW",
        "user@127.0.0.1:1/x?password=@PW&sslmode=wrong",
        "user:@PW@127.0.0.1:1/x?@PW",
        "user:@PW@127.0.0.1:1/x?sslrootcert=/no/such/file",
        "user:@PW@127.0.0.1:1/x?cacertfile=/no/such/file",
        "user:@PW@127.0.0.1:1/x?sslmode=@PW",
        "user:@PW@127.0.0.1:1/x/y/@PW",
        "user:@PW@a,b:1/x",
        "user:@PW@127.0.0.1:1/%ff",
        "user:@PW@127.0.0.1:1/x?options=-c%20x=@PW",
        "user:@PW@127.0.0.1:1/x?heartbeat=@PW",
    ];
    let mut urls: Vec<String> = wrong
        .iter()
        .map(|rest| rest.replace("@PW", PASSWORD))
        .collect();
    urls.dedup();
    urls
}

/// Runs a program with everything logged, for a few seconds at most, and sees what it shows.
async fn shows_nothing(program: &str, arguments: &[&str], database: &str, amqp: &str) {
    let mut command = Command::new(binary(program));
    command
        .args(arguments)
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .env("DATABASE_URL", database)
        .env("AMQP_URL", amqp)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = child.id().unwrap();
    let killer = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    });
    let output = child.wait_with_output().await.unwrap();
    killer.abort();
    let mut shown = String::from_utf8_lossy(&output.stdout).into_owned();
    shown.push_str(&String::from_utf8_lossy(&output.stderr));
    for trace in traces() {
        assert!(
            !shown.contains(&trace),
            "{program} {arguments:?} shows {trace} of {database} {amqp}:\n{shown}"
        );
    }
}

#[tokio::test]
async fn when_a_url_is_wrong_then_no_program_shows_its_password_at_any_level() {
    let database = std::env::var("DATABASE_URL").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("worker.toml");
    std::fs::write(&config, "").unwrap();
    let worker = ["--config", config.to_str().unwrap()];
    // A few at a time: some wait for a server until they are ended.
    for some in urls().chunks(4) {
        join_all(some.iter().map(|url| each_program(url, &database, &worker))).await;
    }
}

async fn each_program(url: &str, database: &str, worker: &[&str]) {
    const NOWHERE: &str = "amqp://127.0.0.1:1";
    let (postgres, amqp) = (format!("postgres://{url}"), format!("amqp://{url}"));
    let amqps = format!("amqps://{url}");
    let runs = [
        ("tpvm-worker", worker, database, &*amqp),
        ("tpvm-worker", worker, database, &amqps),
        ("tpvm-worker", worker, &postgres, NOWHERE),
        ("tpvm-worker", worker, url, url),
        ("tpvm-upgrade", &["doctor"], &postgres, &amqp),
        ("tpvm-upgrade", &["doctor"], url, &amqps),
        ("tpvm-upgrade", &["list"], &postgres, NOWHERE),
    ];
    let runs = runs.map(|(program, arguments, database, amqp)| {
        shows_nothing(program, arguments, database, amqp)
    });
    join_all(runs).await;
}

#[tokio::test]
async fn when_a_login_is_tried_then_no_library_shows_its_password_at_any_level() {
    // The password is refused: by then it has been sent, and its bytes could be logged.
    let amqp = services::amqp_url().unwrap();
    let database = std::env::var("DATABASE_URL").unwrap();
    let with_password = |url: &str| {
        let (scheme, rest) = url.split_once("://").unwrap();
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://nobody:{PASSWORD}@{host}")
    };
    let amqp = with_password(&amqp);
    shows_nothing("tpvm-upgrade", &["doctor"], &database, &amqp).await;
    shows_nothing("tpvm-upgrade", &["list"], &with_password(&database), &amqp).await;
}

/// Files that hold a URL, or the password alone, where something else belongs.
fn wrong_files() -> Vec<String> {
    let url = format!("amqp://user:{PASSWORD}@host/");
    vec![
        url.clone(),
        format!("broker = \"{url}\"\n"),
        format!("[broker]\nurl = \"{url}\"\n"),
        format!("[broker]\nprefix = \"{url} \"\n"),
        format!("[broker]\nprefix = [\"{url}\"]\n"),
        format!("[broker\nprefix = \"{url}\"\n"),
        format!("[worker]\nclaim = \"{PASSWORD}\"\n"),
        format!("[worker]\nstates = [\"{PASSWORD}\"]\n"),
        format!("[slx]\nminimum_version = \"{url}\"\n"),
        format!("[session]\nprompt = \"({url}\"\n"),
        format!("[[firmware_hosts]]\nip_address = \"{PASSWORD}\"\n"),
        format!("[[firmware_hosts]]\nprotocol = \"{url}\"\n"),
        format!("\"{url}\" = 1\n"),
    ]
}

#[tokio::test]
async fn when_a_file_is_wrong_then_no_program_shows_what_stands_in_it_at_any_level() {
    const NOWHERE: &str = "amqp://127.0.0.1:1";
    let database = std::env::var("DATABASE_URL").unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (n, text) in wrong_files().into_iter().enumerate() {
        let write = |name: &str, text: &str| {
            let path = folder.path().join(format!("{n}-{name}"));
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let wrong = write("wrong.toml", &text);
        let with_dialect = format!("[slx]\ndialect = \"{wrong}\"\n");
        let with_dialect = write("with-dialect.toml", &with_dialect);
        let json = serde_json::json!({ "firmware_hosts": [text] });
        let json = write("wrong.json", &json.to_string());
        let runs: [(&str, &[&str]); 6] = [
            ("tpvm-worker", &["--config", &wrong]),
            ("tpvm-worker", &["--config", &wrong, "--check-config"]),
            ("tpvm-worker", &["--config", &with_dialect]),
            (
                "tpvm-worker",
                &["--config", &with_dialect, "--check-config"],
            ),
            ("tpvm-upgrade", &["inventory", "load", &wrong]),
            ("tpvm-upgrade", &["inventory", "load", &json]),
        ];
        join_all(
            runs.map(|(program, arguments)| shows_nothing(program, arguments, &database, NOWHERE)),
        )
        .await;
    }
}
