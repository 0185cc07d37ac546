//! One worker process from start to end: what it is made of, and how it stops.

mod parts;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use broker::{BrokerOptions, Consumer, Delivery};
use ledger::{Ledger, LedgerOptions};
use schemas::Names;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::config::{Config, HostKeyPolicy};
use crate::context::Surroundings;
use crate::efa::{EfaClients, EfaError, EfaSettings};
use crate::engine::{Couriers, Engine};
use crate::outcome::chain;
use crate::secrets::Secrets;
use crate::sites::Network;
use crate::slx::{Dialect, DialectError, HostKeys, SshSettings};
use parts::Parts;

/// The URLs that a worker is told by its environment. They hold passwords: never logged.
pub struct Urls {
    /// Postgres.
    pub database: String,
    /// RabbitMQ.
    pub amqp: String,
}

/// Why a worker can't start, or can't go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The dialect file does not serve.
    #[error("the dialect can't be used")]
    Dialect(#[from] DialectError),
    /// The EFA settings do not serve.
    #[error("the settings for EFA can't be used")]
    Efa(#[from] EfaError),
    /// Postgres, or its schema.
    #[error("the ledger can't be used")]
    Ledger(#[from] ledger::LedgerError),
    /// RabbitMQ, or its topology.
    #[error("the broker can't be used")]
    Broker(#[from] Arc<broker::BrokerError>),
    /// A task ended that should go on for as long as the worker: a defect.
    #[error(
        "{task} ended unexpectedly: start the worker again, and report the last lines of its log"
    )]
    Ended {
        /// Which.
        task: &'static str,
    },
    /// A version that does not parse.
    #[error("slx.minimum_version: not an SLX-OS version like 20.3.2a")]
    MinimumVersion,
}

/// Runs until `stop` is cancelled and everything at hand is finished or handed back.
///
/// # Errors
/// [`StartError`]; once it runs, a worker outlives every loss of Postgres and RabbitMQ. It does not
/// outlive the end of one of its own parts, nor a broker that refuses it: it gives its messages back
/// and ends, so that whoever looks after it knows.
pub async fn run(config: Config, urls: &Urls, stop: CancellationToken) -> Result<(), StartError> {
    if let Some(file) = &config.worker.heartbeat_file {
        forget_heartbeat(file);
    }
    let name = worker_name(&config);
    let ledger = connect_ledger(&config, &urls.database).await?;
    ledger.check_schema().await?;
    let around = surroundings(&config, ledger.clone())?;
    let options = broker_options(&config, &urls.amqp, &name);
    broker::declare(&options).await.map_err(Arc::new)?;

    let couriers = Arc::new(Couriers::start(&options));
    let halt = CancellationToken::new();
    let config = Arc::new(config);
    let engine = Engine::new(
        around,
        couriers.clone(),
        config.clone(),
        &name,
        halt.clone(),
    );
    let queues = engine.queues();
    let read: Vec<String> = queues.iter().map(|(queue, _)| queue.clone()).collect();
    broker::check_permissions(&options, &read)
        .await
        .map_err(Arc::new)?;

    // Ours: a part that fails stops the others, too.
    let stop = stop.child_token();
    let (consumer, deliveries) = Consumer::start(options, queues, stop.clone());
    let mut parts = Parts::start(&engine, consumer, couriers, ledger, halt);
    info!(worker = name, states = ?config.states(), "worker started");

    let tasks = parts.tasks.clone();
    let failed = tokio::select! {
        () = dispatch(deliveries, &engine, config.worker.concurrency, &tasks, &stop) => None,
        failed = parts.failed() => Some(failed),
    };
    let cut_short = failed.is_none() && !stop.is_cancelled();
    stop.cancel();
    let failure = parts
        .drain(config.worker.drain_timeout, failed, cut_short)
        .await;
    if let Some(file) = &config.worker.heartbeat_file {
        forget_heartbeat(file);
    }
    match failure {
        None => {
            info!("worker ended");
            Ok(())
        }
        Some(failure) => {
            error!(error = chain(&failure), "worker ended");
            Err(failure)
        }
    }
}

/// Hands messages to tasks until it is told to stop. As many steps are worked on at once as there
/// are permits; a request needs none, since it takes no time but that of its requester's queue,
/// which must not hold up a step. The broker hands out no more than the prefetch of either.
async fn dispatch(
    mut deliveries: mpsc::Receiver<Delivery>,
    engine: &Engine,
    concurrency: usize,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(concurrency));
    loop {
        let delivery = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            delivery = deliveries.recv() => delivery,
        };
        let Some(delivery) = delivery else { return };
        let (engine, permits, stop) = (engine.clone(), permits.clone(), stop.clone());
        tasks.spawn(async move {
            let _permit = if engine.is_request(&delivery) {
                None
            } else {
                tokio::select! {
                    biased;
                    // Dropped, the message goes back to its queue.
                    () = stop.cancelled() => return,
                    // The semaphore is never closed, so a permit always comes.
                    permit = permits.acquire_owned() => Some(permit),
                }
            };
            engine.handle(delivery).await;
        });
    }
}

