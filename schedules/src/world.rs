//! What the workers of a schedule share: the points where they wait, RabbitMQ, and the devices.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::courier::Queues;
use crate::laws::Violation;
use crate::plant::{Command, Plant};
use crate::point::Point;
use crate::schedule::{End, Schedule, What};

tokio::task_local! {
    /// Which request the running task works for, and which life of its worker it belongs to.
    pub(crate) static TASK: Task;
}

/// See [`TASK`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) request: Option<usize>,
}

impl Task {
    pub(crate) fn request() -> Option<usize> {
        TASK.try_with(|task| task.request).ok().flatten()
    }
}

/// What the driver says to someone who waits at a point.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Go {
    /// Go on.
    On,
    /// Go on, and this goes wrong.
    Wrong(What),
    /// Postgres or RabbitMQ is away.
    Away,
    /// The process is dead.
    Dead,
}

/// Someone who waits at a point.
pub(crate) struct Waiting {
    pub(crate) worker: usize,
    /// `None`: the process is to be killed now.
    pub(crate) point: Option<Point>,
    pub(crate) request: Option<usize>,
    pub(crate) release: oneshot::Sender<Go>,
}

/// A command that has not arrived yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnTheWay {
    pub(crate) arrives: Duration,
    pub(crate) fabric: usize,
    pub(crate) command: Command,
    pub(crate) by: Option<usize>,
}

/// The state of a schedule. Everything runs on one thread; the lock is never contended.
pub(crate) struct State {
    /// The time since the beginning. Workers that stand still fall behind.
    pub(crate) now: Duration,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) queues: Queues,
    pub(crate) plants: Vec<Plant>,
    pub(crate) on_the_way: Vec<OnTheWay>,
    /// The executions, by the request that they carry out.
    pub(crate) executions: HashMap<Uuid, usize>,
    /// What went on, for people.
    pub(crate) log: Vec<String>,
    /// What must not be, seen outside of the driver.
    pub(crate) complaints: Vec<Violation>,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<State>>);

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    pub(crate) fn new(schedule: &Schedule) -> Self {
        let plants = schedule.fabrics.iter().enumerate();
        Self(Arc::new(Mutex::new(State {
            now: Duration::ZERO,
            waiting: Vec::new(),
            queues: Queues::default(),
            plants: plants
                .map(|(index, kind)| Plant::new(index, *kind, schedule.brisk))
                .collect(),
            on_the_way: Vec::new(),
            executions: HashMap::new(),
            log: Vec::new(),
            complaints: Vec::new(),
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at a point until the driver says how to go on.
    pub(crate) async fn pass(
        &self,
        worker: usize,
        kind: fn(&'static str) -> Point,
        name: &str,
    ) -> Go {
        self.pass_for(worker, kind, name, Task::request()).await
    }

    /// The same, for a given request.
    pub(crate) async fn pass_for(
        &self,
        worker: usize,
        kind: fn(&'static str) -> Point,
        name: &str,
        request: Option<usize>,
    ) -> Go {
        let Some(point) = Point::named(kind, name) else {
            let text = format!("{name:?} is passed, but is no point of a schedule");
            self.state().complain(text);
            return Go::Dead;
        };
        self.wait(worker, Some(point), request).await
    }

    /// The process is killed here.
    pub(crate) async fn die<T>(&self, worker: usize) -> T {
        self.wait(worker, None, None).await;
        pending().await
    }

    async fn wait(&self, worker: usize, point: Option<Point>, request: Option<usize>) -> Go {
        let (release, go) = oneshot::channel();
        self.state().waiting.push(Waiting {
            worker,
            point,
            request,
            release,
        });
        go.await.unwrap_or(Go::Dead)
    }
}

impl State {
    /// Lets time pass to `now`: commands arrive, operations end.
    pub(crate) fn advance(&mut self, now: Duration) {
        self.on_the_way.sort_by_key(|command| command.arrives);
        while self
            .on_the_way
            .first()
            .is_some_and(|first| first.arrives <= now)
        {
            let OnTheWay {
                arrives,
                fabric,
                command,
                by,
            } = self.on_the_way.remove(0);
            self.now = arrives;
            let plant = &mut self.plants[fabric];
            plant.advance(arrives);
            let taken = plant.take(command, arrives, End::Well, by);
            self.say(format!(
                "{command:?} arrives late at fabric {fabric}: {taken:?}"
            ));
        }
        self.now = now;
        for plant in &mut self.plants {
            plant.advance(now);
        }
    }

    /// A command leaves for a device.
    pub(crate) fn sent(&mut self, fabric: usize, command: Command, by: Option<usize>) {
        let same = |earlier: &&OnTheWay| {
            (earlier.fabric, earlier.command, earlier.by) == (fabric, command, by)
        };
        if let Some(earlier) = self.on_the_way.iter().find(same) {
            self.complaints.push(Violation {
                law: "no command is repeated while it may be on its way",
                seen: format!("{earlier:?} has not arrived"),
            });
        }
    }

    /// What must not be at all has been seen.
    pub(crate) fn complain(&mut self, seen: String) {
        self.complaints.push(Violation {
            law: "nothing is set aside, nothing is unknown",
            seen,
        });
    }

    /// Which request something is about, by an id that begins with an execution's or request's.
    pub(crate) fn request(&self, id: &str) -> Option<usize> {
        let id: Uuid = id.split('/').next()?.parse().ok()?;
        let of_execution = self.executions.get(&id).copied();
        of_execution.or_else(|| request_number(id))
    }

    pub(crate) fn say(&mut self, text: impl AsRef<str>) {
        let seconds = self.now.as_secs_f64();
        self.log.push(format!("{seconds:9.1}  {}", text.as_ref()));
    }
}

/// The id of a request, for which it is numbered from 0.
pub(crate) fn request_id(number: usize) -> Uuid {
    Uuid::from_u128(number as u128 + 1)
}

/// The number of a request, if the id is one's.
pub(crate) fn request_number(id: Uuid) -> Option<usize> {
    usize::try_from(id.as_u128().checked_sub(1)?).ok()
}
