//! Letters on their way back to the queues that they came from.

use super::{DeadLetter, DeadLetters, NoWayBack};
use crate::error::{BrokerError, PublishError};
use crate::publisher::Publisher;

/// Why a letter did not go back to its queue, or is still among the dead letters.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// Nothing says where to.
    #[error(transparent)]
    NoWayBack(#[from] NoWayBack),
    /// It is not known to be in its queue; it is still among the dead letters.
    #[error("it stays among the dead letters")]
    Publish(#[from] PublishError),
    /// It is in its queue, and may be among the dead letters too: redriving it again is safe.
    #[error("it is in its queue again, but may still be among the dead letters")]
    Kept(#[source] BrokerError),
}

impl DeadLetters {
    /// Puts letters back into the queues that they came from, in this order, as if they had never
    /// been here. Each is removed here once its queue has it: a crash between the two doubles it,
    /// which workers tolerate. One result for each letter.
    pub async fn redrive(
        &mut self,
        publisher: &Publisher,
        letters: &[DeadLetter],
    ) -> Vec<Result<(), RedriveError>> {
        let mut sent = Vec::with_capacity(letters.len());
        for letter in letters {
            sent.push(match letter.way_back() {
                Ok(queue) => Ok(publisher.redrive(letter, queue).await),
                Err(why) => Err(why),
            });
        }
        let mut results = Vec::with_capacity(letters.len());
        for (letter, sent) in letters.iter().zip(sent) {
            results.push(match sent {
                Ok(Ok(unconfirmed)) => match unconfirmed.confirmed().await {
                    Ok(()) => self.remove(letter).await.map_err(RedriveError::Kept),
                    Err(error) => Err(error.into()),
                },
                Ok(Err(error)) => Err(error.into()),
                Err(why) => Err(why.into()),
            });
        }
        results
    }
}
