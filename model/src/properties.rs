//! What must hold in every reachable world, by the names that reports use.

use schemas::{Case, State, Verdict, next_undecided};
use stateright::Property;

use crate::checking::Protocol;
use crate::configuration::Configuration;
use crate::device::Site;
use crate::ledger::Execution;
use crate::recovery;
use crate::states::MAX_SENDS;
use crate::witness::Foul;
use crate::world::World;

/// Each disruptive command takes effect at most once for each upgrade, unless the device showed
/// that nothing came of it.
pub const ONCE: &str = "a command takes effect at most once";
/// A command takes effect only while its step goes on.
pub const IN_TIME: &str = "no command takes effect after its step";
/// A command is sent `max_sends` times in all: nothing is tried for ever.
pub const BOUNDED: &str = "no command is sent without end";
/// Each move of each execution is an arrow of the vendor's table, numbered without gaps.
pub const TABLE: &str = "history is a path of the table";
/// A request is carried out by one execution.
pub const REQUEST: &str = "a request is carried out once";
/// One unfinished upgrade in a deployment.
pub const ALONE: &str = "one unfinished upgrade in a deployment";
/// Who has lost a step does not write to it.
pub const FENCED: &str = "nobody writes after losing the claim";
/// Events tell only of what is in the ledger.
pub const TRUE: &str = "nothing is told before it is recorded";
/// Our own messages never end in the dead letters.
pub const UNDERSTOOD: &str = "no message of ours is set aside";
/// A device at work is not taken for one that has failed, or is done.
pub const READ: &str = "a device at work is not misread";
/// An upgrade that ended well has a device that is well.
pub const HONEST: &str = "a good end needs a good device";
/// An upgrade whose device received nothing does not fail for it, however many workers died.
pub const GIVEN_A_CHANCE: &str = "no step gives up before its command was sent";
/// A step at which every worker dies is given up.
pub const SURVIVABLE: &str = "no step is run for ever at which workers die";
/// From every reachable world, without further faults, every request is answered, every accepted
/// upgrade ends, and every move and every end is told. See [`crate::recovery`].
pub const ENDS: &str = "every accepted upgrade ends, and all of it is told";

/// Everything that must hold, and what shows that a configuration is worth exploring.
pub fn of(configuration: &Configuration) -> Vec<Property<Protocol>> {
    let mut properties = safety();
    properties.push(Property::always(ENDS, recovery::possible));
    properties.push(Property::sometimes("all succeed", |_, world: &World| {
        all_end(world, Verdict::Succeeded)
    }));
    properties.push(Property::sometimes(
        "an upgrade fails",
        |_, world: &World| one_ends(world, Verdict::Failed),
    ));
    if configuration.sites.contains(&Site::installed()) {
        properties.push(Property::sometimes(
            "an upgrade is reverted",
            |_, world: &World| one_ends(world, Verdict::Reverted),
        ));
        properties.push(Property::sometimes("a revert fails", |_, world: &World| {
            one_ends(world, Verdict::RevertFailed)
        }));
    }
    if configuration.faults > 0 {
        properties.push(Property::sometimes(
            "a command is sent again",
            |_, world: &World| {
                let mut intents = world.ledger.executions.iter().flat_map(|row| row.intents);
                intents.any(|intent| intent.is_some_and(|intent| intent.sends > 1))
            },
        ));
    }
    if configuration.requests.len() > configuration.sites.len() {
        properties.push(Property::sometimes(
            "a rival is refused",
            |_, world: &World| {
                let answered = world.requesters.iter().all(|requester| requester.answered);
                answered && world.ledger.executions.len() < world.requesters.len()
            },
        ));
    }
    properties
}

fn safety() -> Vec<Property<Protocol>> {
    vec![
        Property::always(ONCE, |_, world: &World| !world.witness.twice()),
        Property::always(IN_TIME, |_, world: &World| !is(world, Foul::LateEffect)),
        Property::always(BOUNDED, |_, world: &World| bounded(world)),
        Property::always(GIVEN_A_CHANCE, |_, world: &World| {
            !is(world, Foul::GaveUpEarly)
        }),
        Property::always(SURVIVABLE, |_, world: &World| {
            !is(world, Foul::RunAfterDeaths)
        }),
        Property::always(TABLE, |_, world: &World| {
            !is(world, Foul::LeftTheTable)
                && world
                    .ledger
                    .executions
                    .iter()
                    .all(|row| row.is_filed() || on_the_table(row))
        }),
        Property::always(REQUEST, |_, world: &World| carried_out_once(world)),
        Property::always(ALONE, |_, world: &World| alone(world)),
        Property::always(FENCED, |_, world: &World| {
            !is(world, Foul::WroteWithoutClaim)
        }),
        Property::always(TRUE, |_, world: &World| !is(world, Foul::ToldUnrecorded)),
        Property::always(UNDERSTOOD, |_, world: &World| !is(world, Foul::SetAside)),
        Property::always(READ, |_, world: &World| !is(world, Foul::MisreadDevice)),
        Property::always(HONEST, |_, world: &World| !is(world, Foul::FalseVerdict)),
    ]
}

fn is(world: &World, foul: Foul) -> bool {
    world.witness.foul == Some(foul)
}

fn all_end(world: &World, verdict: Verdict) -> bool {
    let rows = &world.ledger.executions;
    rows.len() == world.requesters.len() && rows.iter().all(|row| row.verdict == Some(verdict))
}

fn one_ends(world: &World, verdict: Verdict) -> bool {
    let rows = &world.ledger.executions;
    rows.iter().any(|row| row.verdict == Some(verdict))
}

fn bounded(world: &World) -> bool {
    let mut rows = world.ledger.executions.iter();
    rows.all(|row| {
        row.intents
            .iter()
            .flatten()
            .all(|intent| intent.written <= MAX_SENDS)
    })
}

fn on_the_table(row: &Execution) -> bool {
    let mut state = State::WorkflowStarted;
    let arrows = row.history.iter().zip(1..).all(|(a_move, seq)| {
        let follows = a_move.seq == seq && a_move.from == state;
        state = a_move.to;
        let by_table = next_undecided(a_move.from, case_before(row, a_move.from), a_move.outcome);
        follows && by_table == Ok(a_move.to)
    });
    let seq = usize::from(row.seq);
    arrows && row.state == state && seq == row.history.len()
}

/// The case as it was known on leaving a state: TPVM Config Validation decides it.
fn case_before(row: &Execution, from: State) -> Option<Case> {
    match from {
        State::WorkflowStarted | State::DeviceValidation => None,
        _ => row.case,
    }
}

fn carried_out_once(world: &World) -> bool {
    let rows = &world.ledger.executions;
    (0..world.requesters.len())
        .all(|request| rows.iter().filter(|row| row.request == request).count() <= 1)
}

fn alone(world: &World) -> bool {
    let rows = &world.ledger.executions;
    (0..world.sites.len()).all(|deployment| {
        let unfinished = |row: &&Execution| row.deployment == deployment && row.verdict.is_none();
        rows.iter().filter(unfinished).count() <= 1
    })
}
