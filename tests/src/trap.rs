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

/// Where a worker process meets its fate, which it does once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    fate: Fate,
    point: Point,
    state: Option<State>,
    nth: u32,
}

impl Trap {
    /// The environment variable by which `tpvm-worker-at` is told its trap.
    pub const VARIABLE: &str = "TPVM_TRAP";

    /// SIGKILL, the first time that the process passes this point.
    pub fn crash(point: Point) -> Self {
        Self {
            fate: Fate::Crash,
            point,
            state: None,
            nth: 1,
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
        watch.with_filter(Targets::new().with_target(TARGET, LevelFilter::TRACE))
    }
}

/// `crash intended tpvm-upgrade 1`; `-` for any state.
impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = match self.fate {
            Fate::Crash => "crash",
            Fate::Stall => "stall",
            Fate::Panic => "panic",
        };
        let state = self.state.map_or("-", State::slug);
        write!(f, "{fate} {} {state} {}", self.point, self.nth)
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
            point: point.parse()?,
            state: match state {
                "-" => None,
                state => Some(state.parse()?),
            },
            nth: nth.parse()?,
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
            point: false,
            state: self.trap.state.is_none(),
        };
        event.record(&mut found);
        if found.point
            && found.state
            && self.passed.fetch_add(1, Ordering::SeqCst) + 1 == self.trap.nth
        {
            meet(self.trap.fate);
        }
    }
}

/// Whether an event tells of the trap's point and state.
struct Found {
    trap: Trap,
    point: bool,
    state: bool,
}

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "point" => self.point = value == self.trap.point.slug(),
            "state" => self.state |= self.trap.state.is_some_and(|state| value == state.slug()),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
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
