//! The protocol as the checker explores it.

use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model, Path, Property};

use crate::action::Action;
use crate::configuration::Configuration;
use crate::faults;
use crate::properties;
use crate::recovery::Known;
use crate::world::World;

/// The protocol in one configuration.
pub struct Protocol {
    /// The bounds.
    pub configuration: Configuration,
    /// Worlds that differ in nothing that matters are one. Not so in a counterexample: people want
    /// to see which worker it was.
    reduced: bool,
    /// Where an end is known to be reachable from.
    pub(crate) known: Known,
}

/// What an exploration came to.
pub struct Explored {
    /// Different worlds.
    pub states: usize,
    /// The longest of the ways by which worlds were found, in steps.
    pub depth: usize,
    /// How long it took.
    pub time: Duration,
    /// Whether every reachable world was looked at.
    pub complete: bool,
    /// Properties that do not hold. More may not: the exploration stops soon after the first.
    pub violated: Vec<&'static str>,
    /// What should happen somewhere, and does not.
    pub missing: Vec<&'static str>,
}

/// How a property came not to hold: from the start, what was done and the world that it led to.
pub struct Counterexample {
    /// The start.
    pub start: World,
    /// Each step.
    pub steps: Vec<(Action, World)>,
}

/// Explores everything that is reachable.
pub fn explore(configuration: Configuration, threads: usize) -> Explored {
    let begin = Instant::now();
    let checker = protocol(configuration, true)
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let discoveries = checker.discoveries();
    let names = |expected: Expectation, found: bool| {
        let properties = checker.model().properties().into_iter();
        let named = properties.filter(|property| {
            property.expectation == expected && discoveries.contains_key(property.name) == found
        });
        named.map(|property| property.name).collect::<Vec<_>>()
    };
    let violated = names(Expectation::Always, true);
    let complete = violated.is_empty();
    Explored {
        states: checker.unique_state_count(),
        depth: checker.max_depth() - 1,
        time: begin.elapsed(),
        complete,
        missing: if complete {
            names(Expectation::Sometimes, false)
        } else {
            Vec::new()
        },
        violated,
    }
}

/// The shortest way to a world in which a property does not hold; none if it holds in all.
pub fn counterexample(
    configuration: &Configuration,
    property: &'static str,
) -> Option<Counterexample> {
    let mut shortest = None;
    let mut depth = usize::MAX;
    // The checker reports some way: ask for shorter ones until there is none.
    while let Some(path) = violation(configuration, property, depth) {
        depth = path.clone().into_vec().len();
        shortest = Some(path);
    }
    shortest.map(Counterexample::from)
}

/// Some way of less than `depth` worlds to one in which a property does not hold.
fn violation(
    configuration: &Configuration,
    property: &'static str,
    depth: usize,
) -> Option<Path<World, Action>> {
    protocol(configuration.clone(), false)
        .checker()
        .target_max_depth(depth)
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .spawn_bfs()
        .join()
        .discovery(property)
}

fn protocol(configuration: Configuration, reduced: bool) -> Protocol {
    Protocol {
        configuration,
        reduced,
        known: Known::default(),
    }
}

impl From<Path<World, Action>> for Counterexample {
    fn from(path: Path<World, Action>) -> Self {
        let (worlds, actions): (Vec<_>, Vec<_>) = path.into_vec().into_iter().unzip();
        let mut worlds = worlds.into_iter();
        let start = worlds
            .next()
            .unwrap_or_else(|| unreachable!("a path has a first world"));
        let steps = actions.into_iter().flatten().zip(worlds).collect();
        Self { start, steps }
    }
}

impl Protocol {
    /// What follows from an action; `None` if it can't happen or changes nothing.
    pub(crate) fn after(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.act(self.configuration.rules, action)?;
        if self.reduced {
            next.reduce();
        }
        Some(next)
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.configuration)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.witness.is_final() {
            return;
        }
        let rules = self.configuration.rules;
        world.steps(rules, actions);
        if world.faults_left > 0 {
            faults::possible(rules, world, actions);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        self.after(world, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(&self.configuration)
    }
}
