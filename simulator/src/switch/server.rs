//! The SSH server of one switch.

use std::sync::Arc;

use russh::keys::ssh_key::PublicKey;
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session, VerifiedPublicKey, run_stream,
};
use russh::{Channel, ChannelId, Disconnect, Pty};
use secrecy::ExposeSecret as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Switch;
use super::login::{Keyboard, Login, Typed};
use super::shell::{End, Shell};
use crate::wire::Wire;

/// Accepts connections until `shutdown`; sessions are tracked by `tasks`.
pub(crate) async fn serve(
    switch: Arc<Switch>,
    listener: TcpListener,
    config: Arc<Config>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let wire = Wire::new(&shutdown);
                let connection = Connection {
                    switch: switch.clone(),
                    wire: wire.clone(),
                    tasks: tasks.clone(),
                    channel: None,
                    keyboard: Keyboard::default(),
                };
                tasks.spawn(carry(stream, wire, config.clone(), connection));
            }
            Err(error) => {
                tracing::warn!(switch = %switch.address(), %error, "connection not accepted");
                // Out of descriptors, most likely: give others time to close theirs.
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn carry(stream: TcpStream, wire: Wire, config: Arc<Config>, connection: Connection) {
    let switch = connection.switch.address();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%switch, %error, "nodelay not set");
    }
    let ended = match run_stream(config, wire.stream(stream), connection).await {
        Ok(session) => session.await,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::debug!(%switch, %error, "connection ended");
    }
}

/// One SSH connection.
struct Connection {
    switch: Arc<Switch>,
    wire: Wire,
    tasks: TaskTracker,
    /// The session channel, until its shell starts.
    channel: Option<Channel<Msg>>,
    keyboard: Keyboard,
}

impl Connection {
    fn knows(&self, user: &str, password: &str) -> bool {
        let credentials = &self.switch.world.credentials;
        user == credentials.switch_user && password == credentials.switch_password.expose_secret()
    }

    /// Books a login, lets the faults at it, and answers.
    async fn login(&self, method: &str, user: &str, known: bool) -> Auth {
        let text = format!("{method} login of {user}");
        self.switch.counters.received("ssh-login", text);
        let met = self.switch.faults.meet("ssh-login");
        tokio::time::sleep(met.slow).await;
        let cuts = !known && self.switch.spec.login == Login::Cuts;
        if met.lost_before_effect || cuts {
            self.wire.cut();
        }
        if !known || met.lost_before_effect || met.without_effect || met.refuse.is_some() {
            return Auth::reject();
        }
        self.switch.counters.effect("ssh-login");
        let unreadable = met.garbage || met.says.is_some() || met.truncated;
        if met.reply_lost || unreadable || met.drop_after.is_some() {
            self.wire.cut();
        }
        Auth::Accept
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let known = self.knows(user, password);
        Ok(self.login("password", user, known).await)
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let login = self.switch.spec.login;
        let known = match self.keyboard.typed(login, response) {
            Typed::Form(form) => return Ok(form),
            Typed::Password(password) => self.knows(user, &password),
            Typed::Wrong => false,
        };
        let answer = self.login("keyboard", user, known).await;
        Ok(match self.keyboard.more(login) {
            Some(form) if answer == Auth::Accept => form,
            _ => answer,
        })
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let credentials = &self.switch.world.credentials;
        let known = user == credentials.switch_user
            && credentials
                .authorized_keys
                .iter()
                .filter_map(|line| PublicKey::from_openssh(line).ok())
                .any(|authorized| authorized.key_data() == key.public_key.key_data());
        Ok(self.login("public key", user, known).await)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.switch.spec.login {
            Login::NoTerminal => session.channel_failure(channel),
            _ => session.channel_success(channel),
        }
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let refuses = self.switch.spec.login == Login::NoShell;
        let Some(open) = self.channel.take_if(|_| !refuses) else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        let handle = session.handle();
        let shell = Shell::new(self.switch.clone(), open.into_stream(), self.wire.clone());
        self.tasks.spawn(async move {
            match shell.run().await {
                Ok(End::Left) => {
                    let _ = handle.eof(channel).await;
                    let _ = handle.close(channel).await;
                }
                // Behind the last bytes in the same queue, so these still arrive.
                Ok(End::Dropped) => {
                    let _ = handle
                        .disconnect(Disconnect::ConnectionLost, String::new(), String::new())
                        .await;
                }
                Err(error) => tracing::debug!(%error, "session ended"),
            }
        });
        Ok(())
    }
}
