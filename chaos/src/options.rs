use std::time::Duration;

use clap::Parser;

/// Upgrades for each minute, if not said otherwise: what two cores carry with room to spare.
const PER_MINUTE: f64 = 240.0;

/// Upgrades TPVMs by the thousand, on real worker processes, a real RabbitMQ and a real Postgres,
/// while a monkey kills, stops, cuts, delays and lies. Afterwards everything that the system
/// promises is checked. Exit code: 0 without a violation, 1 with one.
#[derive(Clone, Debug, Parser)]
#[command(name = "tpvm-chaos", bin_name = "cargo xtask chaos")]
pub struct Options {
    /// Decides which upgrades are asked for at which deployment, and which faults are made in
    /// which order; printed, and chosen by the clock if absent.
    #[arg(long)]
    pub seed: Option<u64>,
    /// How long the monkey is at work.
    #[arg(long, value_name = "MINUTES", default_value = "10", value_parser = minutes)]
    pub minutes: Duration,
    /// How many upgrades are asked for in that time; 240 for each minute, if absent.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub upgrades: Option<u32>,
    /// How many simulated EFA deployments, each of two nodes, there are to upgrade.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub deployments: u32,
    /// How many worker processes; the first two are disturbed, but live to the end.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(3..=32))]
    pub workers: u32,
    /// Keep the folder with the workers' logs and the servers' data in any case.
    #[arg(long)]
    pub keep: bool,
}

impl Options {
    /// How many upgrades are asked for.
    pub(crate) fn total(&self) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a week has 2.4 million"
        )]
        let usual = || (self.minutes.as_secs_f64() / 60.0 * PER_MINUTE).ceil() as u32;
        self.upgrades.unwrap_or_else(usual)
    }
}

fn minutes(text: &str) -> Result<Duration, String> {
    const WEEK: f64 = 7.0 * 24.0 * 60.0;
    match text.parse::<f64>() {
        Ok(minutes) if (0.1..=WEEK).contains(&minutes) => {
            Ok(Duration::from_secs_f64(minutes * 60.0))
        }
        _ => Err(format!("a number of minutes from 0.1 to {WEEK} is needed")),
    }
}
