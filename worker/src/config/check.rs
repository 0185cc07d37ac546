//! Which values can't work, alone or together: all of them, not only the first.

use std::time::Duration;

use schemas::State;

use super::{Config, ConfigError, duration};

/// Every problem there is with the values.
pub(super) fn problems(config: &Config) -> Vec<ConfigError> {
    let mut problems = Problems(Vec::new());
    problems.states(config);
    problems.numbers(config);
    problems.durations(config);
    problems.commands(config);
    problems.0
}

struct Problems(Vec<ConfigError>);

impl Problems {
    fn add(&mut self, key: &'static str, value: String, problem: &'static str) {
        self.0.push(ConfigError::Value {
            key,
            value,
            problem,
        });
    }

    fn states(&mut self, config: &Config) {
        let states = &config.worker.states;
        if states.iter().any(|state| !State::ACTING.contains(state)) {
            let states: Vec<_> = states.iter().map(|state| state.slug()).collect();
            self.add(
                "worker.states",
                states.join(", "),
                "nobody acts in workflow-started and workflow-finished",
            );
        }
    }

    fn numbers(&mut self, config: &Config) {
        for (key, is_zero) in [
            ("worker.concurrency", config.worker.concurrency == 0),
            ("broker.prefetch", config.broker.prefetch == 0),
            ("broker.delivery_limit", config.broker.delivery_limit == 0),
            ("ledger.max_connections", config.ledger.max_connections == 0),
            ("due.batch", config.due.batch == 0),
            ("slx.max_output", config.slx.max_output == 0),
            ("efa.read_attempts", config.efa.read_attempts == 0),
            ("timing.max_deaths", config.timing.max_deaths == 0),
            ("timing.max_sends", config.timing.max_sends == 0),
        ] {
            if is_zero {
                self.add(key, "0".to_owned(), "must be at least 1");
            }
        }
    }

    fn durations(&mut self, config: &Config) {
        let Config {
            worker,
            broker,
            ledger,
            due,
            slx,
            efa,
            timing,
            ..
        } = config;
        for (key, value) in [
            ("worker.claim", worker.claim),
            ("broker.publish_timeout", broker.publish_timeout),
            ("broker.connect_timeout", broker.connect_timeout),
            ("ledger.connect_timeout", ledger.connect_timeout),
            ("ledger.statement_timeout", ledger.statement_timeout),
            ("due.interval", due.interval),
            ("due.again_after", due.again_after),
            ("slx.connect_timeout", slx.connect_timeout),
            ("slx.command_timeout", slx.command_timeout),
            ("efa.connect_timeout", efa.connect_timeout),
            ("efa.request_timeout", efa.request_timeout),
            ("timing.poll", timing.poll),
            ("timing.retry_first", timing.retry_first),
            ("timing.retry_max", timing.retry_max),
            ("timing.validation_deadline", timing.validation_deadline),
            (
                "timing.configuration_deadline",
                timing.configuration_deadline,
            ),
        ] {
            if value.is_zero() {
                self.add(key, duration::text(value), "must be longer than nothing");
            }
        }
    }

    /// What has to do with commands that are on their way for a while.
    fn commands(&mut self, config: &Config) {
        let timing = &config.timing;
        let longest = config.slx.command_timeout.max(config.efa.request_timeout);
        if timing.settle <= longest {
            self.add(
                "timing.settle",
                duration::text(timing.settle),
                "must be longer than slx.command_timeout and efa.request_timeout",
            );
        }
        for (key, deadline) in [
            ("timing.installation_deadline", timing.installation_deadline),
            ("timing.upgrade_deadline", timing.upgrade_deadline),
            ("timing.revert_deadline", timing.revert_deadline),
            ("timing.redeploy_deadline", timing.redeploy_deadline),
        ] {
            if deadline <= timing.settle {
                self.add(
                    key,
                    duration::text(deadline),
                    "must be longer than timing.settle: no command is sent that late before it",
                );
            }
        }
        let quiet: Duration = timing.redeploy_quiet;
        if quiet <= timing.settle || quiet >= timing.redeploy_deadline {
            self.add(
                "timing.redeploy_quiet",
                duration::text(quiet),
                "must be longer than timing.settle and shorter than timing.redeploy_deadline",
            );
        }
    }
}