/// Everything that can be found wrong with the settings without a connection.
pub(crate) fn settings(config: &Config) -> Vec<StartError> {
    [
        dialect(config).err().map(StartError::from),
        EfaClients::new(&efa_settings(config))
            .err()
            .map(StartError::from),
        minimum_version(config).err(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Checks everything that can be checked without a connection.
///
/// # Errors
/// As [`run`]'s.
pub fn check(config: &Config) -> Result<(), StartError> {
    settings(config).into_iter().next().map_or(Ok(()), Err)
}

/// Applies the migrations that are missing.
///
/// # Errors
/// [`StartError::Ledger`].
pub async fn migrate(config: &Config, database_url: &str) -> Result<(), StartError> {
    let ledger = connect_ledger(config, database_url).await?;
    ledger.migrate().await?;
    ledger.close().await;
    Ok(())
}

/// Whether the heartbeat file was touched within the time that the slowest answer from Postgres
/// takes, and half a minute. A worker that waits for Postgres or RabbitMQ is alive. One whom Postgres
/// refuses something is not, nor one that has ended or has not got as far as to start.
pub fn alive(heartbeat_file: &Path, config: &Config) -> bool {
    const GRACE: Duration = Duration::from_secs(30);
    let slowest = config.ledger.connect_timeout + config.ledger.statement_timeout;
    let touched = std::fs::metadata(heartbeat_file).and_then(|metadata| metadata.modified());
    touched.is_ok_and(|touched| {
        SystemTime::now()
            .duration_since(touched)
            .unwrap_or_default()
            < config.due.interval + slowest + GRACE
    })
}

/// A worker that has not begun, or has ended, is not alive, however lately the file was touched.
fn forget_heartbeat(file: &Path) {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            warn!(file = %file.display(), %error, "can't remove the heartbeat file");
        }
        _ => {}
    }
}

async fn connect_ledger(config: &Config, url: &str) -> Result<Ledger, ledger::LedgerError> {
    let options = LedgerOptions {
        max_connections: config.ledger.max_connections,
        connect_timeout: config.ledger.connect_timeout,
        wait_for_server: config.ledger.connect_timeout,
        statement_timeout: config.ledger.statement_timeout,
        ..LedgerOptions::default()
    };
    Ledger::connect(url, &options).await
}

fn broker_options(config: &Config, url: &str, name: &str) -> BrokerOptions {
    BrokerOptions {
        names: Names::new(&config.broker.prefix),
        delivery_limit: config.broker.delivery_limit,
        publish_timeout: config.broker.publish_timeout,
        connect_timeout: config.broker.connect_timeout,
        ..BrokerOptions::new(url, name)
    }
}

fn surroundings(config: &Config, ledger: Ledger) -> Result<Surroundings, StartError> {
    let known_hosts = config.slx.known_hosts.clone();
    let ssh = SshSettings {
        connect_timeout: config.slx.connect_timeout,
        command_timeout: config.slx.command_timeout,
        host_keys: match config.slx.host_keys {
            HostKeyPolicy::KnownHosts => HostKeys::KnownHosts(known_hosts),
            HostKeyPolicy::AcceptNew => HostKeys::AcceptNew(known_hosts),
        },
        weak_algorithms: config.slx.weak_algorithms.clone(),
        max_output: config.slx.max_output,
    };
    let secrets = Arc::new(Secrets::new(config.secrets.dir.clone()));
    let dialect = Arc::new(dialect(config)?);
    let network = Network {
        secrets: secrets.clone(),
        ssh,
        dialect: dialect.clone(),
        efa: EfaClients::new(&efa_settings(config))?,
    };
    Ok(Surroundings {
        ledger,
        secrets,
        sites: Arc::new(network),
        dialect,
        timing: config.timing.clone(),
        minimum_slx: minimum_version(config)?,
        longest_command: config.slx.command_timeout.max(config.efa.request_timeout),
        claim: config.worker.claim,
    })
}

fn dialect(config: &Config) -> Result<Dialect, DialectError> {
    config
        .slx
        .dialect
        .as_deref()
        .map_or_else(|| Ok(Dialect::built_in()), Dialect::from_file)
}

fn efa_settings(config: &Config) -> EfaSettings {
    EfaSettings {
        ca_file: config.efa.ca_file.clone(),
        connect_timeout: config.efa.connect_timeout,
        request_timeout: config.efa.request_timeout,
        read_attempts: config.efa.read_attempts,
    }
}

fn minimum_version(config: &Config) -> Result<crate::versions::SlxVersion, StartError> {
    let value = &config.slx.minimum_version;
    value.parse().map_err(|_| StartError::MinimumVersion)
}

/// The configured name, or the host's with the process id: unique enough to tell who did what.
fn worker_name(config: &Config) -> String {
    if !config.worker.name.is_empty() {
        return config.worker.name.clone();
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), std::process::id())
}
