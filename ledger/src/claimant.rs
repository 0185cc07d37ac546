//! Who asks for a step.

use uuid::Uuid;

/// One who asks for a step until there is an answer.
///
/// A question whose answer was lost may have been granted. Such a claim is nobody's: only who asked
/// could act under it, and asks again. So each question takes over what was granted to earlier
/// ones of the same claimant, instead of waiting for that to end.
///
/// Each question has a token of its own all the same. One that reaches Postgres late is granted to
/// nobody; with a token in common it could give the step back to a holder who has lost it.
#[derive(Debug)]
pub struct Claimant {
    worker: String,
    first: Uuid,
    asked: u32,
}

/// One question for a step.
#[derive(Clone, Debug)]
pub struct Question {
    pub(crate) worker: String,
    /// The claimant's first; those from it up to this one's are the earlier questions'.
    pub(crate) first: Uuid,
    pub(crate) token: Uuid,
}

impl Claimant {
    /// Somebody who has not asked yet; `worker` is the name that operators see.
    pub fn new(worker: &str) -> Self {
        Self {
            worker: worker.to_owned(),
            first: Uuid::new_v4(),
            asked: 0,
        }
    }

    /// The next question.
    pub fn ask(&mut self) -> Question {
        let token = self.first.as_u128().wrapping_add(self.asked.into());
        self.asked = self.asked.saturating_add(1);
        Question {
            worker: self.worker.clone(),
            first: self.first,
            token: Uuid::from_u128(token),
        }
    }
}
