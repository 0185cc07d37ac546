//! Why there is no session: each cause has its own words and its own remedy.

#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::Duration;

use schemas::inventory::Device;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use worker::slx::{HostKeys, SlxError, SshSettings, Switch, Untrusted};

use crate::leaf::{Leaf, assert_says};

fn shortly(leaf: &Leaf) -> SshSettings {
    SshSettings {
        connect_timeout: Duration::from_secs(4),
        ..leaf.settings()
    }
}

#[tokio::test]
async fn when_the_host_key_is_not_known_then_the_key_that_openssh_shows_is_named() {
    let leaf = Leaf::start(&["HostKeyAlgorithms ssh-ed25519"]).await;
    let empty = leaf.dir.path().join("empty");
    std::fs::write(&empty, "# nothing yet\n").unwrap();
    let mut settings = leaf.settings();
    settings.host_keys = HostKeys::KnownHosts(empty.clone());
    let error = leaf.connect(&settings).await.unwrap_err();
    let key = leaf.dir.path().join("sshd/ed25519.pub");
    let listed = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(&key)
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let fingerprint = listed.split_whitespace().nth(1).unwrap();
    assert_says(
        &error,
        &format!("has no key of this host; it shows ssh-ed25519 {fingerprint}"),
        "compare the fingerprint with the switch's own",
        false,
    );
    assert!(!leaf.sshd.log().unwrap().contains("Accepted"));

    // Another key, of the same type and of another one.
    let port = leaf.sshd.port();
    let write = |keys: &str| std::fs::write(&empty, format!("[127.0.0.1]:{port} {keys}")).unwrap();
    let public =
        |name: &str| std::fs::read_to_string(leaf.dir.path().join("sshd").join(name)).unwrap();
    write(&public("login.pub"));
    let error = leaf.connect(&settings).await.unwrap_err();
    assert_says(&error, "it changed", "if the switch was replaced", false);
    write(&public("ecdsa.pub"));
    let error = leaf.connect(&settings).await.unwrap_err();
    assert_says(
        &error,
        "keys of other types",
        "compare the fingerprint",
        false,
    );
    std::fs::write(&empty, format!("@revoked * {}", public("ed25519.pub"))).unwrap();
    let error = leaf.connect(&settings).await.unwrap_err();
    assert_says(
        &error,
        "is revoked",
        "give the switch a new host key",
        false,
    );

    // What is learnt, OpenSSH finds.
    let learnt = leaf.dir.path().join("learnt");
    settings.host_keys = HostKeys::AcceptNew(learnt.clone());
    leaf.connect(&settings).await.unwrap();
    let found = Command::new("ssh-keygen")
        .args(["-F", &format!("[127.0.0.1]:{port}"), "-f"])
        .arg(&learnt)
        .output()
        .unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    assert!(found.contains(public("ed25519.pub").trim()), "{found}");
}

#[tokio::test]
async fn when_only_some_keys_of_a_server_are_known_then_it_is_asked_for_those() {
    let leaf = Leaf::start(&[]).await;
    for name in ["ed25519", "ecdsa", "rsa"] {
        let key = std::fs::read_to_string(leaf.dir.path().join("sshd").join(format!("{name}.pub")));
        let line = format!("[127.0.0.1]:{} {}", leaf.sshd.port(), key.unwrap());
        std::fs::write(&leaf.known_hosts, line).unwrap();
        let hashed = Command::new("ssh-keygen")
            .arg("-Hf")
            .arg(&leaf.known_hosts)
            .output();
        assert!(hashed.unwrap().status.success());
        let mut device = leaf.connect(&leaf.settings()).await.unwrap();
        assert_eq!(
            device.slx_version().await.unwrap().to_string(),
            "20.3.2a",
            "{name}"
        );
    }
}

