//! One worker process from start to end: what it is made of, and how it stops.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use broker::{BrokerOptions, Consumer, Delivery};
use ledger::{Ledger, LedgerOptions};
use schemas::Names;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::config::{Config, HostKeyPolicy};
use crate::context::Surroundings;
use crate::efa::{EfaClients, EfaError, EfaSettings};
use crate::engine::{Couriers, Engine, run_due};
use crate::outcome::chain;
use crate::secrets::Secrets;
use crate::sites::Network;
use crate::slx::{Dialect, DialectError, HostKeys, SshSettings};

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
    #[error("slx.minimum_version = {value}: not an SLX-OS version like 20.3.2a")]
    MinimumVersion {
        /// What was set.
        value: String,
    },
}

/// Runs until `stop` is cancelled and everything at hand is finished or handed back.
///
/// # Errors
/// [`StartError`]; once it runs, a worker outlives every loss of Postgres and RabbitMQ. It does not
/// outlive the end of one of its own parts, nor a broker that refuses it: it gives its messages back
/// and ends, so that whoever looks after it knows.
pub async fn run(config: Config, urls: &Urls, stop: CancellationToken) -> Result<(), StartError> {
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
    let due_stop = CancellationToken::new();
    let mut due = tokio::spawn(run_due(engine.clone(), due_stop.clone()));
    info!(worker = name, states = ?config.states(), "worker started");

    let tasks = TaskTracker::new();
    let mut failure = tokio::select! {
        () = dispatch(deliveries, &engine, config.worker.concurrency, &tasks, &stop) => None,
        refused = couriers.failed() => Some(StartError::Broker(refused)),
        () = ledger.failed() => Some(StartError::Ended { task: "a task of the ledger" }),
        // It ends when it is told to, and it was not.
        _ = &mut due => Some(StartError::Ended { task: "the loop that publishes what is due" }),
    };
    if failure.is_some() || !stop.is_cancelled() {
        error!("a part of the worker has failed: handing back and ending");
        halt.cancel();
    }
    stop.cancel();
    info!(in_hand = tasks.len(), "draining");
    tasks.close();
    // In total: what is left of the time after the steps in hand is for handing them back, and for
    // the connections.
    let limit = config.worker.drain_timeout;
    let deadline = Instant::now() + limit;
    if timeout_at(deadline - limit / 4, tasks.wait())
        .await
        .is_err()
    {
        warn!(in_hand = tasks.len(), "drain timeout: handing back");
        halt.cancel();
    }
    let ending = async {
        tasks.wait().await;
        due_stop.cancel();
        if !due.is_finished()
            && let Err(panic) = (&mut due).await
        {
            error!(error = %panic, "the loop that publishes what is due failed while draining");
        }
        if let Err(error) = consumer.result().await {
            failure.get_or_insert(StartError::Broker(Arc::new(error)));
        }
        couriers.close().await;
        ledger.close().await;
    };
    if timeout_at(deadline, ending).await.is_err() {
        // The broker has the messages, and the ledger the steps.
        warn!("not all could be handed back in time; claims that are left have to run out");
        due.abort();
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

/// Checks everything that can be checked without a connection.
///
/// # Errors
/// As [`run`]'s.
pub fn check(config: &Config) -> Result<(), StartError> {
    dialect(config)?;
    EfaClients::new(&efa_settings(config))?;
    minimum_version(config)?;
    Ok(())
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
/// takes, and half a minute. A worker that waits for Postgres or RabbitMQ is alive.
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
    value.parse().map_err(|_| StartError::MinimumVersion {
        value: value.clone(),
    })
}

/// The configured name, or the host's with the process id: unique enough to tell who did what.
fn worker_name(config: &Config) -> String {
    if !config.worker.name.is_empty() {
        return config.worker.name.clone();
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), std::process::id())
}
