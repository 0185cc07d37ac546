//! A switch that takes passwords at the keyboard only, as some RADIUS and TACACS+ setups do. The
//! simulator has no such login, so a small server stands in.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session, run_stream};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use schemas::inventory::Device;
use simulator::Fleet;
use tokio::net::TcpListener;
use worker::slx::{HostKeys, SlxError, Switch};

use crate::lab::Lab;

const PROMPT: &str = "leaf-1.example.com# ";

struct Server {
    password: &'static str,
    answers: Arc<AtomicUsize>,
    line: Vec<u8>,
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _methods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(mut response) = response else {
            let prompts = vec![(Cow::Borrowed("Password: "), false)];
            return Ok(Auth::Partial {
                name: Cow::Borrowed(""),
                instructions: Cow::Borrowed(""),
                prompts: Cow::Owned(prompts),
            });
        };
        self.answers.fetch_add(1, Ordering::SeqCst);
        match response
            .next()
            .is_some_and(|answer| answer == self.password)
        {
            true => Ok(Auth::Accept),
            false => Ok(Auth::reject()),
        }
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.data(
            channel,
            format!("Unauthorized use is forbidden#\r\n{PROMPT}"),
        )
    }

    /// Echoes, and answers each line with a version.
    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.line.extend_from_slice(data);
        if !self.line.ends_with(b"\n") {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line))
            .trim()
            .to_owned();
        session.data(
            channel,
            format!("{line}\r\nFirmware name:      20.4.1\r\n{PROMPT}"),
        )
    }
}

/// Starts a server for one connection; returns how often a password was typed.
async fn serve(device: &mut Device, password: &'static str) -> Arc<AtomicUsize> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    device.ssh_host = Some("127.0.0.1".parse().unwrap());
    device.ssh_port = listener.local_addr().unwrap().port();
    let config = Arc::new(Config {
        keys: vec![PrivateKey::from(Ed25519Keypair::from_seed(&[9; 32]))],
        methods: MethodSet::from(&[MethodKind::KeyboardInteractive][..]),
        auth_rejection_time: Duration::from_millis(10),
        ..Config::default()
    });
    let answers = Arc::new(AtomicUsize::new(0));
    let server = Server {
        password,
        answers: Arc::clone(&answers),
        line: Vec::new(),
    };
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let session = run_stream(config, stream, server).await.unwrap();
        let _ = session.await;
    });
    answers
}

#[tokio::test]
async fn the_password_is_typed_once() {
    let lab = Lab::start(Fleet::generate(1)).await;
    lab.set_secret("slx-password", "typed-1n");
    let mut settings = lab.ssh();
    settings.host_keys = HostKeys::AcceptNew(lab.dir.path().join("learnt"));

    let mut device = lab.device(1);
    let answers = serve(&mut device, "typed-1n").await;
    let mut session = lab.try_connect(&device, &settings).await.unwrap();
    assert_eq!(session.slx_version().await.unwrap().to_string(), "20.4.1");
    assert_eq!(answers.load(Ordering::SeqCst), 1);

    let answers = serve(&mut device, "another-0ne").await;
    let error = lab.try_connect(&device, &settings).await.unwrap_err();
    assert!(matches!(error, SlxError::Login { .. }), "{error:?}");
    assert_eq!(answers.load(Ordering::SeqCst), 1);
}
