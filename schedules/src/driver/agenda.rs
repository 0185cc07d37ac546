//! What happens at a time of its own: requests, and processes that start or go on.

use std::time::Duration;

use broker::Outgoing;
use schemas::TraceContext;
use schemas::names::Names;

use super::Run;
use crate::fleet::request;
use crate::laws::Held;
use crate::schedule::Request;
use crate::world::request_id;

/// How long a requester waits for an answer before it asks again.
const ASK_AGAIN: Duration = Duration::from_secs(90);

#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A request is made, unless it was answered.
    Ask(usize),
    /// A request is made a second time.
    AskTwice(usize),
    Start(usize),
    GoOn(usize),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Agenda(Vec<(Duration, Event)>);

impl Agenda {
    pub(super) fn of(requests: &[Request]) -> Self {
        let mut agenda = Self(Vec::new());
        for (index, request) in requests.iter().enumerate() {
            let at = Duration::from_secs(request.at.into());
            agenda.add(at, Event::Ask(index));
            if request.twice {
                agenda.add(at, Event::AskTwice(index));
            }
        }
        agenda
    }

    fn add(&mut self, at: Duration, event: Event) {
        self.0.push((at, event));
    }

    /// When the next thing happens.
    pub(super) fn next(&self) -> Option<Duration> {
        self.0.iter().map(|(at, _)| *at).min()
    }

    /// Somebody still waits for an answer.
    pub(super) fn has_requests(&self) -> bool {
        let mut events = self.0.iter();
        events.any(|(_, event)| matches!(event, Event::Ask(_)))
    }

    fn take_until(&mut self, now: Duration) -> Vec<Event> {
        let (due, later) = std::mem::take(&mut self.0)
            .into_iter()
            .partition::<Vec<_>, _>(|(at, _)| *at <= now);
        self.0 = later;
        due.into_iter().map(|(_, event)| event).collect()
    }
}

impl Run<'_> {
    pub(super) fn plan(&mut self, secs: u32, event: Event) {
        let at = self.clock.now + Duration::from_secs(secs.into());
        self.agenda.add(at, event);
    }

    /// What the agenda has for now.
    pub(super) fn happen(&mut self) -> anyhow::Result<Held> {
        for event in self.agenda.take_until(self.clock.now) {
            match event {
                Event::Ask(index) if !self.is_answered(index) => {
                    self.ask(index);
                    self.agenda.add(self.clock.now + ASK_AGAIN, event);
                }
                Event::Ask(_) => {}
                Event::AskTwice(index) => self.ask(index),
                Event::Start(worker) => self.start(worker)?,
                Event::GoOn(worker) => {
                    let held = self.go_on(worker)?;
                    if held.is_err() {
                        return Ok(held);
                    }
                }
            }
        }
        Ok(Ok(()))
    }

    fn ask(&mut self, index: usize) {
        if self.away.courier(self.clock.now) {
            return;
        }
        self.say(format!("r{index} is requested"));
        let mut state = self.world.state();
        let message = request(self.schedule, index).map(|request| {
            let trace = TraceContext::new_root();
            Outgoing::request(
                &Names::default(),
                &request,
                Some("replies".to_owned()),
                trace,
            )
        });
        let now = state.now;
        let taken = message
            .map_err(|error| error.to_string())
            .and_then(|message| state.queues.take(message, now, now));
        if let Err(complaint) = taken {
            state.complain(complaint);
        }
    }

    fn is_answered(&self, index: usize) -> bool {
        let id = request_id(index);
        let state = self.world.state();
        let mut replies = state.queues.replies.iter();
        replies.any(|reply| reply.request_id == Some(id))
    }
}
