//! `execute`: publishes an upgrade request exactly as EFA does, and waits for the answer.

use std::env;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use broker::{BrokerOptions, Inbox, Outgoing, PublishError, Publisher};
use clap::Args;
use schemas::messages::parse_id;
use schemas::values::{ImagePath, Requester, SecretName, UserName, address};
use schemas::{Answer, Options, Reply, TraceContext, UpgradeRequest, V1, decode};
use serde::Serialize;
use uuid::Uuid;

use super::watch;
use crate::arguments::duration;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::settings::Settings;

const EXAMPLES: &str = "\
A password never travels: --trusted-peer-password-secret names a secret that the
workers have. Without an answer the same command with --request-id and the id
that was shown is safe to repeat.

Examples:
  tpvm-upgrade execute --ip 10.20.246.28 --firmware-host 10.20.1.5 \\
      --tpvm-image /images/tpvm_x86_64-4.6.0-1.amd64.deb
  tpvm-upgrade execute --ip 10.20.246.28 --firmware-host 10.20.1.5 \\
      --tpvm-image /images/tpvm_x86_64-4.6.0-1.amd64.deb \\
      --trusted-peer-sudo-user extreme --trusted-peer-password-secret peer-sudo --wait
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExecuteArgs {
    /// Management address of the switch whose TPVM is upgraded
    #[arg(long, value_parser = address)]
    ip: IpAddr,
    /// Address of the registered firmware host that serves the image
    #[arg(long, value_name = "IP", value_parser = address)]
    firmware_host: IpAddr,
    /// Absolute path of the image on the firmware host
    #[arg(long, value_name = "PATH")]
    tpvm_image: ImagePath,
    /// Sudo user on the trusted peer [default: extreme]
    #[arg(long, value_name = "USER", requires = "trusted_peer_password_secret")]
    trusted_peer_sudo_user: Option<UserName>,
    /// Name of the workers' secret that holds the trusted peer's password; one of the inventory's
    /// `trusted_peer_secrets` for the device's EFA deployment
    #[arg(long, value_name = "NAME")]
    trusted_peer_password_secret: Option<SecretName>,
    /// Upgrade even to the same, an older or an unknown version
    #[arg(long)]
    force: bool,
    /// Have EFA remove all its application data on the peer before it is deployed there
    #[arg(long)]
    clean_redeploy: bool,
    /// Who asks, for the records [default: the login name]
    #[arg(long, value_name = "WHO")]
    requested_by: Option<Requester>,
    /// Repeat the request with this id instead of making a new one
    #[arg(long, value_name = "UUID", value_parser = parse_id)]
    request_id: Option<Uuid>,
    /// Follow the upgrade until it ends, as watch does (needs DATABASE_URL)
    #[arg(long)]
    wait: bool,
    /// How long to wait for the answer to the request
    #[arg(long, default_value = "30s", value_name = "DURATION", value_parser = duration)]
    timeout: Duration,
}

/// What programs are told where no answer came.
#[derive(Serialize)]
struct NoAnswer {
    request_id: Uuid,
    answer: &'static str,
}

pub(crate) async fn run(
    args: ExecuteArgs,
    settings: &Settings,
    output: &mut Output,
) -> Result<Exit, CliError> {
    // Whatever would keep us from following the upgrade is to be known before it begins.
    let ledger = match args.wait {
        true => Some(settings.ledger().await?),
        false => None,
    };
    let options = settings.broker()?;
    let request = args.request();
    if !output.is_json() {
        output.line(&format!(
            "TPVM Upgrade request UUID: {}",
            request.request_id
        ))?;
    }
    let reply = match ask(options, &request, args.timeout).await {
        Err(error) if error.exit() == Exit::NoAnswer && output.is_json() => {
            output.json_line(&NoAnswer {
                request_id: request.request_id,
                answer: "none",
            })?;
            return Err(error);
        }
        other => other?,
    };
    if output.is_json() {
        output.json_line(&reply)?;
    } else {
        output.line(&told(&reply.answer))?;
    }
    match (reply.answer, ledger) {
        (Answer::Rejected { .. }, _) => Ok(Exit::Rejected),
        (Answer::Accepted { .. }, None) => Ok(Exit::Done),
        (Answer::Accepted { execution_id, .. }, Some(ledger)) => {
            watch::follow(&ledger, execution_id, output).await
        }
    }
}

