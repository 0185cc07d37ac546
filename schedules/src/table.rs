//! What a long run comes to, as a table.

use std::time::Duration;

use schedules::{Counts, Point};

/// Prints it.
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
    println!("| upgrades ended | {upgrades} |");
    for (verdict, count) in &counts.verdicts {
        println!("| – {verdict} | {count} |");
    }
    println!("| faults | {faults} |");
    for (fault, count) in &counts.faults {
        println!("| – {fault} | {count} |");
    }
    println!("| statements in Postgres | {} |", counts.statements());
    println!("| messages handed out | {} |", counts.delivered);
    println!("| hours that passed | {} |", counts.time.as_secs() / 3_600);
    println!("| violations | {violations} |");
    println!("| seconds | {seconds:.0} ({rate:.1} schedules a second) |");
    let missed = Point::all()
        .into_iter()
        .filter(|point| !counts.passed.contains_key(point))
        .map(|point| point.to_string());
    let missed: Vec<_> = missed.collect();
    if !missed.is_empty() {
        println!("\nNever passed: {}", missed.join(", "));
    }
}
