//! `doctor`: whether all is there that the other commands need.

use broker::Inbox;
use serde::Serialize;

use crate::error::{CliError, explain};
use crate::exit::Exit;
use crate::output::Output;
use crate::settings::Settings;

#[derive(Serialize)]
struct Check {
    check: &'static str,
    ok: bool,
    problem: Option<String>,
}

pub(crate) async fn run(settings: &Settings, output: &mut Output) -> Result<Exit, CliError> {
    let checks = [
        checked("Postgres and its tables", postgres(settings).await),
        checked("RabbitMQ", rabbitmq(settings).await),
    ];
    output.say(&checks, |checks| {
        let lines = checks.iter().map(|check| match &check.problem {
            None => format!("{} [success]", check.check),
            Some(problem) => format!("{} [failed]\n{problem}", check.check),
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    match checks.iter().all(|check| check.ok) {
        true => Ok(Exit::Done),
        false => Ok(Exit::Unavailable),
    }
}

async fn postgres(settings: &Settings) -> Result<(), CliError> {
    settings.ledger().await?.close().await;
    Ok(())
}

async fn rabbitmq(settings: &Settings) -> Result<(), CliError> {
    let source = match Inbox::open(&settings.broker()?).await {
        Ok(_) => return Ok(()),
        Err(source) => source,
    };
    Err(CliError::Broker {
        action: "connect",
        source,
    })
}

fn checked(check: &'static str, result: Result<(), CliError>) -> Check {
    let problem = result
        .err()
        .map(|error| explain(&error).trim_end().to_owned());
    Check {
        check,
        ok: problem.is_none(),
        problem,
    }
}
