//! Time passes when nobody can do anything, and no further than until somebody can.

use std::time::Duration;

use super::Run;
use super::process::Process;
use crate::laws::{Held, broken};
use crate::stage::Stage;

/// Longer than any schedule takes that gets on.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);
/// How long someone sleeps at least, so that time passes in steps of this while anyone does.
const STEP: Duration = Duration::from_secs(1);
/// A little later than the engine announces ends that nobody has announced.
const END_GRACE: Duration = Duration::from_secs(31);

/// The time since the beginning, and what Postgres' clock makes of it.
#[derive(Debug, Default)]
pub(super) struct Clock {
    pub(super) now: Duration,
    /// By how many seconds Postgres' clock has jumped.
    jumped: i64,
    /// Jumps forward that wait until no command is on its way.
    jumps: Vec<i32>,
}

impl Clock {
    /// Postgres' clock jumps: back at once, forward when it may.
    pub(super) fn jump(&mut self, secs: i32) {
        match secs < 0 {
            true => self.jumped += i64::from(secs),
            false => self.jumps.push(secs),
        }
    }

    /// The jumps forward may happen; whether one did.
    fn jump_forward(&mut self) -> bool {
        let jumps = std::mem::take(&mut self.jumps);
        self.jumped += jumps.iter().copied().map(i64::from).sum::<i64>();
        !jumps.is_empty()
    }
}

impl Run<'_> {
    /// Nobody can go on: time passes until somebody can.
    pub(super) fn pass_time(&mut self) -> anyhow::Result<Held> {
        let now = self.clock.now;
        let due = self.due()?;
        let is_due = due.is_some_and(|due| due <= now);
        if is_due && self.workers.iter().any(|worker| worker.asks(now)) {
            return Ok(Ok(()));
        }
        let state = self.world.state();
        let arrives = state.on_the_way.iter().map(|command| command.arrives).min();
        let ready = state.queues.next_ready(now);
        drop(state);
        // Whoever stands still may have leave to send.
        let idle = !self.workers.iter().any(Process::has_work);
        if idle && arrives.is_none() && self.clock.jump_forward() {
            self.due = None;
        }
        let asleep = self.workers.iter().any(Process::is_at_work);
        let due = if is_due { Some(now + STEP) } else { due };
        let soonest = [
            arrives,
            ready,
            self.away.courier_back(now),
            self.agenda.next(),
            due,
            // Something may come of every second that someone sleeps.
            asleep.then(|| now + STEP),
        ];
        let Some(next) = soonest.into_iter().flatten().min() else {
            return Ok(broken("every schedule ends", "nothing more comes"));
        };
        let next = next.max(now);
        if next > LONGEST {
            return Ok(broken(
                "every schedule ends",
                format!("it goes on after {next:?}"),
            ));
        }
        self.advance(next);
        self.happen()
    }

    /// When the ledger has something to announce.
    pub(super) fn due(&mut self) -> anyhow::Result<Option<Duration>> {
        if let Some(due) = self.due {
            return Ok(due);
        }
        self.set_clock()?;
        let Stage {
            driver, database, ..
        } = &*self.stage;
        let seconds = driver.block_on(database.seconds_until_due(END_GRACE))?;
        let now = self.clock.now;
        let due = seconds.map(|seconds| now + Duration::from_secs_f64(seconds.max(0.0)));
        self.due = Some(due);
        Ok(due)
    }

    /// Lets time pass.
    fn advance(&mut self, to: Duration) {
        let by = to - self.clock.now;
        self.clock.now = to;
        self.world.state().advance(to);
        for (worker, bench) in self.workers.iter_mut().zip(&self.stage.benches) {
            match &mut worker.stalled {
                Some(behind) => *behind += by,
                None => bench.advance(by),
            }
        }
    }

    /// Sets Postgres' clock.
    pub(super) fn set_clock(&mut self) -> anyhow::Result<()> {
        let Stage {
            driver, database, ..
        } = &mut *self.stage;
        driver.block_on(database.set_clock(self.clock.now, self.clock.jumped))
    }
}