#[tokio::test]
async fn when_the_session_is_refused_then_what_is_refused_is_named() {
    for (style, settings, cause, remedy) in [
        (
            "readline",
            &["PermitTTY no"][..],
            "the switch refused a terminal",
            "allow the user one",
        ),
        (
            "readline",
            &["MaxSessions 0"],
            "the switch opened no channel",
            "whether all sessions of the switch are taken",
        ),
        (
            "closed",
            &[],
            "the shell ended before its first prompt, saying \"This account is not available.\"",
            "see to what ends the session",
        ),
        (
            "silent",
            &[],
            "no prompt came in time, nothing was received",
            "log in by hand as this user: if a prompt comes",
        ),
    ] {
        let leaf = Leaf::with_shell(style, settings).await;
        let error = leaf.connect(&shortly(&leaf)).await.unwrap_err();
        assert_says(&error, cause, remedy, true);
    }
    for (style, cause, remedy) in [
        (
            "expired",
            "the switch asks something at the login: \"Your password has expired.\\nNew password:\"",
            "answer what the switch asks",
        ),
        (
            "strange",
            "the prompt is not one that the dialect knows, or its host name is not: \"Leaf 1 @ dc2 $\"",
            "session.prompt",
        ),
    ] {
        let leaf = Leaf::with_shell(style, &[]).await;
        let error = leaf.connect(&shortly(&leaf)).await.unwrap_err();
        assert_says(&error, cause, remedy, false);
    }
    let leaf = Leaf::with_shell("much", &[]).await;
    let settings = SshSettings {
        max_output: 64 << 10,
        ..leaf.settings()
    };
    let error = leaf.connect(&settings).await.unwrap_err();
    assert_says(
        &error,
        "more than 65536 bytes came before the first prompt",
        "slx.max_output",
        false,
    );
}

/// What answers in place of a switch.
enum Odd {
    Nobody,
    Silent,
    Closes,
    Says(&'static str),
}

async fn odd(odd: Odd, device: &mut Device) -> Option<tokio::task::JoinHandle<()>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    device.ssh_port = listener.local_addr().unwrap().port();
    let text = match odd {
        Odd::Nobody => return None,
        Odd::Silent => None,
        Odd::Closes => Some(""),
        Odd::Says(text) => Some(text),
    };
    Some(tokio::spawn(async move {
        let mut held: Vec<TcpStream> = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            match text {
                None => held.push(stream),
                Some(text) => {
                    // The other side may have gone.
                    let _ = stream.write_all(text.as_bytes()).await;
                    let _ = stream.shutdown().await;
                    held.push(stream);
                }
            }
        }
    }))
}

#[tokio::test]
async fn when_no_ssh_server_answers_then_each_cause_has_its_own_remedy() {
    let leaf = Leaf::start(&[]).await;
    let mut remedies = Vec::new();
    for (kind, cause, again) in [
        (Odd::Nobody, "nothing listens on this port", true),
        (
            Odd::Silent,
            "the connection was accepted, and nothing was said on it",
            true,
        ),
        (
            Odd::Closes,
            "the connection was closed before anything was said",
            true,
        ),
        (
            Odd::Says("HTTP/1.1 400 Bad Request\r\n\r\n"),
            "is no SSH 2 server; it said \"HTTP/1.1 400 Bad Request\"",
            false,
        ),
        (
            Odd::Says("SSH-2.0-odd\r\n"),
            "the SSH handshake failed",
            true,
        ),
    ] {
        let mut device = leaf.device(&["key"]);
        let server = odd(kind, &mut device).await;
        let error = leaf.reach(&device, &shortly(&leaf)).await.unwrap_err();
        assert_says(&error, cause, "", again);
        remedies.push(error.remedy().into_owned());
        server.inspect(tokio::task::JoinHandle::abort);
    }
    let count = remedies.len();
    remedies.sort();
    remedies.dedup();
    assert_eq!(remedies.len(), count, "{remedies:#?}");
}

/// With too many connections, OpenSSH says so in plain text and closes.
#[tokio::test]
async fn when_the_server_takes_no_more_connections_then_its_words_are_quoted() {
    let leaf = Leaf::start(&["MaxStartups 1", "LoginGraceTime 60"]).await;
    let holds = TcpStream::connect(("127.0.0.1", leaf.sshd.port()))
        .await
        .unwrap();
    holds.readable().await.unwrap();
    let error = leaf.connect(&leaf.settings()).await.unwrap_err();
    assert_says(&error, "", "see to what the other side says", true);
    drop(holds);
    assert!(matches!(error, SlxError::Connect { .. }));
}

#[test]
fn an_untrusted_key_has_a_remedy() {
    assert!(!Untrusted::Certificate.remedy().is_empty());
}
