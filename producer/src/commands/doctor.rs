//! `doctor`: whether all is there that upgrades need, and what to do where it is not.

use std::time::Duration;

use broker::{BrokerError, Inspection, QueueState};
use chrono::{DateTime, Utc};
use ledger::Ledger;
use serde::Serialize;

use crate::error::{CliError, explain};
use crate::exit::Exit;
use crate::output::Output;
use crate::settings::Settings;

/// Workers announce what is due every second. What is due for longer than this, nobody announces.
/// Two clocks are compared, so that it is no shorter.
const OVERDUE: Duration = Duration::from_secs(120);

#[derive(Serialize)]
struct Check {
    check: &'static str,
    ok: bool,
    /// Where `ok` is true, only worth knowing.
    problem: Option<String>,
}

impl Check {
    fn passed(check: &'static str) -> Self {
        Self {
            check,
            ok: true,
            problem: None,
        }
    }

    fn failed(check: &'static str, problem: String) -> Self {
        Self {
            check,
            ok: false,
            problem: Some(problem),
        }
    }

    /// Passed if there is no problem.
    fn of(check: &'static str, problem: Option<String>) -> Self {
        match problem {
            None => Self::passed(check),
            Some(problem) => Self::failed(check, problem),
        }
    }

    fn error(check: &'static str, error: &CliError) -> Self {
        Self::failed(check, explain(error).trim_end().to_owned())
    }
}

pub(crate) async fn run(settings: &Settings, output: &mut Output) -> Result<Exit, CliError> {
    let mut checks = postgres(settings).await;
    checks.extend(rabbitmq(settings).await);
    output.say(&checks, |checks| {
        let lines = checks.iter().map(|check| {
            let word = if check.ok { "success" } else { "failed" };
            let problem = check.problem.iter().map(|problem| format!("\n{problem}"));
            format!("{} [{word}]{}", check.check, problem.collect::<String>())
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    match checks.iter().all(|check| check.ok) {
        true => Ok(Exit::Done),
        false => Ok(Exit::Unavailable),
    }
}

/// What depends on something that failed is not checked.
async fn postgres(settings: &Settings) -> Vec<Check> {
    const TABLES: &str = "Postgres and its tables";
    let ledger = match settings.connect().await {
        Ok(ledger) => ledger,
        Err(error) => return vec![Check::error(TABLES, &error)],
    };
    let checks = match schema(&ledger).await {
        Ok(note) => {
            let mut tables = Check::passed(TABLES);
            tables.problem = note;
            vec![tables, backlog(&ledger).await]
        }
        Err(error) => vec![Check::error(TABLES, &error)],
    };
    ledger.close().await;
    checks
}

/// Whether the tables have what this program needs, and what else they have.
async fn schema(ledger: &Ledger) -> Result<Option<String>, CliError> {
    let unusable = |source| CliError::Ledger {
        action: "use the tables",
        source,
    };
    ledger.check_schema().await.map_err(unusable)?;
    let newer = ledger.newer_migrations().await.map_err(unusable)?;
    Ok(newer.last().map(|version| {
        format!(
            "note: the tables are of a newer program, whose migrations up to {version} this one \
             does not know; update this program"
        )
    }))
}

async fn backlog(ledger: &Ledger) -> Check {
    const BACKLOG: &str = "Upgrades that are due";
    let counts = match ledger.counts().await {
        Ok(counts) => counts,
        Err(source) => {
            let action = "count the upgrades";
            return Check::error(BACKLOG, &CliError::Ledger { action, source });
        }
    };
    let unfinished: i64 = counts.iter().map(|count| count.unfinished).sum();
    let oldest = counts.iter().map(|count| count.oldest_wake_at).min();
    Check::of(BACKLOG, oldest.and_then(|at| overdue(at, unfinished)))
}

fn overdue(oldest: DateTime<Utc>, unfinished: i64) -> Option<String> {
    let late = (Utc::now() - oldest).to_std().unwrap_or_default();
    (late > OVERDUE).then(|| {
        let late = humantime::format_duration(Duration::from_secs(late.as_secs()));
        format!(
            "error: {unfinished} upgrades have not ended, and the oldest is due for {late}: no \
             worker announces what is due\nnext: start a worker with this DATABASE_URL, or look \
             into its log; `tpvm-upgrade list --unfinished` shows the upgrades"
        )
    })
}

async fn rabbitmq(settings: &Settings) -> Vec<Check> {
    const RABBITMQ: &str = "RabbitMQ";
    let prefix = settings.prefix();
    let inspected = async {
        let options = settings.broker()?;
        let found = broker::inspect(&options).await;
        found.map_err(|source| CliError::Broker {
            action: "look at the queues",
            source,
        })
    };
    match inspected.await {
        Err(error) => vec![Check::error(RABBITMQ, &error)],
        Ok(found) => {
            let mut checks = vec![
                Check::passed(RABBITMQ),
                Check::of("Queues", missing(&found, &prefix)),
            ];
            if !found.work.is_empty() {
                checks.push(Check::of("Workers", unserved(&found, &prefix)));
            }
            checks.extend(permissions(settings).await);
            checks
        }
    }
}

/// Whether requests may be published. Before the first worker there is nothing to publish to.
async fn permissions(settings: &Settings) -> Option<Check> {
    const PERMISSIONS: &str = "Permissions on RabbitMQ";
    let checked = async {
        match broker::check_commands(&settings.broker()?).await {
            Ok(()) => Ok(Some(Check::passed(PERMISSIONS))),
            Err(BrokerError::Missing { .. }) => Ok(None),
            Err(source) => Err(CliError::Broker {
                action: "publish requests",
                source,
            }),
        }
    };
    checked
        .await
        .unwrap_or_else(|error| Some(Check::error(PERMISSIONS, &error)))
}

fn missing(found: &Inspection, prefix: &str) -> Option<String> {
    if found.is_empty() {
        return Some(format!(
            "error: RabbitMQ has no queue with the prefix {prefix}\nnext: start a worker with \
             broker.prefix = \"{prefix}\", which declares them, or correct --broker-prefix and the \
             virtual host in AMQP_URL"
        ));
    }
    if found.missing.is_empty() {
        return None;
    }
    Some(format!(
        "error: RabbitMQ lacks {}\nnext: start a worker, or restart one: it declares them",
        found.missing.join(", ")
    ))
}

fn unserved(found: &Inspection, prefix: &str) -> Option<String> {
    let idle: Vec<&QueueState> = found
        .work
        .iter()
        .filter(|queue| queue.consumers == 0)
        .collect();
    if idle.is_empty() {
        return None;
    }
    if idle.len() == found.work.len() {
        return Some(format!(
            "error: no worker is at work: no queue with the prefix {prefix} has a consumer\n\
             next: start tpvm-worker, or look into its log"
        ));
    }
    let idle = idle.iter().map(|queue| match queue.messages {
        0 => queue.name.clone(),
        waiting => format!("{} ({waiting} messages wait)", queue.name),
    });
    Some(format!(
        "error: no worker serves {}\nnext: start a worker whose worker.states and \
         worker.serve_requests include them",
        idle.collect::<Vec<_>>().join(", ")
    ))
}
