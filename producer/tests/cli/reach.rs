//! Servers that are not what a URL says: one line each, with the address and what to do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection};
use tempfile::TempDir;

use crate::support::{Ran, finish, program};

/// Nothing listens there: port 1 is reserved.
const NOBODY: &str = "127.0.0.1:1";

async fn postgres(url: &str) -> Ran {
    let mut list = program(&["list"]);
    list.env("DATABASE_URL", url);
    finish(list).await
}

async fn rabbitmq(url: &str) -> Ran {
    let mut list = program(&["dead-letters", "list"]);
    list.env("AMQP_URL", url);
    finish(list).await
}

/// One line on stderr, with all that is asked for, and no secret.
fn says(ran: Ran, code: i32, all: &[&str]) {
    let ran = ran.ended(code);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    for one in all {
        assert!(ran.stderr.contains(one), "{one}: {}", ran.stderr);
    }
    for secret in ["hunter2", "alice", "backtrace", "\u{1b}"] {
        assert!(!ran.stderr.contains(secret), "{secret}: {}", ran.stderr);
    }
    assert_eq!(ran.stdout, "");
}

/// A server that does the same with every connection, and its address.
fn server(serve: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream);
        }
    });
    address
}

/// A CA's file, and the TLS of a server whose certificate it has signed, for this name.
fn tls(folder: &TempDir, name: &str) -> (String, Arc<ServerConfig>) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = authority.self_signed(&key).unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, ca.pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    (path.to_str().unwrap().to_owned(), Arc::new(config))
}

/// Does the handshake, then nothing more.
fn handshake(config: &Arc<ServerConfig>, mut stream: TcpStream) {
    let mut connection = ServerConnection::new(config.clone()).unwrap();
    while connection.is_handshaking() {
        if connection.complete_io(&mut stream).is_err() {
            // The alert that says why.
            let _ = connection.complete_io(&mut stream);
            return;
        }
    }
}

/// Answers Postgres' question for TLS with yes.
fn postgres_tls(config: &Arc<ServerConfig>, mut stream: TcpStream) {
    let mut request = [0; 8];
    if stream.read_exact(&mut request).is_ok() && stream.write_all(b"S").is_ok() {
        handshake(config, stream);
    }
}

#[tokio::test]
async fn when_nothing_listens_then_that_is_said_at_once() {
    let begun = Instant::now();
    let said = [NOBODY, "nothing listens there", "DATABASE_URL"];
    says(
        postgres(&format!("postgres://alice:hunter2@{NOBODY}/db")).await,
        5,
        &said,
    );
    let said = [NOBODY, "nothing listens there", "AMQP_URL"];
    says(
        rabbitmq(&format!("amqp://alice:hunter2@{NOBODY}/%2f")).await,
        5,
        &said,
    );
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn when_a_name_does_not_resolve_then_that_is_said() {
    let host = "no-such-host.invalid";
    let said = [host, "does not resolve"];
    says(
        postgres(&format!("postgres://alice:hunter2@{host}/db")).await,
        5,
        &said,
    );
    says(
        rabbitmq(&format!("amqp://alice:hunter2@{host}/%2f")).await,
        5,
        &said,
    );
}

#[tokio::test]
async fn when_there_is_no_socket_then_its_path_is_said() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().to_str().unwrap();
    let url = format!("postgres:///db?host={folder}&port=5499&user=alice&password=hunter2");
    let socket = format!("{folder}/.s.PGSQL.5499");
    says(postgres(&url).await, 5, &[&socket, "no such socket"]);
}

