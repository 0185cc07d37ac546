//! Every way through the workflow's table, walked out of the workflow function itself: a new state
//! or arrow is on a walk without anyone's doing.

use std::collections::BTreeSet;
use std::fmt;

use schemas::{Case, Outcome, State, Verdict, next};

/// One way from the first state to the last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Walk {
    pub case: Case,
    /// Each state that is left, and how it ended.
    pub steps: Vec<(State, Outcome)>,
}

impl Walk {
    /// All ways of both cases.
    pub fn all() -> BTreeSet<Walk> {
        let mut walks = BTreeSet::new();
        for case in Case::ALL {
            walk(case, State::WorkflowStarted, Vec::new(), &mut walks);
        }
        walks
    }

    /// The way on which exactly these states fail.
    pub fn failing(case: Case, failing: &[State]) -> Walk {
        let is_it = |walk: &Walk| walk.case == case && walk.failed() == failing;
        let mut all = Self::all().into_iter();
        all.find(is_it)
            .unwrap_or_else(|| panic!("no walk of a {case} fails in {failing:?}"))
    }

    /// The states that fail, in order.
    pub fn failed(&self) -> Vec<State> {
        let failed = |step: &&(State, Outcome)| step.1 == Outcome::Failure;
        let failed = self.steps.iter().filter(failed);
        failed.map(|(state, _)| *state).collect()
    }

    /// How a state ends; nothing for one that is not on the way.
    pub fn outcome(&self, state: State) -> Option<Outcome> {
        let step = self.steps.iter().find(|step| step.0 == state);
        step.map(|(_, outcome)| *outcome)
    }

    /// How an upgrade that went this way has ended.
    pub fn verdict(&self) -> Verdict {
        match self.steps.last() {
            Some((State::TpvmRevert, Outcome::Success)) => Verdict::Reverted,
            Some((State::TpvmRevert, Outcome::Failure)) => Verdict::RevertFailed,
            Some((_, Outcome::Failure)) => Verdict::Failed,
            Some((_, Outcome::Success)) | None => Verdict::Succeeded,
        }
    }
}

impl fmt::Display for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.case)?;
        for state in self.failed() {
            write!(f, ", {}", state.failed_slug())?;
        }
        Ok(())
    }
}

fn walk(case: Case, at: State, steps: Vec<(State, Outcome)>, walks: &mut BTreeSet<Walk>) {
    assert!(steps.len() < State::ALL.len(), "no end in sight: {steps:?}");
    if at == State::WorkflowFinished {
        walks.insert(Walk { case, steps });
        return;
    }
    for outcome in Outcome::ALL {
        if let Ok(to) = next(at, case, outcome) {
            let further = [&steps[..], &[(at, outcome)]].concat();
            walk(case, to, further, walks);
        }
    }
}
