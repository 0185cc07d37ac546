//! Every property holds in every world that the protocol can reach, at these bounds. Each
//! exploration is exhaustive: it ends when there is nothing left to look at.
#![expect(
    clippy::print_stdout,
    reason = "the numbers of states belong to the result"
)]

use model::checking::explore;
use model::configuration::{Configuration, Name};
use model::explain;
use model::rules::Rule;

#[test]
fn a_normal_upgrade_with_two_faults() {
    holds(Name::NormalUpgrade, Name::NormalUpgrade.with_faults(2));
}

#[test]
fn a_node_replacement_with_two_faults() {
    holds(Name::NodeReplacement, Name::NodeReplacement.with_faults(2));
}

#[test]
fn two_upgrades_of_one_deployment() {
    holds(Name::Rivals, Name::Rivals.with_faults(0));
}

#[test]
fn upgrades_of_two_deployments_side_by_side() {
    holds(Name::Neighbours, Name::Neighbours.with_faults(0));
}

/// That others can't claim a held step saves them the work; nothing rests on it.
#[test]
fn without_claims_that_exclude_others() {
    let configuration = Name::NormalUpgrade.with_faults(1);
    holds(
        Name::NormalUpgrade,
        configuration.without(Rule::ClaimsExclude),
    );
}

/// No two claims have one token, so the step's number adds nothing to it. It would have to do
/// without the token: see the test of both.
#[test]
fn without_the_steps_number_in_writes() {
    let configuration = Name::NormalUpgrade.with_faults(1);
    holds(Name::NormalUpgrade, configuration.without(Rule::FenceBySeq));
}

fn holds(name: Name, configuration: Configuration) {
    let explored = explore(configuration.clone(), 1);
    println!(
        "{}\n{}",
        explain::head(),
        explain::row(name, &configuration, &explored)
    );
    assert_eq!(explored.violated, Vec::<&str>::new());
    assert_eq!(explored.missing, Vec::<&str>::new());
    assert!(explored.complete);
}
