//! Explores the protocol's model with any bounds: `cargo run --release -p model -- --help`.
#![expect(clippy::print_stdout, reason = "it talks to a person on a terminal")]

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use model::checking::{self, Explored};
use model::configuration::{Configuration, Name};
use model::explain;
use model::rules::Rule;

/// Explores every world that the protocol can reach, and says which properties hold in all.
#[derive(Parser)]
#[command(bin_name = "cargo run --release -p model --")]
struct Options {
    /// What to explore. Without a name: everything.
    names: Vec<Name>,
    /// How many things go wrong at most, of any kind and at any moment.
    #[arg(long, default_value_t = 1)]
    faults: u8,
    /// How many workers there are.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    workers: u8,
    /// How many threads explore.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
    /// A rule that does not hold. Its counterexample is shown, the shortest one.
    #[arg(long, value_name = "RULE")]
    without: Vec<Rule>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut holds = true;
    println!("{}", explain::head());
    for name in options.names() {
        let configuration = options.configuration(name);
        let explored = checking::explore(configuration.clone(), usize::from(options.threads));
        println!("{}", explain::row(name, &configuration, &explored));
        holds &= explored.complete && explored.missing.is_empty();
        show_violations(&configuration, &explored);
    }
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn show_violations(configuration: &Configuration, explored: &Explored) {
    for property in &explored.missing {
        println!("\nThis should happen somewhere, and does not: {property}.");
    }
    for property in &explored.violated {
        if let Some(found) = checking::counterexample(configuration, property) {
            println!("\nNot so: {property}.\n{found}");
        }
    }
}

impl Options {
    fn names(&self) -> Vec<Name> {
        if self.names.is_empty() {
            Name::value_variants().to_vec()
        } else {
            self.names.clone()
        }
    }

    fn configuration(&self, name: Name) -> Configuration {
        let mut configuration = name.with_faults(self.faults);
        configuration.workers = usize::from(self.workers);
        let rules = self.without.iter();
        rules.fold(configuration, |configuration, rule| {
            configuration.without(*rule)
        })
    }
}
