//! Who the switch is, who we are, and how long that may take.

#![allow(clippy::unwrap_used)]

use std::io::ErrorKind;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use simulator::{DeploymentOptions, Fault, FaultKind, Fleet, Login};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use worker::slx::{Effect, HostKeys, SlxError, Spent, Switch};

use crate::lab::{Lab, PATIENCE, leave};

/// A key pair for these tests only: the private and the public key in OpenSSH format.
static KEY: LazyLock<(String, String)> = LazyLock::new(|| {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
    let private = key.to_openssh(LineEnding::LF).unwrap();
    (private.to_string(), key.public_key().to_openssh().unwrap())
});

async fn lab() -> Lab {
    Lab::start(Fleet::generate(1)).await
}

fn silent(error: &SlxError) -> bool {
    error.effect() == Effect::None
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let lab = lab().await;
    lab.set_secret("slx-password", "wr0ng-password");
    let error = lab
        .try_connect(&lab.device(1), &lab.ssh())
        .await
        .unwrap_err();
    assert!(matches!(error, SlxError::Login { .. }), "{error:?}");
    assert!(silent(&error) && !error.is_transient());
    assert!(!format!("{error} {error:?}").contains("wr0ng"));
    assert!(error.to_string().contains("admin"), "{error}");
}

#[tokio::test]
async fn a_missing_secret_is_told_before_anything_is_sent() {
    let lab = lab().await;
    std::fs::remove_file(lab.secrets_dir.join("slx-password")).unwrap();
    let error = lab
        .try_connect(&lab.device(1), &lab.ssh())
        .await
        .unwrap_err();
    assert!(matches!(error, SlxError::Secret(_)), "{error:?}");
    assert!(
        silent(&error) && error.to_string().contains("slx-password"),
        "{error}"
    );
    assert_eq!(lab.switch(1).received("ssh-login"), 0);
}

#[tokio::test]
async fn a_key_logs_in_without_a_password() {
    let mut fleet = Fleet::generate(1);
    fleet.credentials.authorized_keys = vec![KEY.1.clone()];
    let lab = Lab::start(fleet).await;
    lab.set_secret("slx-key", &KEY.0);
    let mut device = lab.device(1);
    device.private_key_secret = Some("slx-key".parse().unwrap());
    device.password_secret = None;
    let mut session = lab.try_connect(&device, &lab.ssh()).await.unwrap();
    session.slx_version().await.unwrap();

    lab.set_secret("slx-key", "no key");
    let error = lab.try_connect(&device, &lab.ssh()).await.unwrap_err();
    assert!(matches!(error, SlxError::Login { .. }), "{error:?}");
    device.private_key_secret = None;
    let error = lab.try_connect(&device, &lab.ssh()).await.unwrap_err();
    assert!(
        error.to_string().contains("neither a key nor a password"),
        "{error}"
    );
}

#[tokio::test]
async fn the_password_follows_a_refused_key() {
    let lab = lab().await;
    lab.set_secret("slx-key", &KEY.0);
    let mut device = lab.device(1);
    device.private_key_secret = Some("slx-key".parse().unwrap());
    let mut session = lab.try_connect(&device, &lab.ssh()).await.unwrap();
    session.slx_version().await.unwrap();
    device.password_secret = None;
    let error = lab.try_connect(&device, &lab.ssh()).await.unwrap_err();
    assert!(matches!(error, SlxError::Login { .. }), "{error:?}");
}

#[tokio::test]
async fn an_unknown_host_is_refused_or_learnt() {
    let lab = lab().await;
    let mut settings = lab.ssh();
    let learnt = lab.dir.path().join("learnt");
    std::fs::write(&learnt, "").unwrap();
    settings.host_keys = HostKeys::KnownHosts(learnt.clone());
    let error = lab
        .try_connect(&lab.device(1), &settings)
        .await
        .unwrap_err();
    assert!(matches!(error, SlxError::HostKey { .. }), "{error:?}");
    assert!(silent(&error) && !error.is_transient());
    assert_eq!(lab.switch(1).received("ssh-login"), 0);

    settings.host_keys = HostKeys::AcceptNew(learnt.clone());
    let device = lab.device(1);
    let connect = || lab.try_connect(&device, &settings);
    let (one, two, three) = tokio::join!(connect(), connect(), connect());
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(std::fs::read_to_string(&learnt).unwrap().lines().count(), 1);

    // From now on the host is known.
    settings.host_keys = HostKeys::KnownHosts(learnt);
    lab.try_connect(&device, &settings).await.unwrap();
}

