//! An upgrade with the ways in which it fails.

use schemas::{Case, Outcome, State};
use simulator::{DeploymentOptions, Fault, Profile, Standby};

use crate::walks::Walk;
use crate::ways::Way;

/// An upgrade, what goes wrong with it, and the walk that must come of it.
#[derive(Clone, Debug)]
pub struct Upgrade {
    pub name: String,
    pub walk: Walk,
    pub(super) ways: Vec<(State, Way)>,
    faults: Vec<Fault>,
    profile: Profile,
    /// A redeploy that failed while nobody had its answer is asked for once more.
    redeploys: u64,
}

impl Upgrade {
    /// Nothing fails.
    pub fn smooth(case: Case) -> Self {
        Self::failing(case, &[])
    }

    /// These states fail, each in this way.
    pub fn failing(case: Case, ways: &[(State, Way)]) -> Self {
        let states: Vec<State> = ways.iter().map(|(state, _)| *state).collect();
        let walk = Walk::failing(case, &states);
        let what = ways.iter().flat_map(|(_, way)| &way.faults);
        let what: String = what
            .map(|fault| format!(", {} {:?}", fault.on, fault.kind))
            .collect();
        Self {
            name: format!("{walk}{what}"),
            walk,
            ways: ways.to_vec(),
            faults: Vec::new(),
            profile: Profile::default(),
            redeploys: 1,
        }
    }

    /// The answer to the redeploy gets lost: it fails, which nothing shows, and is asked for again.
    pub fn repeats_redeploy(&mut self) {
        self.redeploys = 2;
    }

    /// One upgrade for each walk there is.
    pub fn of_each_walk() -> Vec<Self> {
        let upgrade = |walk: Walk| {
            let failed = walk.failed();
            // A revert has something to do only if the upgrade had.
            let needs_effect = failed.len() > 1;
            let way = |state: State| {
                let mut ways = crate::ways::ways(state, walk.case).into_iter();
                let way = ways.find(|way| way.carried_out || !needs_effect);
                (state, way.expect("each state fails in some way"))
            };
            let ways: Vec<_> = failed.iter().map(|state| way(*state)).collect();
            Self::failing(walk.case, &ways)
        };
        Walk::all().into_iter().map(upgrade).collect()
    }

    /// Each call goes wrong once only, as far as it was not said how often.
    pub fn fails_once_only(&mut self) {
        let faults = self.ways.iter_mut().flat_map(|(_, way)| &mut way.faults);
        faults.for_each(|fault| fault.times = fault.times.or(Some(1)));
    }

    /// With a fault that must make no difference at the end.
    pub fn with(mut self, fault: Fault) -> Self {
        self.name += &format!("; {} {:?}", fault.on, fault.kind);
        self.faults.push(fault);
        self
    }

    /// On switches of this kind.
    pub fn on(mut self, profile: Profile) -> Self {
        self.name += &format!("; on {profile:?}");
        self.profile = profile;
        self
    }

    /// The first state that fails.
    pub fn fails_in(&self) -> Option<State> {
        self.walk.failed().first().copied()
    }

    /// How often each of [`tests::DISRUPTIVE`] takes effect.
    pub fn effects(&self) -> [u64; 4] {
        let carried_out = |state: State| match self.walk.outcome(state) {
            None => false,
            Some(Outcome::Success) => true,
            Some(Outcome::Failure) => {
                let mut ways = self.ways.iter().filter(|way| way.0 == state);
                ways.any(|(_, way)| way.carried_out)
            }
        };
        let upgraded = carried_out(State::TpvmUpgrade);
        [
            u64::from(upgraded),
            u64::from(carried_out(State::TpvmInstallation)),
            u64::from(upgraded && carried_out(State::TpvmRevert)),
            u64::from(carried_out(State::EfaDeployPeerAndRejoin)) * self.redeploys,
        ]
    }

    /// All that goes wrong, whether or not it makes a difference.
    pub(super) fn faults(&self) -> impl Iterator<Item = &Fault> {
        let ways = self.ways.iter().flat_map(|(_, way)| &way.faults);
        ways.chain(&self.faults)
    }

    /// The deployment that it is for.
    pub(super) fn deployment(&self) -> DeploymentOptions {
        DeploymentOptions {
            standby: match self.walk.case {
                Case::NormalUpgrade => Standby::Installed,
                Case::NodeReplacement => Standby::Replaced,
            },
            profile: self.profile,
            ..DeploymentOptions::default()
        }
    }
}
