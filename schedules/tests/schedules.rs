//! The first schedules, those that are kept because they found something, and that a seed says
//! everything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]
use std::path::Path;

use schedules::{Counts, Fault, Point, Report, Schedule, Stage, What, of_seed, shrink};

/// How many schedules run with all the other tests.
const FEW: u64 = 300;
/// How many are enough to find each deliberate break of the code that they are to find.
const MANY: u64 = 1_500;

fn stage() -> Stage {
    let url = std::env::var("DATABASE_URL").expect("run `cargo xtask test -p schedules`");
    Stage::new(&url).unwrap()
}

/// Fails with the shrunk schedule if a law was broken.
fn hold(stage: &mut Stage, name: &str, schedule: &Schedule) -> Counts {
    let report = stage.run(schedule).unwrap();
    if let Some(violation) = &report.violation {
        let (smallest, violation) = shrink(stage, schedule, violation).unwrap();
        let Report { log, .. } = stage.run(&smallest).unwrap();
        panic!("{name}: {violation}\n{}\n\n{smallest}", log.join("\n"));
    }
    report.counts
}

fn hold_all(seeds: u64) {
    let mut stage = stage();
    let mut counts = Counts::default();
    for seed in 0..seeds {
        let name = format!("cargo run --release -p schedules -- --seed {seed}");
        counts.add(&hold(&mut stage, &name, &of_seed(seed)));
    }
    stage.close().unwrap();
    eprintln!("{:?}, {:?}", counts.verdicts, counts.faults);
    assert!(counts.statements() > 50 * seeds, "{counts:?}");
}

#[test]
fn no_schedule_breaks_a_law() {
    hold_all(FEW);
}

#[test]
#[ignore = "takes minutes; `cargo xtask bite` runs it on code that is broken on purpose"]
fn no_schedule_of_many_breaks_a_law() {
    hold_all(MANY);
}

#[test]
fn no_kept_schedule_breaks_a_law() {
    let mut stage = stage();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept");
    let mut kept = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let schedule = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        hold(&mut stage, &path.display().to_string(), &schedule);
        kept += 1;
    }
    stage.close().unwrap();
    assert!(kept > 0);
}

#[test]
fn a_seed_says_everything() {
    let (mut one, mut other) = (stage(), stage());
    for seed in 1_000_000..1_000_020 {
        let schedule = of_seed(seed);
        let first = one.run(&schedule).unwrap().log;
        let second = other.run(&schedule).unwrap().log;
        let differ = first.iter().zip(&second).position(|(a, b)| a != b);
        if let Some(line) = differ {
            let (first, second) = (&first[..=line], &second[line]);
            panic!("seed {seed}:\n{}\nor {second}", first.join("\n"));
        }
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
    one.close().unwrap();
    other.close().unwrap();
}

#[test]
fn a_schedule_reads_back_as_it_was_written() {
    for seed in 0..200 {
        let schedule = of_seed(seed);
        let read: Schedule = toml::from_str(&schedule.to_string()).unwrap();
        assert_eq!(read, schedule, "{schedule}");
    }
}

/// A command that leaves a trace twice is noticed: the laws themselves are seen to bite.
#[test]
fn a_shrunk_schedule_keeps_only_what_the_broken_law_needs() {
    let mut stage = stage();
    let mut schedule = of_seed(3);
    schedule.faults = vec![
        Fault {
            at: Point::Before("claim"),
            nth: 1,
            what: What::Unavailable,
        },
        // No one may ever lose an event that was confirmed: the ledger does not repeat it.
        Fault {
            at: Point::Publish("upgrade-event"),
            nth: 2,
            what: What::Lost,
        },
    ];
    let violation = stage.run(&schedule).unwrap().violation.unwrap();
    assert_eq!(violation.law, "each move is announced");
    let (smallest, _) = shrink(&mut stage, &schedule, &violation).unwrap();
    assert_eq!(smallest.faults, schedule.faults[1..]);
    assert_eq!((smallest.workers, smallest.requests.len()), (1, 1));
    stage.close().unwrap();
}
