//! `schedules`: runs schedules by the thousand, or one of them again.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use schedules::{Counts, Report, Schedule, Stage, of_seed, shrink};
use services::Postgres;

/// Runs schedules of upgrades and faults, each from a seed, and checks the laws.
///
/// Uses the Postgres server in DATABASE_URL, or else starts a private one.
#[derive(Parser)]
#[command(name = "schedules", version)]
struct Cli {
    /// The first seed. With it alone, this one schedule is run and its log shown.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many schedules to run, from the first seed on.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// How many run side by side, each in a database of its own.
    #[arg(long, default_value_t = 1, value_name = "N")]
    jobs: usize,
    /// Run the schedule in this file instead, and show its log.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "count"])]
    file: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let server = Server::start()?;
    let clean = match (&cli.file, cli.seed, cli.count) {
        (Some(file), ..) => one(&server.url, &kept(file)?, &file.display().to_string())?,
        (None, Some(seed), None) => one(&server.url, &of_seed(seed), &format!("seed {seed}"))?,
        (None, seed, count) => {
            let first = seed.unwrap_or(0);
            many(&server.url, first, count.unwrap_or(1_000), cli.jobs.max(1))?
        }
    };
    server.stop()?;
    Ok(match clean {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn kept(file: &Path) -> anyhow::Result<Schedule> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    toml::from_str(&text).with_context(|| file.display().to_string())
}

/// Runs one schedule and shows everything.
fn one(url: &str, schedule: &Schedule, name: &str) -> anyhow::Result<bool> {
    let mut stage = Stage::new(url)?;
    let report = stage.run(schedule)?;
    stage.close()?;
    println!("{schedule}");
    for line in &report.log {
        println!("{line}");
    }
    match &report.violation {
        None => println!("\n{name}: no law was broken; {:?}", report.counts.verdicts),
        Some(violation) => println!("\n{name}: {violation}"),
    }
    Ok(report.violation.is_none())
}

/// What the threads of a long run share.
struct Progress {
    next: AtomicU64,
    end: u64,
    failed: AtomicBool,
    counts: Mutex<(u64, Counts)>,
    started: Instant,
}

/// Runs schedules until all are run or one breaks a law; that one is shrunk and shown.
fn many(url: &str, first: u64, count: u64, jobs: usize) -> anyhow::Result<bool> {
    let progress = Progress {
        next: AtomicU64::new(first),
        end: first.saturating_add(count),
        failed: AtomicBool::new(false),
        counts: Mutex::default(),
        started: Instant::now(),
    };
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..jobs)
            .map(|_| scope.spawn(|| job(url, &progress)))
            .collect();
        let ended = |job: std::thread::ScopedJoinHandle<'_, anyhow::Result<()>>| {
            job.join()
                .unwrap_or_else(|_| anyhow::bail!("a job panicked"))
        };
        jobs.into_iter().try_for_each(ended)
    })?;
    let (run, counts) = progress
        .counts
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let failed = progress.failed.load(Ordering::Relaxed);
    table::print(
        first,
        run,
        &counts,
        u64::from(failed),
        progress.started.elapsed(),
    );
    Ok(!failed)
}

fn job(url: &str, progress: &Progress) -> anyhow::Result<()> {
    let mut stage = Stage::new(url)?;
    while !progress.failed.load(Ordering::Relaxed) {
        let seed = progress.next.fetch_add(1, Ordering::Relaxed);
        if seed >= progress.end {
            break;
        }
        let schedule = of_seed(seed);
        let report = stage.run(&schedule)?;
        progress.note(&report);
        if let Some(violation) = report.violation {
            progress.failed.store(true, Ordering::Relaxed);
            println!("seed {seed} breaks a law.\n{violation}\nShrinking it …");
            let (smallest, violation) = shrink(&mut stage, &schedule, &violation)?;
            let report = stage.run(&smallest)?;
            println!("{}\n{smallest}\n{violation}", report.log.join("\n"));
            println!(
                "Again: cargo run --release -p schedules -- --seed {seed}\n\
                 To keep it: write the schedule above to schedules/tests/kept/<name>.toml"
            );
        }
    }
    stage.close()
}

impl Progress {
    fn note(&self, report: &Report) {
        const SHOWN_EVERY: u64 = 250;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.0 += 1;
        counts.1.add(&report.counts);
        if counts.0.is_multiple_of(SHOWN_EVERY) {
            let seconds = self.started.elapsed().as_secs_f64().max(0.001);
            #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
            let rate = counts.0 as f64 / seconds;
            println!("{:6} schedules, {rate:.1} a second", counts.0);
        }
    }
}

/// The Postgres server: the one that is given, or a private one.
struct Server {
    url: String,
    private: Option<(tokio::runtime::Runtime, Postgres, tempfile::TempDir)>,
}

impl Server {
    fn start() -> anyhow::Result<Self> {
        if let Ok(url) = std::env::var("DATABASE_URL") {
            return Ok(Self { url, private: None });
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let dir = services::scratch_dir()?;
        let postgres = runtime.block_on(Postgres::start(dir.path()))?;
        Ok(Self {
            url: postgres.url(),
            private: Some((runtime, postgres, dir)),
        })
    }

    fn stop(self) -> anyhow::Result<()> {
        if let Some((runtime, postgres, dir)) = self.private {
            runtime.block_on(postgres.stop())?;
            dir.close()?;
        }
        Ok(())
    }
}
