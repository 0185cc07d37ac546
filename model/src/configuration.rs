//! What is explored: how many of each thing, and how much may go wrong.

use clap::ValueEnum;

use crate::device::Site;
use crate::rules::{Rule, Rules};

/// What can be explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// A Normal Upgrade, which may be reverted.
    NormalUpgrade,
    /// A Node Replacement.
    NodeReplacement,
    /// Two upgrades of one deployment: the second is refused, or comes after the first.
    Rivals,
    /// Upgrades of two deployments side by side.
    Neighbours,
}

/// A bounded world.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The deployments, as they are at the start.
    pub sites: Vec<Site>,
    /// The requests, each for one of the deployments.
    pub requests: Vec<usize>,
    /// How many workers there are, each with one message at a time.
    pub workers: usize,
    /// How many things go wrong at most, of any kind and at any moment.
    pub faults: u8,
    /// The rules that hold.
    pub rules: Rules,
}

impl Name {
    /// The name on the command line.
    pub fn text(self) -> String {
        // No variant is skipped, so each has a name.
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The world of this name, with so many faults.
    pub fn with_faults(self, faults: u8) -> Configuration {
        let (installed, replaced) = (Site::installed(), Site::replaced());
        let (sites, requests) = match self {
            Name::NormalUpgrade => (vec![installed], vec![0]),
            Name::NodeReplacement => (vec![replaced], vec![0]),
            Name::Rivals => (vec![installed], vec![0, 0]),
            Name::Neighbours => (vec![installed, replaced], vec![0, 1]),
        };
        Configuration {
            sites,
            requests,
            workers: 2,
            faults,
            rules: Rules::all(),
        }
    }
}

impl Configuration {
    /// The same, with one rule less.
    #[must_use]
    pub fn without(mut self, rule: Rule) -> Self {
        self.rules = self.rules.without(rule);
        self
    }
}