impl ExecuteArgs {
    fn request(&self) -> UpgradeRequest {
        UpgradeRequest {
            version: V1,
            request_id: self.request_id.unwrap_or_else(Uuid::now_v7),
            ip_address: self.ip,
            firmware_host: self.firmware_host,
            tpvm_image: self.tpvm_image.clone(),
            requested_by: self.requested_by.clone().unwrap_or_else(login_name),
            trusted_peer_sudo_user: self.trusted_peer_sudo_user.clone(),
            trusted_peer_password_secret: self.trusted_peer_password_secret.clone(),
            options: Options {
                force: self.force,
                clean_redeploy: self.clean_redeploy,
            },
        }
    }
}

/// Publishes the request and waits until `timeout` has passed for its answer.
async fn ask(
    mut options: BrokerOptions,
    request: &UpgradeRequest,
    timeout: Duration,
) -> Result<Reply, CliError> {
    let deadline = Instant::now() + timeout;
    options.publish_timeout = options.publish_timeout.min(timeout);
    let mut inbox = Inbox::open(&options)
        .await
        .map_err(|source| CliError::Broker {
            action: "get ready for the answer",
            source,
        })?;
    let answer = match publish(options, request, inbox.queue().to_owned()).await {
        Ok(()) => answer(&mut inbox, request, deadline, timeout).await,
        Err(error) => Err(error),
    };
    inbox.close().await;
    answer
}

/// Waits for the answer until the deadline.
async fn answer(
    inbox: &mut Inbox,
    request: &UpgradeRequest,
    deadline: Instant,
    timeout: Duration,
) -> Result<Reply, CliError> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let delivery = inbox
            .next(left)
            .await
            .map_err(|source| CliError::AnswerLost {
                request_id: request.request_id,
                source,
            })?;
        let Some(delivery) = delivery else {
            return Err(CliError::NoAnswer {
                request_id: request.request_id,
                timeout,
            });
        };
        // The queue is ours alone, and still anyone may publish to it: only the answer counts.
        let ours = delivery.correlation_id == Some(request.request_id.to_string());
        match decode::<Reply>(&delivery.body) {
            Ok(reply) if ours => return Ok(reply),
            Ok(_) => tracing::warn!("an answer to another request came, and was left aside"),
            Err(error) => tracing::error!(%error, "an answer can't be read, and was left aside"),
        }
    }
}

async fn publish(
    options: BrokerOptions,
    request: &UpgradeRequest,
    reply_to: String,
) -> Result<(), CliError> {
    let message = Outgoing::request(
        &options.names,
        request,
        Some(reply_to),
        TraceContext::new_root(),
    );
    let publisher = Publisher::start(options);
    let published = publisher.publish(message).await;
    publisher.close().await;
    let request_id = request.request_id;
    published.map_err(|source| match &source {
        PublishError::Unroutable { .. } => CliError::NoQueue(source),
        // An exchange that does not exist is RabbitMQ's reason to close the channel (AMQP's 404).
        PublishError::Disconnected(reason) if reason.contains("NOT_FOUND") => {
            CliError::NoQueue(source)
        }
        PublishError::NameTooLong { .. } | PublishError::Refused | PublishError::Closed => {
            CliError::NotPublished { request_id, source }
        }
        PublishError::TimedOut(_) | PublishError::Disconnected(_) => {
            CliError::PublishUnknown { request_id, source }
        }
    })
}

/// The answer as lines for people.
fn told(answer: &Answer) -> String {
    match answer {
        Answer::Accepted {
            execution_id,
            duplicate,
        } => {
            let before = if *duplicate { " (accepted before)" } else { "" };
            format!(
                "TPVM Upgrade Execute [success]{before}\n\
                 TPVM Upgrade execution UUID: {execution_id}\n\
                 execute the CLI to get details: tpvm-upgrade show --execution-id {execution_id}"
            )
        }
        Answer::Rejected { reasons } => {
            let reasons = reasons.iter().map(|reason| {
                format!(
                    "\nError Message: {}. Remedy: {}",
                    reason.message, reason.remedy
                )
            });
            format!(
                "TPVM Upgrade Execute [failed]{}",
                reasons.collect::<String>()
            )
        }
    }
}

/// The variables of a login, then what the system says of the user, which services without a login
/// have too.
fn login_name() -> Requester {
    let variable = |name: &str| env::var(name).ok()?.parse().ok();
    let system = || whoami::username().ok()?.parse().ok();
    let number = || {
        format!("uid-{}", rustix::process::getuid().as_raw())
            .parse()
            .ok()
    };
    variable("USER")
        .or_else(|| variable("LOGNAME"))
        .or_else(system)
        .or_else(number)
        .unwrap_or_else(unknown_requester)
}

#[expect(clippy::expect_used, reason = "the text is a valid requester")]
fn unknown_requester() -> Requester {
    "unknown".parse().expect("a plain word")
}