#[tokio::test]
async fn when_a_server_is_silent_then_it_is_given_up_in_time() {
    let held = std::sync::Mutex::new(Vec::new());
    let address = server(move |stream| held.lock().unwrap().push(stream));
    let begun = Instant::now();
    let (one, other) = (
        format!("postgres://alice:hunter2@{address}/db"),
        format!("amqp://alice:hunter2@{address}/%2f"),
    );
    let (postgres, rabbitmq) = tokio::join!(postgres(&one), rabbitmq(&other));
    says(postgres, 5, &[&address, "did not answer within 5s"]);
    says(rabbitmq, 5, &[&address, "did not answer within 5s"]);
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn when_another_protocol_is_spoken_then_that_is_said() {
    let http = server(|mut stream| {
        let mut request = [0; 1024];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    });
    let ssh = server(|mut stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        let mut request = [0; 1024];
        let _ = stream.read(&mut request);
    });
    let closing = server(drop);
    for (address, said) in [(&http, "correct host and port"), (&closing, "its log")] {
        for mode in ["disable", "require"] {
            let url = format!("postgres://alice:hunter2@{address}/db?sslmode={mode}");
            says(postgres(&url).await, 5, &[address, "DATABASE_URL"]);
        }
        let url = format!("amqp://alice:hunter2@{address}/%2f");
        let ran = rabbitmq(&url).await;
        // Which of the two shows first is the network's choice.
        assert!(
            ran.stderr.contains(said) || ran.stderr.contains("its log"),
            "{ran:?}"
        );
        says(ran, 5, &[address, "AMQP_URL"]);
    }
    let url = format!("postgres://alice:hunter2@{ssh}/db");
    says(postgres(&url).await, 5, &[&ssh, "DATABASE_URL"]);
    let url = format!("amqps://alice:hunter2@{http}/%2f");
    says(rabbitmq(&url).await, 5, &[&http, "does not offer TLS"]);
}

#[tokio::test]
async fn when_tls_is_on_one_side_only_then_that_is_said() {
    // A server without TLS says no to the question, as Postgres does.
    let plain = server(|mut stream| {
        let mut request = [0; 8];
        if stream.read_exact(&mut request).is_ok() {
            let _ = stream.write_all(b"N");
        }
    });
    let url = format!("postgres://alice:hunter2@{plain}/db?sslmode=require");
    says(
        postgres(&url).await,
        5,
        &[&plain, "does not offer TLS", "sslmode=disable"],
    );

    let amqp = services::amqp_url().unwrap();
    let address = amqp.split('@').next_back().unwrap();
    let address = address
        .trim_start_matches("amqp://")
        .split('/')
        .next()
        .unwrap();
    // With TLS on the suite's own server, the other direction below is the one that is tried.
    if amqp.starts_with("amqp://") {
        let url = format!("amqps://alice:hunter2@{address}/%2f");
        says(
            rabbitmq(&url).await,
            5,
            &[address, "does not offer TLS", "amqp://"],
        );
    }
    let folder = TempDir::new().unwrap();
    let (_, config) = tls(&folder, "localhost");
    let address = server(move |stream| handshake(&config, stream));
    let url = format!("amqp://alice:hunter2@{address}/%2f");
    says(rabbitmq(&url).await, 5, &[&address, "amqps://"]);
}

#[tokio::test]
async fn when_a_certificate_does_not_serve_then_the_reason_is_said() {
    let folder = TempDir::new().unwrap();
    let (ca, config) = tls(&folder, "localhost");
    let of_postgres = config.clone();
    let of_postgres = server(move |stream| postgres_tls(&of_postgres, stream));
    let of_rabbitmq = server(move |stream| handshake(&config, stream));
    let url = format!("postgres://alice:hunter2@{of_postgres}/db?sslmode=verify-full");
    let said = [&*of_postgres, "no trusted CA", "sslrootcert="];
    says(postgres(&url).await, 5, &said);
    let url = format!("{url}&sslrootcert={ca}");
    let said = [&*of_postgres, "another name", "localhost"];
    says(postgres(&url).await, 5, &said);
    let url = format!("amqps://alice:hunter2@{of_rabbitmq}/%2f");
    let said = [&*of_rabbitmq, "no trusted CA", "cacertfile="];
    says(rabbitmq(&url).await, 5, &said);
    let url = format!("{url}?cacertfile={ca}");
    let said = [&*of_rabbitmq, "another name", "localhost"];
    says(rabbitmq(&url).await, 5, &said);
    // With CA and name right, the certificate is no problem any more.
    let url = url.replace("127.0.0.1", "localhost");
    let ran = rabbitmq(&url).await.ended(5);
    assert!(!ran.stderr.contains("certificate"), "{ran:?}");
}

