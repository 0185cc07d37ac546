//! Memory and file descriptors of the workers that live to the end.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::site::Site;

const INTERVAL: Duration = Duration::from_secs(1);
/// How long a run must be to tell growth from warming up: connections to EFA are kept for a minute
/// and a half, and allocators take what they need for the busiest moment.
const TELLING: Duration = Duration::from_secs(300);
/// What may come on top before growth is called a leak.
const RSS: Bound = Bound {
    factor: 1.15,
    slack: 12.0,
    highest: 256.0,
};
const DESCRIPTORS: Bound = Bound {
    factor: 1.5,
    slack: 24.0,
    highest: 1000.0,
};

struct Bound {
    factor: f64,
    slack: f64,
    highest: f64,
}

/// Samples of each long-lived worker.
pub struct Vitals {
    begin: Instant,
    workers: Vec<(String, Mutex<Vec<Sample>>)>,
}

#[derive(Clone, Copy)]
struct Sample {
    at: Duration,
    rss_mib: f64,
    descriptors: f64,
}

/// How one worker's use of one resource went.
pub struct Course {
    pub worker: String,
    pub what: &'static str,
    /// Median of the second quarter of the time, and of the last.
    pub early: f64,
    pub late: f64,
    pub highest: f64,
    pub flat: bool,
}

impl Vitals {
    pub fn of(site: &Site) -> Self {
        let (long_lived, _) = site.long_lived();
        let workers = long_lived
            .iter()
            .map(|worker| (worker.name.clone(), Mutex::default()));
        Self {
            begin: Instant::now(),
            workers: workers.collect(),
        }
    }

    /// Takes samples until `stop`.
    pub async fn watch(&self, site: &Site, stop: &CancellationToken) {
        let (long_lived, _) = site.long_lived();
        while !stop.is_cancelled() {
            for (worker, (_, samples)) in long_lived.iter().zip(&self.workers) {
                let sample = worker.pid().await.and_then(|pid| self.sample(pid));
                samples
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(sample);
            }
            sleep(INTERVAL).await;
        }
    }

    fn sample(&self, pid: u32) -> Option<Sample> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let rss = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: f64 = rss.trim().strip_suffix(" kB")?.parse().ok()?;
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        Some(Sample {
            at: self.begin.elapsed(),
            rss_mib: kib / 1024.0,
            #[expect(clippy::cast_precision_loss, reason = "some thousands at most")]
            descriptors: descriptors as f64,
        })
    }

    /// Flat is what is nowhere above 256 MiB, or 1,000 descriptors, and, in a run of five minutes
    /// and more, in the median of the last quarter of the time not above the second quarter's by
    /// more than 15 % and 12 MiB, or half and 24 descriptors.
    pub fn courses(&self) -> Vec<Course> {
        let mut courses = Vec::new();
        for (worker, samples) in &self.workers {
            let samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
            let mut judge = |what, value: fn(&Sample) -> f64, bound: Bound| {
                let end = samples.last().map_or(Duration::ZERO, |sample| sample.at);
                let quarter = |nth: u32| {
                    let from = end.mul_f64(f64::from(nth) / 4.0);
                    let within = from..=from + end / 4;
                    let samples = samples.iter();
                    let samples = samples.filter(|sample| within.contains(&sample.at));
                    median(samples.map(value).collect())
                };
                let (early, late) = (quarter(1), quarter(3));
                let highest = samples.iter().map(value).fold(0.0, f64::max);
                let grew = end >= TELLING && late > early * bound.factor + bound.slack;
                courses.push(Course {
                    worker: worker.clone(),
                    what,
                    early,
                    late,
                    highest,
                    flat: !grew && highest <= bound.highest,
                });
            };
            judge("memory (RSS, MiB)", |sample| sample.rss_mib, RSS);
            judge("file descriptors", |sample| sample.descriptors, DESCRIPTORS);
        }
        courses
    }
}

/// The middle one; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