#[tokio::test]
async fn a_changed_host_key_is_refused_in_either_mode() {
    let lab = lab().await;
    let device = lab.device(1);
    let host = device
        .ssh_host
        .as_ref()
        .map_or(device.ip_address.to_string(), ToString::to_string);
    let line = format!("[{host}]:{} {}\n", device.ssh_port, KEY.1);
    std::fs::write(&lab.known_hosts, &line).unwrap();
    for host_keys in [
        HostKeys::KnownHosts(lab.known_hosts.clone()),
        HostKeys::AcceptNew(lab.known_hosts.clone()),
    ] {
        let mut settings = lab.ssh();
        settings.host_keys = host_keys;
        let error = lab.try_connect(&device, &settings).await.unwrap_err();
        assert!(matches!(error, SlxError::HostKey { .. }), "{error:?}");
        assert!(error.to_string().contains("changed"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&lab.known_hosts).unwrap(), line);
    assert_eq!(lab.switch(1).received("ssh-login"), 0);
}

#[tokio::test]
async fn nobody_there_is_transient() {
    let lab = lab().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut device = lab.device(1);
    device.ssh_host = Some("127.0.0.1".parse().unwrap());
    device.ssh_port = closed.local_addr().unwrap().port();
    drop(closed);
    let error = lab.try_connect(&device, &lab.ssh()).await.unwrap_err();
    assert!(matches!(error, SlxError::Connect { .. }), "{error:?}");
    assert!(silent(&error) && error.is_transient());
}

/// Some switches refuse a login by ending the connection: it must not count as a mere loss.
#[tokio::test]
async fn when_the_connection_ends_while_a_login_is_checked_then_it_may_be_a_refusal() {
    let lab = lab().await;
    lab.switch(1)
        .fault(Fault::new("ssh-login", FaultKind::LostBeforeEffect))
        .unwrap();
    let error = lab
        .try_connect(&lab.device(1), &lab.ssh())
        .await
        .unwrap_err();
    assert_eq!(error.spent_login(), Some(Spent::Unanswered), "{error:?}");
    assert!(silent(&error) && !error.is_transient());
    assert_eq!(lab.switch(1).received("ssh-login"), 1);
}

/// A server that takes connections and says nothing must neither hold the caller nor leave a
/// task behind that keeps the connection.
#[tokio::test]
async fn a_silent_server_is_given_up_and_hung_up_on() {
    let lab = lab().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut device = lab.device(1);
    device.ssh_host = Some("127.0.0.1".parse().unwrap());
    device.ssh_port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut greeting = Vec::new();
        match stream.read_to_end(&mut greeting).await {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    });
    let mut settings = lab.ssh();
    settings.connect_timeout = Duration::from_millis(300);
    let start = Instant::now();
    let error = lab.try_connect(&device, &settings).await.unwrap_err();
    assert!(matches!(error, SlxError::Connect { .. }), "{error:?}");
    assert!(start.elapsed() < PATIENCE / 2);
    tokio::time::timeout(PATIENCE, server)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn nothing_prints_a_secret() {
    let lab = lab().await;
    let device = lab.connect(1).await;
    lab.assert_no_secret(&format!("{device:?} {:?} {:?}", lab.secrets(), lab.ssh()));
    lab.assert_no_secret(&format!("{:?}", lab.secret("slx-password")));
    let echo = FaultKind::Refuse(Some(format!(
        "no login with password {} at the host",
        secrecy::ExposeSecret::expose_secret(&lab.secret("firmware-password"))
    )));
    lab.switch(1)
        .fault(Fault::new("tpvm-upgrade", echo))
        .unwrap();
    let image = crate::commands::Image::of(&lab);
    let mut device = device;
    let error = device.upgrade(&image.source(), &leave()).await.unwrap_err();
    assert!(error.to_string().contains("[redacted]"), "{error}");
    lab.assert_no_secret(&format!("{error} {error:?}"));
}

/// Each way that a switch takes logins in, or doesn't: what becomes of it, with how many logins.
#[tokio::test]
async fn when_a_switch_takes_logins_in_its_own_way_then_the_session_opens_or_says_what_is_missing()
{
    let cases = [
        (Login::Plain, None, 1),
        (Login::Cuts, None, 1),
        (Login::Keyboard, None, 1),
        (
            Login::KeyboardTwoFields,
            Some((
                "asks for something else than the password: \"Login / Password: / One-time code from the token:\"",
                "answer what the switch asks",
                false,
            )),
            0,
        ),
        (
            Login::KeyboardCode,
            Some((
                "asks for something else than the password: \"Login / One-time code from the token:\"",
                "answer what the switch asks",
                false,
            )),
            1,
        ),
        (
            Login::NoTerminal,
            Some(("the switch refused a terminal", "allow the user one", true)),
            1,
        ),
        (
            Login::NoShell,
            Some((
                "the switch refused a shell",
                "whether the user may use the command line",
                true,
            )),
            1,
        ),
        (
            Login::Question,
            Some((
                "asks something at the login: \"",
                "answer what the switch asks",
                false,
            )),
            1,
        ),
    ];
    let options = cases.iter().map(|(login, ..)| DeploymentOptions {
        login: *login,
        ..DeploymentOptions::default()
    });
    let lab = Lab::start(Fleet::with(&options.collect::<Vec<_>>())).await;
    for (n, (login, expected, logins)) in cases.into_iter().enumerate() {
        let device = lab.inventory.deployments[n].devices[1].clone();
        let opened = lab.try_connect(&device, &lab.ssh()).await;
        match (opened, expected) {
            (Ok(mut session), None) => {
                session.slx_version().await.unwrap();
            }
            (Err(error), Some((cause, remedy, again))) => {
                assert!(error.to_string().contains(cause), "{login:?}: {error}");
                assert!(
                    error.remedy().contains(remedy),
                    "{login:?}: {}",
                    error.remedy()
                );
                assert_eq!(error.is_transient(), again, "{login:?}");
                lab.assert_no_secret(&format!("{error} {error:?}"));
            }
            (Ok(_), Some(_)) => panic!("{login:?} is no hindrance"),
            (Err(error), None) => panic!("{login:?}: {error}"),
        }
        let switch = lab.simulator.switch(device.ip_address).unwrap();
        assert_eq!(switch.received("ssh-login"), logins, "{login:?}");
    }
}

/// A slow login is waited for until the time is over; then it may be a refusal, and counts as one.
#[tokio::test]
async fn when_a_login_is_slow_then_it_is_waited_for_and_sent_once() {
    let lab = lab().await;
    for (time, opens) in [(1, true), (60, false)] {
        let slow = FaultKind::Slow(Duration::from_secs(time));
        lab.switch(1)
            .fault(Fault::new("ssh-login", slow).once())
            .unwrap();
        let before = lab.switch(1).received("ssh-login");
        let mut settings = lab.ssh();
        settings.connect_timeout = Duration::from_secs(4);
        let opened = lab.try_connect(&lab.device(1), &settings).await;
        assert_eq!(opened.is_ok(), opens, "{time} s");
        if let Err(error) = opened {
            assert_eq!(error.spent_login(), Some(Spent::Unanswered), "{error:?}");
            assert!(
                error.to_string().contains("did not answer in time"),
                "{error}"
            );
        }
        assert_eq!(lab.switch(1).received("ssh-login"), before + 1);
    }
}
