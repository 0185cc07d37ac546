//! A worker that dies, or stands still, at a named point of a message's life.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use schemas::State;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Context;
use worker::points::{Point, TARGET};

/// What happens to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// SIGKILL: nothing of it is left.
    Crash,
    /// SIGSTOP: all of it stands still until somebody sends SIGCONT.
    Stall,
    /// A panic of the task that passes.
    Panic,
}

/// A part of a worker that runs in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Receives messages.
    Consumer,
    /// Publishes; there are three, for steps, events and replies.
    Publisher,
    /// A lane of the ledger, by the name of its kind of statement.
    Lane(&'static str),
}

impl Part {
    const ALL: [Part; 8] = [
        Part::Consumer,
        Part::Publisher,
        Part::Lane("AcceptRequests"),
        Part::Lane("ClaimSteps"),
        Part::Lane("RenewClaims"),
        Part::Lane("NoteFacts"),
        Part::Lane("RecordTransitions"),
        Part::Lane("WaitForLater"),
    ];

    /// The name, and what it logs in its own task.
    fn line(self) -> (&'static str, &'static str) {
        match self {
            Part::Consumer => ("consumer", "the consumer is connected"),
            Part::Publisher => ("publisher", "the publisher is connected"),
            Part::Lane(statement) => (statement, "carrying out a batch"),
        }
    }
}

/// What a process passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Point(Point),
    /// A part's own task, at work.
    In(Part),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Point(point) => point.fmt(f),
            Place::In(part) => f.write_str(part.line().0),
        }
    }
}

impl FromStr for Place {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let part = Part::ALL.into_iter().find(|part| part.line().0 == text);
        Ok(match part {
            Some(part) => Place::In(part),
            None => Place::Point(text.parse()?),
        })
    }
}

/// Where a worker process meets its fate, which it does once, or from then on always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    fate: Fate,
    place: Place,
    state: Option<State>,
    nth: u32,
    always: bool,
}

impl Trap {
    /// The environment variable by which `tpvm-worker-at` is told its trap.
    pub const VARIABLE: &str = "TPVM_TRAP";

    /// SIGKILL, the first time that the process passes this point.
    pub fn crash(point: Point) -> Self {
        Self {
            fate: Fate::Crash,
            place: Place::Point(point),
            state: None,
            nth: 1,
            always: false,
        }
    }

    /// SIGSTOP, the first time that the process passes this point. A test sees it with
    /// [`Process::stalled`](crate::Process::stalled) and ends it with the signal `CONT`.
    pub fn stall(point: Point) -> Self {
        Self {
            fate: Fate::Stall,
            ..Self::crash(point)
        }
    }

    /// A panic, the first time that the process passes this point: a defect of whatever passes.
    pub fn panic(point: Point) -> Self {
        Self {
            fate: Fate::Panic,
            ..Self::crash(point)
        }
    }

    /// A panic of a part's task, once that is at work.
    ///
    /// # Panics
    /// If there is no such part.
    pub fn panic_in(part: Part) -> Self {
        assert!(Part::ALL.contains(&part), "{part:?} is no part");
        Self {
            place: Place::In(part),
            ..Self::panic(Point::Received)
        }
    }

    /// Not only once.
    pub fn always(self) -> Self {
        Self {
            always: true,
            ..self
        }
    }

    /// Only with a message that acts in this state; requests are in `WorkflowStarted`.
    pub fn in_state(self, state: State) -> Self {
        Self {
            state: Some(state),
            ..self
        }
    }

    /// The `nth` time, from 1.
    pub fn nth(self, nth: u32) -> Self {
        Self { nth, ..self }
    }

    /// The layer that watches for the point, in the process itself.
    pub fn layer(self) -> impl Layer<tracing_subscriber::Registry> {
        let watch = Watch {
            trap: self,
            passed: AtomicU32::new(0),
        };
        let targets = Targets::new()
            .with_target(TARGET, LevelFilter::TRACE)
            .with_target("ledger::coalesce", LevelFilter::TRACE)
            .with_target("broker", LevelFilter::INFO);
        watch.with_filter(targets)
    }
}

/// `crash intended tpvm-upgrade 1`; `-` for any state, `1+` for always.
impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = match self.fate {
            Fate::Crash => "crash",
            Fate::Stall => "stall",
            Fate::Panic => "panic",
        };
        let state = self.state.map_or("-", State::slug);
        let always = if self.always { "+" } else { "" };
        write!(f, "{fate} {} {state} {}{always}", self.place, self.nth)
    }
}

impl FromStr for Trap {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<&str> = text.split(' ').collect();
        let [fate, point, state, nth] = words[..] else {
            anyhow::bail!("{text:?} is no trap");
        };
        Ok(Self {
            fate: match fate {
                "crash" => Fate::Crash,
                "stall" => Fate::Stall,
                "panic" => Fate::Panic,
                _ => anyhow::bail!("{fate:?} is no fate"),
            },
            place: point.parse()?,
            state: match state {
                "-" => None,
                state => Some(state.parse()?),
            },
            nth: nth.trim_end_matches('+').parse()?,
            always: nth.ends_with('+'),
        })
    }
}

struct Watch {
    trap: Trap,
    passed: AtomicU32,
}

impl<S: Subscriber> Layer<S> for Watch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut found = Found {
            trap: self.trap,
            place: false,
            state: self.trap.state.is_none(),
            statement: true,
        };
        event.record(&mut found);
        if !(found.place && found.state && found.statement) {
            return;
        }
        let times = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
        if times == self.trap.nth || (self.trap.always && times > self.trap.nth) {
            meet(self.trap.fate);
        }
    }
}

/// Whether an event tells of the trap's place and state.
struct Found {
    trap: Trap,
    place: bool,
    state: bool,
    statement: bool,
}

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        match (field.name(), self.trap.place) {
            ("point", Place::Point(point)) => self.place = value == point.slug(),
            ("state", _) => self.state |= self.trap.state.is_some_and(|it| value == it.slug()),
            ("statement", Place::In(Part::Lane(name))) => self.statement = value.ends_with(name),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let ("message", Place::In(part)) = (field.name(), self.trap.place) {
            self.place = format!("{value:?}") == part.line().1;
        }
    }
}

fn meet(fate: Fate) {
    let signal = match fate {
        Fate::Crash => Signal::KILL,
        Fate::Stall => Signal::STOP,
        Fate::Panic => panic!("a trap"),
    };
    kill_process(getpid(), signal).expect("a process may signal itself");
    // The signal is the process's: whichever thread takes it stops all others within
    // microseconds. Until then this one stays where it is.
    std::thread::sleep(Duration::from_millis(100));
}
