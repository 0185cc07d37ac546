//! Someone waits at a point, and goes on: or dies there, stands still, or meets a fault.

use std::time::Duration;

use super::Run;
use super::agenda::Event;
use crate::laws::{self, Held};
use crate::point::Point;
use crate::schedule::What;
use crate::world::Go;

impl Run<'_> {
    /// Lets someone go on who waits at a point, or meet what goes wrong there.
    pub(super) fn let_go(&mut self, index: usize) -> anyhow::Result<Held> {
        let (point, worker, request) = {
            let state = self.world.state();
            let waiting = &state.waiting[index];
            let Some(point) = waiting.point else {
                return Ok(Ok(()));
            };
            (point, waiting.worker, waiting.request)
        };
        let (nth, faults) = self.faults.at(point);
        let who = match request {
            Some(request) => format!("w{worker} for r{request}"),
            None => format!("w{worker}"),
        };
        self.say(format!("{who}: {point} ({nth})"));
        let mut go = Go::On;
        let mut stops = false;
        for what in faults {
            *self.counts.faults.entry(what.name()).or_default() += 1;
            self.say(format!("    {what:?}"));
            match what {
                What::Kill { secs } => {
                    self.kill(worker, secs);
                    return Ok(Ok(()));
                }
                What::Stall { secs } => {
                    self.stall(index, secs);
                    return Ok(Ok(()));
                }
                What::Stop { secs } => {
                    self.workers[worker].stopping = Some(secs);
                    // The signal comes before what it waits for, or right after it.
                    if self.rng.bool() {
                        self.stop(worker);
                        return Ok(Ok(()));
                    }
                    stops = true;
                }
                what => go = self.go_wrong(worker, point, what).unwrap_or(go),
            }
        }
        if let (Point::After(_), Some(secs)) = (point, self.workers[worker].doomed.take()) {
            self.kill(worker, secs);
            return Ok(Ok(()));
        }
        let held = self.go_past(index, go, Duration::ZERO);
        if stops {
            self.stop(worker);
        }
        held
    }

    /// The worker stands still. It waits on where it does, and is the first to go on.
    fn stall(&mut self, index: usize, secs: u32) {
        let mut state = self.world.state();
        let first = state.waiting.remove(index);
        let worker = first.worker;
        state.waiting.insert(0, first);
        drop(state);
        self.workers[worker].stalled = Some(Duration::ZERO);
        self.plan(secs, Event::GoOn(worker));
    }

    /// A stalled process goes on where it stood, by the time that it is now: past its point before
    /// anyone in it sees how late it is. Not past a statement: that could be given up in its
    /// middle, and nobody but Postgres would decide what becomes of it.
    pub(super) fn go_on(&mut self, worker: usize) -> anyhow::Result<Held> {
        let Some(behind) = self.workers[worker].stalled.take() else {
            return Ok(Ok(()));
        };
        self.say(format!("w{worker} goes on"));
        let first = {
            let state = self.world.state();
            let mut waiting = state.waiting.iter();
            let first = waiting.position(|waiting| waiting.worker == worker);
            first.filter(|index| !matches!(state.waiting[*index].point, Some(Point::Before(_))))
        };
        match first {
            Some(first) => self.go_past(first, Go::On, behind),
            None => {
                self.set_clock()?;
                self.stage.benches[worker].advance(behind);
                Ok(Ok(()))
            }
        }
    }

    /// Lets someone past a point whose worker's clock is `behind` by so much.
    fn go_past(&mut self, index: usize, go: Go, behind: Duration) -> anyhow::Result<Held> {
        let waiting = self.world.state().waiting.remove(index);
        let worker = waiting.worker;
        let Some(point) = waiting.point else {
            return Ok(Ok(()));
        };
        let go = match self.away.behind(point, self.clock.now) {
            true => Go::Away,
            false => go,
        };
        if let Point::Before(_) = point {
            self.set_clock()?;
            self.due = None;
        }
        let others = self.steps_of_others(worker, point)?;
        // Whoever was aborted meanwhile hears nothing.
        let _ = waiting.release.send(go);
        self.stage.benches[worker].advance(behind);
        let held = self.untouched(worker, point, &others)?;
        if held.is_err() {
            return Ok(held);
        }
        match point {
            Point::Before("accept" | "record") => self.look_at_the_ledger(),
            Point::Call(_) => Ok(laws::always(&self.world.state(), &[])),
            _ => Ok(Ok(())),
        }
    }
}
