//! Everything at one moment, and what can happen next.

use schemas::State;

use crate::configuration::Configuration;
use crate::courier::{Courier, Message};
use crate::device::{Command, Site};
use crate::ledger::{Id, Ledger, Token};
use crate::witness::{Foul, Witness};
use crate::worker::{Stage, Task};

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// Postgres.
    pub ledger: Ledger,
    /// RabbitMQ.
    pub courier: Courier,
    /// The workers, each with at most one message.
    pub workers: Vec<Option<Task>>,
    /// The deployments.
    pub sites: Vec<Site>,
    /// Commands on their way to a device, sorted.
    pub wire: Vec<Command>,
    /// Those who asked for upgrades.
    pub requesters: Vec<Requester>,
    /// How much may still go wrong.
    pub faults_left: u8,
    /// What the checker remembers beside it.
    pub witness: Witness,
}

/// Who asked for an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Requester {
    /// The deployment.
    pub deployment: usize,
    /// The reply has come.
    pub answered: bool,
    /// The broker lost the request: only then is the requester relied on to send it again.
    pub lost: bool,
}

impl World {
    /// The start: every request is in the courier.
    pub fn new(configuration: &Configuration) -> Self {
        let mut courier = Courier::default();
        for request in 0..configuration.requests.len() {
            courier.publish(Message::Request(request));
        }
        let requester = |deployment: &usize| Requester {
            deployment: *deployment,
            answered: false,
            lost: false,
        };
        Self {
            ledger: Ledger::default(),
            courier,
            workers: vec![None; configuration.workers],
            sites: configuration.sites.clone(),
            wire: Vec::new(),
            requesters: configuration.requests.iter().map(requester).collect(),
            faults_left: configuration.faults,
            witness: Witness::default(),
        }
    }

    /// A token that nobody remembers.
    pub(crate) fn fresh_token(&self) -> Token {
        let taken = |token| {
            (0..self.ledger.executions.len()).any(|id| {
                self.remembered(id, token)
                    || self.ledger.executions[id]
                        .claim
                        .is_some_and(|held| held.token == token)
            })
        };
        let mut token = 0;
        while taken(token) {
            token += 1;
        }
        token
    }

    /// Whether a worker holds, or believes to hold, a step under this token.
    pub(crate) fn remembered(&self, id: Id, token: Token) -> bool {
        let mut held = self.workers.iter().flatten().filter_map(Task::held);
        held.any(|held| held.id == id && held.token == token)
    }

    /// Whether a message for a step waits or is in the hands of a worker, or a worker is about to
    /// announce the step.
    pub(crate) fn attended(&self, id: Id, seq: u8) -> bool {
        let names = |message: &Message| matches!(message, Message::Step { id: its, seq: number, .. } if (*its, *number) == (id, seq));
        let on_it = |task: &Task| match task.stage {
            Stage::Received => names(&task.message),
            Stage::Announce(told)
            | Stage::Defer(told)
            | Stage::Publish(told)
            | Stage::EndAnnounced(told) => (told.id, told.seq) == (id, seq),
            _ => false,
        };
        self.courier.all().iter().any(names) || self.workers.iter().flatten().any(on_it)
    }

    /// Whether a claim is not known to be held any more.
    pub(crate) fn ran_out(&self, id: Id, token: Token) -> bool {
        self.ledger.executions[id]
            .claim
            .is_none_or(|held| held.ran_out || held.token != token)
    }

    /// Whether a request waits for a worker, or is in the hands of one.
    pub(crate) fn in_work(&self, request: usize) -> bool {
        let message = Message::Request(request);
        let tasks = self.workers.iter().flatten();
        self.courier.copies(message) > 0 || tasks.into_iter().any(|task| task.message == message)
    }

    /// The first thing that must not happen. Nothing follows it.
    pub(crate) fn foul(&mut self, foul: Foul) {
        self.witness.foul.get_or_insert(foul);
    }
}

/// A step's message.
pub const fn step(id: Id, seq: u8, state: State) -> Message {
    Message::Step { id, seq, state }
}
