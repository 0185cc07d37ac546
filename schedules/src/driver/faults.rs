//! What goes wrong: where the schedule says so, and for how long.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::Run;
use crate::point::Point;
use crate::schedule::{Fault, What};
use crate::world::Go;

/// The faults that are still to come, and how often each point was passed.
pub(super) struct Faults {
    to_come: HashMap<(Point, u32), Vec<What>>,
    passed: BTreeMap<Point, u32>,
}

impl Faults {
    pub(super) fn of(faults: &[Fault]) -> Self {
        let mut to_come: HashMap<_, Vec<What>> = HashMap::new();
        for Fault { at, nth, what } in faults {
            to_come.entry((*at, *nth)).or_default().push(*what);
        }
        Self {
            to_come,
            passed: BTreeMap::new(),
        }
    }

    /// The how manieth time it is that someone passes there, and what goes wrong.
    pub(super) fn at(&mut self, point: Point) -> (u32, Vec<What>) {
        let nth = self.passed.entry(point).or_default();
        *nth += 1;
        let faults = self.to_come.remove(&(point, *nth));
        (*nth, faults.unwrap_or_default())
    }

    /// How often each point was passed.
    pub(super) fn passed(&self) -> BTreeMap<Point, u64> {
        let passed = self.passed.iter();
        passed
            .map(|(point, count)| (*point, (*count).into()))
            .collect()
    }
}

/// Until when Postgres and RabbitMQ are away.
#[derive(Debug, Default)]
pub(super) struct Away {
    postgres_until: Duration,
    courier_until: Duration,
}

impl Away {
    pub(super) fn courier(&self, now: Duration) -> bool {
        now < self.courier_until
    }

    /// When RabbitMQ comes back that is away.
    pub(super) fn courier_back(&self, now: Duration) -> Option<Duration> {
        self.courier(now).then_some(self.courier_until)
    }

    /// Whether what lies behind the point is away.
    pub(super) fn behind(&self, point: Point, now: Duration) -> bool {
        match point {
            Point::Before(_) | Point::After(_) => now < self.postgres_until,
            Point::Publish(_) => self.courier(now),
            Point::Settle(_) | Point::Call(_) => false,
        }
    }
}

impl Run<'_> {
    /// Something goes wrong that the worker outlives, at first.
    pub(super) fn go_wrong(&mut self, worker: usize, point: Point, what: What) -> Option<Go> {
        let until = |secs: u32| self.clock.now + Duration::from_secs(secs.into());
        match what {
            What::KillAfter { secs } => match point {
                Point::Before(_) | Point::After(_) => self.workers[worker].doomed = Some(secs),
                Point::Publish(_) | Point::Settle(_) | Point::Call(_) => {
                    self.workers[worker].replaced_after = secs;
                    return Some(Go::Wrong(what));
                }
            },
            What::PostgresAway { secs } => self.away.postgres_until = until(secs),
            What::CourierAway { secs } => {
                self.away.courier_until = until(secs);
                self.world.state().queues.give_back_all(None);
            }
            What::Forget => self.world.state().queues.forget(),
            What::Jump { secs } => {
                self.clock.jump(secs);
                self.due = None;
            }
            what => return Some(Go::Wrong(what)),
        }
        None
    }
}
