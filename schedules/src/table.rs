//! What a long run comes to, as tables.

use std::collections::BTreeMap;
use std::time::Duration;

use schedules::{Counts, Point};

/// How many faults stand in a line.
const ABREAST: usize = 3;

/// Prints them.
pub fn print(first: u64, schedules: u64, counts: &Counts, violations: u64, took: Duration) {
    let upgrades: u64 = counts.verdicts.values().sum();
    let faults: u64 = counts.faults.values().sum();
    let seconds = took.as_secs_f64().max(0.001);
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = schedules as f64 / seconds;
    println!("\n| | |\n|---|---|");
    println!(
        "| schedules (seeds {first} to {}) | {schedules} |",
        first + schedules.max(1) - 1
    );
    let verdicts: Vec<_> = counts
        .verdicts
        .iter()
        .map(|(v, n)| format!("{n} {v}"))
        .collect();
    println!("| upgrades ended | {upgrades}: {} |", verdicts.join(", "));
    println!("| faults | {faults} |");
    println!("| statements in Postgres | {} |", counts.statements());
    println!("| messages handed out | {} |", counts.delivered);
    println!("| hours that passed | {} |", counts.time.as_secs() / 3_600);
    println!("| violations | {violations} |");
    println!("| seconds | {seconds:.0} ({rate:.1} schedules a second) |");
    print_faults(&counts.faults);
    let missed = Point::all()
        .into_iter()
        .filter(|point| !counts.passed.contains_key(point))
        .map(|point| point.to_string());
    let missed: Vec<_> = missed.collect();
    if !missed.is_empty() {
        println!("\nNever passed: {}", missed.join(", "));
    }
}

fn print_faults(faults: &BTreeMap<String, u64>) {
    println!("\n{}|", "| fault | number ".repeat(ABREAST));
    println!("{}|", "|---|---:".repeat(ABREAST));
    let faults: Vec<_> = faults.iter().collect();
    for line in faults.chunks(ABREAST) {
        let mut cells: Vec<_> = line.iter().map(|(f, n)| format!("| {f} | {n} ")).collect();
        cells.resize(ABREAST, "| | ".to_owned());
        println!("{}|", cells.concat());
    }
}
