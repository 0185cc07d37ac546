//! `docs/workflow.md`: the workflow as a table and as a diagram, drawn from [`next`].

use std::fmt::Write;

use crate::names::Names;
use crate::workflow::{Case, Outcome, State, next};

const INTRODUCTION: &str = "\
# The TPVM upgrade workflow

Generated from the workflow function (`schemas/src/workflow.rs`) by
`cargo run -p schemas --example generate`; do not edit. The states and arrows are those of the topic
\"TPVM Upgrade Workflow States\" of the EFA Deployment Guide (2.5.1 to 3.0.0).

";

const DECISION: &str = "
The guide sends a failed EFA Deploy Peer and Rejoin to TPVM Revert in both cases, and says elsewhere
that TPVM Revert belongs to the Normal Upgrade only. A replaced node was installed anew and has no
snapshot to go back to, so a Node Replacement that fails there finishes as failed.
";

pub(super) fn page() -> String {
    format!("{INTRODUCTION}{}\n{}{DECISION}", diagram(), table())
}

fn diagram() -> String {
    let mut lines = vec!["```mermaid".to_owned(), "stateDiagram-v2".to_owned()];
    for state in State::ALL {
        lines.push(format!(
            "    state \"{}\" as {}",
            state.title(),
            node(state)
        ));
    }
    lines.push(format!("    [*] --> {}", node(State::WorkflowStarted)));
    for from in State::ALL {
        for (to, label) in Outcome::ALL
            .into_iter()
            .flat_map(|outcome| arrows(from, outcome))
        {
            lines.push(format!("    {} --> {}: {label}", node(from), node(to)));
        }
    }
    lines.push(format!("    {} --> [*]", node(State::WorkflowFinished)));
    lines.push("```".to_owned());
    lines.join("\n") + "\n"
}

/// Mermaid takes no hyphens in names.
fn node(state: State) -> String {
    state.slug().replace('-', "_")
}

/// The arrows out of a state on one outcome. The case is named where it makes a difference.
fn arrows(from: State, outcome: Outcome) -> Vec<(State, String)> {
    let [normal, replacement] = Case::ALL.map(|case| (case, next(from, case, outcome).ok()));
    if normal.1 == replacement.1 {
        return normal
            .1
            .map(|to| (to, outcome.slug().to_owned()))
            .into_iter()
            .collect();
    }
    [normal, replacement]
        .into_iter()
        .filter_map(|(case, to)| Some((to?, format!("{} ({})", outcome.slug(), case.title()))))
        .collect()
}

fn table() -> String {
    let mut table = String::from(
        "| State | Slug | Case | Success | Failure | What it does | Queue |\n|---|---|---|---|---|---|---|\n",
    );
    let names = Names::default();
    for state in State::ALL {
        let queue = names
            .state_queue(state)
            .map_or_else(|| "–".to_owned(), |queue| format!("`{queue}`"));
        // Writing to a string can't fail.
        let _ = writeln!(
            table,
            "| {} | `{}` | {} | {} | {} | {} | {queue} |",
            state.title(),
            state.slug(),
            cases(state),
            targets(state, Outcome::Success),
            targets(state, Outcome::Failure),
            purpose(state),
        );
    }
    table
}

/// The cases in which a state is reached or left.
fn cases(state: State) -> String {
    let takes_part = |case: &Case| {
        let leaves = |state| Outcome::ALL.map(|outcome| next(state, *case, outcome));
        leaves(state).iter().any(Result::is_ok)
            || State::ALL
                .iter()
                .any(|from| leaves(*from).contains(&Ok(state)))
    };
    let titles: Vec<_> = Case::ALL
        .into_iter()
        .filter(takes_part)
        .map(Case::title)
        .collect();
    titles.join(", ")
}

fn targets(from: State, outcome: Outcome) -> String {
    let [normal, replacement] = Case::ALL.map(|case| next(from, case, outcome).ok());
    match (normal, replacement) {
        (None, None) => "–".to_owned(),
        (Some(one), Some(other)) if one != other => format!(
            "{}: {}<br>{}: {}",
            Case::NormalUpgrade.title(),
            one.title(),
            Case::NodeReplacement.title(),
            other.title()
        ),
        (Some(to), _) | (None, Some(to)) => to.title().to_owned(),
    }
}

/// The vendor's description, shortened.
const fn purpose(state: State) -> &'static str {
    match state {
        State::WorkflowStarted => "The request was accepted.",
        State::DeviceValidation => {
            "The device has a TPVM configuration in the EFA DB, and its TPVM's IP is one of the EFA peer node IPs."
        }
        State::TpvmConfigValidation => {
            "Reads TPVM configuration and operational data from the device and decides the case."
        }
        State::TpvmConfiguration => {
            "Programs the device's running-config from the EFA DB's TPVM configuration."
        }
        State::TpvmInstallation => "Installs and starts the TPVM on the device.",
        State::TpvmUpgrade => "Upgrades the TPVM on the device.",
        State::TpvmRevert => "Rolls back the failed upgrade of the TPVM.",
        State::EfaDeployPeerAndRejoin => {
            "The active EFA node deploys EFA on the peer node again, which rejoins."
        }
        State::WorkflowFinished => "The end.",
    }
}
