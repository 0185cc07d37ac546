//! From nothing to a shell at its first prompt.

use std::sync::Arc;

use russh::Channel;
use russh::client::{self, GexParams, Handle};
use russh::keys::PublicKey;
use schemas::inventory::Device;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::connection::{Client, Ending, Failure};
use super::host_keys::HostKeyCheck;
use super::login::{Credentials, Login};
use super::step::{Step, slow_handshake};
use super::wire::{Greeting, Wire};
use super::{Asked, Broke, COLUMNS, ROWS, Session, is_like_a_prompt};
use crate::secrets::Secrets;
use crate::slx::algorithms::offered;
use crate::slx::dialect::Dialect;
use crate::slx::exchange::{Answer, Exchange, Habits, May};
use crate::slx::{SlxError, SshSettings, Unconnected, WeakAlgorithm, output};

/// Some of the last bytes that a shell without a prompt said are enough to tell why.
const MAX_SAID: usize = 500;

impl Session {
    /// Connects, checks the host key, logs in and waits for the prompt.
    pub(in crate::slx) async fn open(
        device: &Device,
        secrets: &Secrets,
        settings: &SshSettings,
        dialect: Arc<Dialect>,
    ) -> Result<Session, SlxError> {
        let credentials = Credentials::of(device, secrets)?;
        let address = device.ssh_host.as_ref().map(ToString::to_string);
        let address = address.unwrap_or_else(|| device.ip_address.to_string());
        let host = format!("{address}:{}", device.ssh_port);
        let user = device.user.to_string();
        let deadline = Instant::now() + settings.connect_timeout;
        let step = Step {
            host: &host,
            user: &user,
            deadline,
        };
        let key = credentials.key(&step)?;
        let check = HostKeyCheck::new(&address, device.ssh_port, settings.host_keys.clone());
        let known = check.known().await.map_err(|why| step.untrusted(why))?;

        let stream = connect(&address, device.ssh_port, &step).await?;
        let over = CancellationToken::new();
        let guard = over.clone().drop_guard();
        let (greeting, ending) = (Greeting::default(), Ending::default());
        let wire = Wire::new(stream, over, greeting.clone());
        let client = Client {
            check,
            ending: ending.clone(),
        };
        let config = config(&settings.weak_algorithms, &known, &step)?;
        let handle = client::connect_stream(config, wire, client);
        let handle = step.within(handle, || slow_handshake(&greeting)).await?;
        let mut handle = handle.map_err(|failure| match failure {
            Failure::HostKey(why) => step.untrusted(why),
            Failure::Ssh(error) => step.handshake(error, &greeting),
        })?;
        let mut login = Login {
            credentials: &credentials,
            handle: &mut handle,
            ending: &ending,
            step: &step,
            password_prompt: &dialect.session.password_prompt,
            weak: &settings.weak_algorithms,
        };
        login.log_in(key).await?;
        let channel = step
            .within(shell(&handle), || Unconnected::NoChannel)
            .await?;
        let channel = channel.map_err(|error| step.failed(Unconnected::NoChannel, error))?;
        let mut session = Session {
            dialect,
            redactor: credentials.redactor(),
            settings: settings.clone(),
            handle,
            channel,
            asked: [Asked::Terminal, Asked::Shell].into(),
            habits: Habits::default(),
            broken: false,
            _guard: guard,
        };
        session.reach_prompt(&step).await?;
        Ok(session)
    }

    /// Waits for the first prompt and turns log lines and paging off. The name is taken from the
    /// prompt behind the first of these commands: what looks like a prompt before may be part of a
    /// banner.
    async fn reach_prompt(&mut self, step: &Step<'_>) -> Result<(), SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let commands = &dialect.commands;
        let lines = [
            ("login", None),
            ("no_log", Some(commands.no_log.as_str())),
            ("no_paging", Some(commands.no_paging.as_str())),
        ];
        for (command, line) in lines {
            if line == Some("") {
                continue;
            }
            let answer = self.prompt_behind(line, step).await?;
            if output::error(&dialect, &answer.text).is_some() {
                debug!(host = step.host, command, "refused, and not needed");
            }
        }
        Ok(())
    }