#[tokio::test]
async fn when_a_url_can_not_be_used_then_nothing_of_it_is_said() {
    for (url, said) in [
        ("amqp://alice:hunter2@host/db", "begins with amqp://"),
        (
            "mysql://alice:hunter2@host/db",
            "does not begin with postgres://",
        ),
        (
            "postgres://alice:hunter2@host:port/db",
            "port is not a number",
        ),
        ("postgres://alice:hunter2@a,b/db", "several hosts"),
        (
            "postgres://alice:hunter%2@host/db",
            "two hexadecimal digits",
        ),
        (
            "postgres://host/db?target_session_attrs=hunter2",
            "target_session_attrs",
        ),
        ("postgres://host/db?sslmode=hunter2", "sslmode"),
        (
            "postgres://h/d?sslmode=verify-full&sslrootcert=/none/ca.pem",
            "/none/ca.pem",
        ),
    ] {
        says(
            postgres(url).await,
            2,
            &["DATABASE_URL can't be used", said],
        );
    }
    for (url, said) in [
        (
            "postgres://alice:hunter2@host/db",
            "begins with postgres://",
        ),
        ("amqp://alice:hunter2@host:port", "port is not a number"),
        ("amqp://alice:hunter2@/vhost", "no host"),
        ("amqp://host?heartbeat=hunter2", "heartbeat"),
        ("amqps://host?verify=hunter2", "verify"),
        ("amqps://host?cacertfile=/none/ca.pem", "/none/ca.pem"),
    ] {
        says(rabbitmq(url).await, 2, &["AMQP_URL can't be used", said]);
    }
}

#[tokio::test]
async fn when_postgres_does_not_let_us_in_then_one_line_says_why() {
    let database = services::database().await.unwrap();
    let url = database.url();
    // The parameters may hold a path.
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let query = format!("?{query}");
    let (server, name) = place.rsplit_once('/').unwrap();
    let ran = postgres(&format!("{server}/no-such-database{query}")).await;
    says(ran, 5, &["no-such-database", "create it", "DATABASE_URL"]);
    let host = server.rsplit(['@', '/']).next().unwrap();
    let ran = postgres(&format!("postgres://nobody:hunter2@{host}/{name}{query}")).await;
    says(ran, 5, &[host, "DATABASE_URL"]);
}

#[tokio::test]
async fn when_rabbitmq_does_not_let_us_in_then_one_line_says_why() {
    let url = services::amqp_url().unwrap();
    let host = url.split("://").nth(1).unwrap();
    let host = host.rsplit('@').next().unwrap();
    let (address, rest) = host.split_once('/').unwrap();
    let scheme = url.split("://").next().unwrap();
    let query = rest
        .split_once('?')
        .map_or(String::new(), |(_, query)| format!("?{query}"));
    let ran = rabbitmq(&format!("{scheme}://someone:hunter2@{address}/%2f{query}")).await;
    says(ran, 5, &[address, "refused the login", "AMQP_URL"]);
    let login = url.split("://").nth(1).unwrap().rsplit_once('@');
    let login = login.map_or(String::new(), |(login, _)| format!("{login}@"));
    let ran = rabbitmq(&format!("{scheme}://{login}{address}/no-such-vhost{query}")).await;
    says(ran, 5, &[address, "no-such-vhost", "AMQP_URL"]);
}

#[tokio::test]
async fn when_a_file_is_missing_then_there_is_one_line_and_no_backtrace() {
    for args in [
        &["list", "--config", "/none/settings.toml"][..],
        &["inventory", "load", "/none/settings.toml"],
    ] {
        let mut command = program(args);
        command.env("RUST_BACKTRACE", "1");
        says(
            finish(command).await,
            2,
            &["/none/settings.toml", "No such file"],
        );
    }
}

#[tokio::test]
async fn when_the_prefix_can_not_be_used_then_that_is_said() {
    let long = "x".repeat(250);
    for (prefix, said) in [(&*long, "at most"), ("a b", "blank"), ("amq.x", "reserves")] {
        let mut command = program(&["dead-letters", "list", "--broker-prefix", prefix]);
        command.env("AMQP_URL", "amqp://127.0.0.1:1");
        says(finish(command).await, 2, &["prefix", said]);
    }
}
