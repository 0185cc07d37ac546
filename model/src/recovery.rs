//! Liveness: from every reachable world an end can be reached once nothing more goes wrong.
//!
//! Without faults a world goes on to finitely many others only. Each of them is reachable too, and
//! so is looked at as well. If an end can be reached from all of them, no schedule that gives every
//! possible step its chance again and again can avoid it: every accepted upgrade ends.
//!
//! This is a search of its own, asked for in every world. The checker's `eventually` would not do:
//! it takes no notice of cycles, and waiting for a device is one; and where two ways join, it
//! follows the first only.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::action::Action;
use crate::checking::Protocol;
use crate::world::World;

/// By the hash of a world: whether an end can be reached from it, as far as that is known.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<u64, bool>>);

impl Known {
    fn of(&self, hash: u64) -> Option<bool> {
        self.lock().get(&hash).copied()
    }

    fn learn(&self, hashes: impl IntoIterator<Item = u64>, possible: bool) {
        let learnt = hashes.into_iter().map(|hash| (hash, possible));
        self.lock().extend(learnt);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A world on the way, and what is still to be tried from it.
struct Visit {
    hash: u64,
    world: World,
    untried: Vec<Action>,
}

/// Whether an end can be reached from here without any more faults. Depth first.
pub fn possible(protocol: &Protocol, world: &World) -> bool {
    let mut seen = HashSet::new();
    let mut way: Vec<Visit> = Vec::new();
    let mut next = Some(world.clone());
    loop {
        if let Some(world) = next.take() {
            let hash = hash(&world);
            match judge(protocol, &world, hash) {
                Some(true) => {
                    let hashes = way.iter().map(|visit| visit.hash).chain([hash]);
                    protocol.known.learn(hashes, true);
                    return true;
                }
                Some(false) => {}
                None if seen.insert(hash) => way.push(Visit::new(protocol, hash, world)),
                None => {}
            }
        }
        let Some(visit) = way.last_mut() else {
            // Everything from here on was tried.
            protocol.known.learn(seen, false);
            return false;
        };
        match visit.untried.pop() {
            Some(action) => next = protocol.after(&visit.world, action),
            None => {
                way.pop();
            }
        }
    }
}

/// What can be said without going on. What must not happen at all has properties of its own.
fn judge(protocol: &Protocol, world: &World, hash: u64) -> Option<bool> {
    if over(world) || world.witness.is_final() {
        return Some(true);
    }
    protocol.known.of(hash)
}

/// Every request is answered, every upgrade has ended, and all of it was told.
fn over(world: &World) -> bool {
    let answered = world.requesters.iter().all(|requester| requester.answered);
    let mut rows = world.ledger.executions.iter().enumerate();
    answered
        && rows.all(|(id, row)| {
            row.verdict.is_some()
                && row.end_announced
                && row.backlog.is_none()
                && world.witness.told_all(id, row.seq)
        })
}

fn hash(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

impl Visit {
    fn new(protocol: &Protocol, hash: u64, world: World) -> Self {
        let mut untried = Vec::new();
        world.steps(protocol.configuration.rules, &mut untried);
        // The last one is tried first.
        untried.reverse();
        Self {
            hash,
            world,
            untried,
        }
    }
}