    /// Waits for a prompt before the session is one.
    async fn prompt_behind(
        &mut self,
        line: Option<&str>,
        step: &Step<'_>,
    ) -> Result<Answer, SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let max_output = self.settings.max_output;
        let may = May {
            answer: false,
            nudge: true,
        };
        let habits = self.habits.clone();
        let mut exchange = Exchange::new(&dialect.session, line, habits, may, max_output);
        let talk = self.talk(line, &mut exchange, None);
        let broke = match timeout_at(step.deadline, talk).await {
            Ok(Ok(answer)) => {
                if line.is_some() {
                    self.habits = answer.habits.clone();
                }
                return Ok(answer);
            }
            Ok(Err(broke)) => Some(broke),
            Err(_) => None,
        };
        let short = |text: &str| {
            let text = self.redactor.known(text);
            text.chars().take(MAX_SAID).collect::<String>()
        };
        let said = short(&exchange.last_heard());
        let cause = match broke {
            Some(Broke::Lost) => Unconnected::ShellEnded(said),
            Some(Broke::TooLong) => Unconnected::TooMuchText(max_output),
            Some(Broke::Refused(Asked::Terminal)) => Unconnected::NoTerminal,
            Some(Broke::Refused(Asked::Shell)) => Unconnected::NoShell,
            Some(Broke::Asks(words)) => Unconnected::Question(short(&words)),
            Some(Broke::NoEcho(text)) => Unconnected::NoPrompt(short(&text)),
            None if exchange.is_within_a_line() && is_like_a_prompt(&said) => {
                Unconnected::StrangePrompt(said)
            }
            None => Unconnected::NoPrompt(said),
        };
        Err(step.unconnected(cause))
    }
}

/// A TCP connection.
async fn connect(address: &str, port: u16, step: &Step<'_>) -> Result<TcpStream, SlxError> {
    let found = tokio::net::lookup_host((address, port));
    let found = step.within(found, || Unconnected::NameNotFound).await?;
    let found = found.map_err(|error| step.failed(Unconnected::NameNotFound, error))?;
    let addresses: Vec<_> = found.collect();
    let stream = TcpStream::connect(addresses.as_slice());
    let stream = step.within(stream, || Unconnected::TcpTimeout).await?;
    let stream = stream.map_err(|error| step.tcp(error))?;
    // What the switch has not taken when the session is given up, it must not get later: the
    // system would go on trying for minutes.
    let lingering = stream.set_zero_linger();
    lingering.map_err(|error| step.tcp(error))?;
    stream.set_nodelay(true).map_err(|error| step.tcp(error))?;
    Ok(stream)
}

/// A channel with a shell on a terminal. The answers to both come with its first bytes.
async fn shell(handle: &Handle<Client>) -> Result<Channel<client::Msg>, russh::Error> {
    let channel = handle.channel_open_session().await?;
    channel
        .request_pty(true, "vt100", COLUMNS, ROWS, 0, 0, &[])
        .await?;
    channel.request_shell(true).await?;
    Ok(channel)
}

/// The sizes of groups in a key exchange that lets the server choose one, in bits: OpenSSH's
/// bounds. The library's own leave out servers that have none of 3,072 bits or more.
const GROUPS: (usize, usize, usize) = (2048, 3072, 8192);

fn config(
    weak: &[WeakAlgorithm],
    known: &[PublicKey],
    step: &Step<'_>,
) -> Result<Arc<client::Config>, SlxError> {
    let gex = GexParams::new(GROUPS.0, GROUPS.1, GROUPS.2);
    let gex = gex.map_err(|error| step.failed(Unconnected::Handshake, error))?;
    Ok(Arc::new(client::Config {
        preferred: offered(weak, known),
        gex,
        ..client::Config::default()
    }))
}
