//! The driver of one schedule: one thing moves at a time, and the order decides which.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use broker::{Delivery, Outgoing};
use fastrand::Rng;
use schemas::TraceContext;
use schemas::names::Names;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::config::Config;
use worker::{Engine, Surroundings, Verdict};

use crate::courier::{Connection, Tag};
use crate::database::Stands;
use crate::fleet::{inventory, request};
use crate::laws::{self, Held, broken};
use crate::point::Point;
use crate::schedule::{Schedule, What};
use crate::sites::{COMMAND_TIMEOUT, Ways};
use crate::stage::{Counts, Report, Stage, config};
use crate::world::{Go, TASK, Task, Waiting, World, request_id, request_number};

/// More steps than any schedule takes that gets on.
const MOST_STEPS: u64 = 40_000;
/// Longer than any schedule takes that gets on.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);
/// How long someone sleeps at least, so that time passes in steps of this while anyone does.
const STEP: Duration = Duration::from_secs(1);
/// How long a requester waits for an answer before it asks again.
const ASK_AGAIN: Duration = Duration::from_secs(90);
/// A little later than the engine announces ends that nobody has announced.
const END_GRACE: Duration = Duration::from_secs(31);

/// A schedule that runs.
pub(crate) struct Run<'a> {
    stage: &'a mut Stage,
    schedule: &'a Schedule,
    config: Arc<Config>,
    world: World,
    rng: Rng,
    workers: Vec<Worker>,
    agenda: Vec<(Duration, Event)>,
    faults: HashMap<(Point, u32), Vec<What>>,
    passed: BTreeMap<Point, u32>,
    now: Duration,
    /// By how many seconds Postgres' clock has jumped.
    jumped: i64,
    /// Jumps forward that wait until no command is on its way.
    jumps: Vec<i32>,
    postgres_back: Duration,
    courier_back: Duration,
    /// When the ledger has something to announce, if ever; unknown after a statement.
    due: Option<Option<Duration>>,
    finished: HashSet<Uuid>,
    counts: Counts,
}

/// A worker's process.
#[derive(Default)]
struct Worker {
    engine: Option<Engine>,
    halt: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    round: Option<JoinHandle<()>>,
    /// It does not ask again what is due before that.
    next_round: Duration,
    lives: u32,
    /// It stands still; its clock is so far behind.
    stalled: Option<Duration>,
    /// It was told to stop, and is replaced so long after its end.
    stopping: Option<u32>,
    /// After its next statement it is killed, and replaced so much later.
    doomed: Option<u32>,
    /// How long after a death in the middle it is replaced.
    replaced_after: u32,
}

impl Worker {
    fn is_running(&self) -> bool {
        self.engine.is_some() && self.stalled.is_none()
    }

    fn takes_messages(&self) -> bool {
        self.is_running() && self.stopping.is_none()
    }

    fn asks(&self, now: Duration) -> bool {
        self.takes_messages() && self.round.is_none() && self.next_round <= now
    }

    fn has_work(&self) -> bool {
        !self.tasks.is_empty() || self.round.is_some()
    }

    /// Someone in it is at work, and sleeps if nobody waits at a point.
    fn is_at_work(&self) -> bool {
        self.is_running() && self.has_work()
    }
}

/// What happens at a time.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A request is made, unless it was answered.
    Ask(usize),
    /// A request is made a second time.
    AskTwice(usize),
    Start(usize),
    GoOn(usize),
}

/// What can be done next.
#[derive(Clone, Copy, Debug)]
enum Move {
    LetGo(usize),
    Deliver(u64),
    AskWhatIsDue,
}

impl<'a> Run<'a> {
    pub(crate) fn new(stage: &'a mut Stage, schedule: &'a Schedule) -> anyhow::Result<Self> {
        let requests = schedule.requests.iter();
        let known = |fabric| fabric < schedule.fabrics.len();
        anyhow::ensure!(
            requests.clone().all(|request| known(request.fabric)),
            "a request names a fabric that there is not"
        );
        anyhow::ensure!(
            (1..=stage.benches.len()).contains(&schedule.workers),
            "there can be 1 to {} workers",
            stage.benches.len()
        );
        let mut agenda = Vec::new();
        for (index, request) in requests.enumerate() {
            let at = Duration::from_secs(request.at.into());
            agenda.push((at, Event::Ask(index)));
            if request.twice {
                agenda.push((at, Event::AskTwice(index)));
            }
        }
        let mut faults: HashMap<(Point, u32), Vec<What>> = HashMap::new();
        for fault in &schedule.faults {
            faults
                .entry((fault.at, fault.nth))
                .or_default()
                .push(fault.what);
        }
        let inventory = inventory(schedule)?;
        let Stage {
            driver,
            database,
            benches,
            ..
        } = &mut *stage;
        let bench = &benches[0];
        // The pools' sockets belong to their own runtimes.
        driver.block_on(database.begin())?;
        bench.block_on(bench.ledger.load_inventory(&inventory))?;
        let mut run = Self {
            world: World::new(schedule),
            rng: Rng::with_seed(schedule.order),
            workers: (0..schedule.workers).map(|_| Worker::default()).collect(),
            config: Arc::new(config(schedule.hurried)),
            stage,
            schedule,
            agenda,
            faults,
            passed: BTreeMap::new(),
            now: Duration::ZERO,
            jumped: 0,
            jumps: Vec::new(),
            postgres_back: Duration::ZERO,
            courier_back: Duration::ZERO,
            due: None,
            finished: HashSet::new(),
            counts: Counts::default(),
        };
        for bench in &run.stage.benches {
            bench.enter(Some(run.world.clone()));
        }
        for worker in 0..run.workers.len() {
            run.start(worker)?;
        }
        Ok(run)
    }

    /// Runs it, and leaves the stage as it was.
    pub(crate) fn run(mut self) -> anyhow::Result<Report> {
        let held = self.drive()?;
        for worker in 0..self.workers.len() {
            self.end(worker);
        }
        for bench in &self.stage.benches {
            bench.enter(None);
        }
        self.counts.time = self.now;
        let passed = self.passed.iter();
        self.counts.passed = passed
            .map(|(point, count)| (*point, (*count).into()))
            .collect();
        let log = std::mem::take(&mut self.world.state().log);
        Ok(Report {
            violation: held.err(),
            log,
            counts: self.counts,
        })
    }

    fn drive(&mut self) -> anyhow::Result<Held> {
        for _ in 0..MOST_STEPS {
            self.clear_away();
            if let Some(dying) = self.dying() {
                let secs = self.workers[dying].replaced_after;
                self.kill(dying, secs);
                continue;
            }
            let moves = self.moves();
            if moves.is_empty() {
                if self.is_over()? {
                    return self.judge_the_end();
                }
                if let Err(violation) = self.pass_time()? {
                    return Ok(Err(violation));
                }
                continue;
            }
            let held = match moves[self.rng.usize(0..moves.len())] {
                Move::LetGo(index) => self.let_go(index)?,
                Move::Deliver(id) => self.deliver(id),
                Move::AskWhatIsDue => self.ask_what_is_due(),
            };
            if held.is_err() {
                return Ok(held);
            }
        }
        let state = self.world.state();
        let waiting: Vec<_> = state.waiting.iter().map(|waiting| waiting.point).collect();
        Ok(broken(
            "every schedule ends",
            format!("{MOST_STEPS} steps; {waiting:?}"),
        ))
    }

    /// Forgets tasks that have ended, and processes that have stopped.
    fn clear_away(&mut self) {
        let mut state = self.world.state();
        state.waiting.retain(|waiting| !waiting.release.is_closed());
        drop(state);
        for index in 0..self.workers.len() {
            let worker = &mut self.workers[index];
            worker.tasks.retain(|task| !task.is_finished());
            if worker.round.as_ref().is_some_and(JoinHandle::is_finished) {
                worker.round = None;
            }
            if let Some(secs) = worker.stopping
                && worker.tasks.is_empty()
                && worker.is_running()
            {
                self.say(format!("w{index} has stopped"));
                self.end(index);
                self.plan(secs, Event::Start(index));
            }
        }
    }

    fn dying(&self) -> Option<usize> {
        let state = self.world.state();
        let dying = state.waiting.iter().find(|waiting| waiting.point.is_none());
        dying.map(|waiting| waiting.worker)
    }

    /// What can be done now. The order of the list does not depend on chance.
    fn moves(&self) -> Vec<Move> {
        let state = self.world.state();
        let mut seen = HashSet::new();
        let mut waiting: Vec<usize> = (0..state.waiting.len())
            .filter(|index| {
                let Waiting {
                    worker,
                    point,
                    request,
                    ..
                } = &state.waiting[*index];
                // What one worker publishes goes one after the other, on one channel.
                let in_turn =
                    !matches!(point, Some(Point::Publish(_))) || seen.insert((*worker, *request));
                in_turn && self.workers[*worker].is_running()
            })
            .collect();
        waiting.sort_by_key(|index| {
            let waiting = &state.waiting[*index];
            (waiting.worker, waiting.request, waiting.point)
        });
        let mut moves: Vec<Move> = waiting.into_iter().map(Move::LetGo).collect();
        let takers = self.workers.iter().any(Worker::takes_messages);
        if takers && self.courier_back <= self.now {
            let ready = state.queues.ready(self.now);
            moves.extend(ready.into_iter().map(Move::Deliver));
        }
        let is_due = matches!(self.due, Some(Some(due)) if due <= self.now);
        if is_due && self.workers.iter().any(|worker| worker.asks(self.now)) {
            moves.push(Move::AskWhatIsDue);
        }
        moves
    }

    fn one_of(&mut self, which: impl Fn(&Worker) -> bool) -> Option<usize> {
        let workers = 0..self.workers.len();
        let fit: Vec<usize> = workers
            .filter(|index| which(&self.workers[*index]))
            .collect();
        (!fit.is_empty()).then(|| fit[self.rng.usize(0..fit.len())])
    }

    /// Lets someone go on who waits at a point, or meet what goes wrong there.
    fn let_go(&mut self, index: usize) -> anyhow::Result<Held> {
        let (point, worker, request) = {
            let state = self.world.state();
            let waiting = &state.waiting[index];
            let Some(point) = waiting.point else {
                return Ok(Ok(()));
            };
            (point, waiting.worker, waiting.request)
        };
        let nth = self.passed.entry(point).or_default();
        *nth += 1;
        let nth = *nth;
        let who = match request {
            Some(request) => format!("w{worker} for r{request}"),
            None => format!("w{worker}"),
        };
        self.say(format!("{who}: {point} ({nth})"));
        let mut go = Go::On;
        let mut stops = false;
        for what in self.faults.remove(&(point, nth)).unwrap_or_default() {
            *self.counts.faults.entry(what.name()).or_default() += 1;
            self.say(format!("    {what:?}"));
            match what {
                What::Kill { secs } => {
                    self.kill(worker, secs);
                    return Ok(Ok(()));
                }
                What::Stall { secs } => {
                    self.workers[worker].stalled = Some(Duration::ZERO);
                    self.plan(secs, Event::GoOn(worker));
                    // It waits on, and is the first to go on.
                    let mut state = self.world.state();
                    let first = state.waiting.remove(index);
                    state.waiting.insert(0, first);
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
        let postgres_away = self.now < self.postgres_back;
        let courier_away = self.now < self.courier_back;
        match point {
            Point::Before(_) | Point::After(_) if postgres_away => go = Go::Away,
            Point::Publish(_) if courier_away => go = Go::Away,
            _ => {}
        }
        if let Point::Before(_) = point {
            self.set_clock()?;
            self.due = None;
        }
        let waiting = self.world.state().waiting.remove(index);
        // Whoever was aborted meanwhile hears nothing.
        let _ = waiting.release.send(go);
        self.stage.benches[worker].run();
        if stops {
            self.stop(worker);
        }
        match point {
            Point::Before("accept" | "record") => self.look_at_the_ledger(),
            Point::Call(_) => Ok(laws::always(&self.world.state(), &[])),
            _ => Ok(Ok(())),
        }
    }

    /// Something goes wrong that the worker outlives, at first.
    fn go_wrong(&mut self, worker: usize, point: Point, what: What) -> Option<Go> {
        let until = |secs: u32| self.now + Duration::from_secs(secs.into());
        match what {
            What::KillAfter { secs } => match point {
                Point::Before(_) | Point::After(_) => self.workers[worker].doomed = Some(secs),
                Point::Publish(_) | Point::Settle(_) | Point::Call(_) => {
                    self.workers[worker].replaced_after = secs;
                    return Some(Go::Wrong(what));
                }
            },
            What::PostgresAway { secs } => self.postgres_back = until(secs),
            What::CourierAway { secs } => {
                self.courier_back = until(secs);
                self.world.state().queues.give_back_all(None);
            }
            What::Forget => self.world.state().queues.forget(),
            What::Jump { secs } if secs < 0 => {
                self.jumped += i64::from(secs);
                self.due = None;
            }
            What::Jump { secs } => self.jumps.push(secs),
            what => return Some(Go::Wrong(what)),
        }
        None
    }

    fn deliver(&mut self, id: u64) -> Held {
        let Some(worker) = self.one_of(Worker::takes_messages) else {
            return Ok(());
        };
        let Some(engine) = self.workers[worker].engine.clone() else {
            return Ok(());
        };
        let Some((delivery, tag)) = self.world.state().queues.deliver(id, worker) else {
            return Ok(());
        };
        self.counts.delivered += 1;
        let about = delivery.message_id.as_deref().unwrap_or_default();
        let request = self.world.state().request(about);
        let queue = &delivery.queue;
        self.say(format!(
            "w{worker} for {request:?}: gets a message of {queue}"
        ));
        let world = self.world.clone();
        let handled = handle(world, worker, engine, delivery, tag);
        let bench = &self.stage.benches[worker];
        let task = bench.spawn(TASK.scope(Task { request }, handled));
        bench.run();
        self.workers[worker].tasks.push(task);
        Ok(())
    }

    fn ask_what_is_due(&mut self) -> Held {
        let now = self.now;
        let Some(worker) = self.one_of(|worker| worker.asks(now)) else {
            return Ok(());
        };
        let Some(engine) = self.workers[worker].engine.clone() else {
            return Ok(());
        };
        self.say(format!("w{worker} asks what is due"));
        let bench = &self.stage.benches[worker];
        let round = bench.spawn(async move { engine.publish_all_due().await });
        bench.run();
        self.workers[worker].round = Some(round);
        self.workers[worker].next_round = now + self.config.due.interval;
        Ok(())
    }

    /// Whether nothing more can come: all is answered, ended and announced, and all queues are
    /// empty.
    fn is_over(&mut self) -> anyhow::Result<bool> {
        let asking = |(_, event): &(Duration, Event)| matches!(event, Event::Ask(_));
        let busy = self.workers.iter().any(|worker| !worker.tasks.is_empty());
        let state = self.world.state();
        let quiet = state.queues.is_empty() && state.on_the_way.is_empty();
        drop(state);
        let over = quiet && !busy && !self.agenda.iter().any(asking);
        Ok(over && self.due()?.is_none())
    }

    /// When the ledger has something to announce.
    fn due(&mut self) -> anyhow::Result<Option<Duration>> {
        if let Some(due) = self.due {
            return Ok(due);
        }
        self.set_clock()?;
        let Stage {
            driver, database, ..
        } = &*self.stage;
        let seconds = driver.block_on(database.seconds_until_due(END_GRACE))?;
        let due = seconds.map(|seconds| self.now + Duration::from_secs_f64(seconds.max(0.0)));
        self.due = Some(due);
        Ok(due)
    }

    /// Nobody can go on: time passes until somebody can.
    fn pass_time(&mut self) -> anyhow::Result<Held> {
        let due = self.due()?;
        let is_due = due.is_some_and(|due| due <= self.now);
        if is_due && self.workers.iter().any(|worker| worker.asks(self.now)) {
            return Ok(Ok(()));
        }
        let state = self.world.state();
        let arrives = state.on_the_way.iter().map(|command| command.arrives).min();
        let ready = state.queues.next_ready(self.now);
        drop(state);
        let back = (self.courier_back > self.now).then_some(self.courier_back);
        let asleep = self.workers.iter().any(Worker::is_at_work);
        let agenda = self.agenda.iter().map(|(at, _)| *at).min();
        // Whoever stands still may have leave to send.
        let idle = self.workers.iter().all(|worker| !worker.has_work());
        if idle && arrives.is_none() {
            for secs in std::mem::take(&mut self.jumps) {
                self.jumped += i64::from(secs);
                self.due = None;
            }
        }
        let due = if is_due { Some(self.now + STEP) } else { due };
        let soonest = [
            arrives,
            ready,
            back,
            agenda,
            due,
            asleep.then(|| self.now + STEP),
        ];
        let Some(next) = soonest.into_iter().flatten().min() else {
            return Ok(broken("every schedule ends", "nothing more comes"));
        };
        // Not all at once: something may come of every second that someone sleeps.
        let next = if asleep {
            next.min(self.now + STEP)
        } else {
            next
        };
        let next = next.max(self.now);
        if next > LONGEST {
            return Ok(broken(
                "every schedule ends",
                format!("it goes on after {next:?}"),
            ));
        }
        self.advance(next);
        self.happen();
        Ok(Ok(()))
    }

    /// Lets time pass.
    fn advance(&mut self, to: Duration) {
        let by = to - self.now;
        self.now = to;
        self.world.state().advance(to);
        for (worker, bench) in self.workers.iter_mut().zip(&self.stage.benches) {
            match &mut worker.stalled {
                Some(behind) => *behind += by,
                None => bench.advance(by),
            }
        }
    }

    /// What the agenda has for now.
    fn happen(&mut self) {
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.agenda)
            .into_iter()
            .partition::<Vec<_>, _>(|(at, _)| *at <= now);
        self.agenda = later;
        for (_, event) in due {
            match event {
                Event::Ask(index) if !self.is_answered(index) => {
                    self.ask(index);
                    self.agenda.push((self.now + ASK_AGAIN, event));
                }
                Event::Ask(_) => {}
                Event::AskTwice(index) => self.ask(index),
                Event::Start(worker) => {
                    // What it is made of does not depend on the time.
                    let _ = self.start(worker);
                }
                Event::GoOn(worker) => self.go_on(worker),
            }
        }
    }

    fn ask(&mut self, index: usize) {
        if self.now < self.courier_back {
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
            .and_then(|message| state.queues.take(message, now));
        if let Err(complaint) = taken {
            state.complaints.push(complaint);
        }
    }

    fn is_answered(&self, index: usize) -> bool {
        let id = request_id(index);
        let state = self.world.state();
        let mut replies = state.queues.replies.iter();
        replies.any(|reply| reply.request_id == Some(id))
    }

    fn plan(&mut self, secs: u32, event: Event) {
        self.agenda
            .push((self.now + Duration::from_secs(secs.into()), event));
    }

    fn start(&mut self, index: usize) -> anyhow::Result<()> {
        let (world, worker) = (self.world.clone(), index);
        let around = Surroundings {
            ledger: self.stage.benches[index].ledger.clone(),
            secrets: self.stage.secrets.clone(),
            sites: Arc::new(Ways {
                world: world.clone(),
                worker,
            }),
            dialect: self.stage.dialect.clone(),
            timing: self.config.timing.clone(),
            minimum_slx: self.config.slx.minimum_version.parse()?,
            longest_command: COMMAND_TIMEOUT,
            claim: self.config.worker.claim,
        };
        let state = &mut self.workers[index];
        let lives = state.lives + 1;
        let halt = CancellationToken::new();
        let courier = Arc::new(Connection { world, worker });
        let name = format!("worker-{index}.{lives}");
        let config = self.config.clone();
        let engine = Engine::new(around, courier, config, &name, halt.clone());
        *state = Worker {
            engine: Some(engine),
            halt,
            lives,
            ..Worker::default()
        };
        self.say(format!("w{index} starts"));
        Ok(())
    }

    /// A stalled process goes on where it stood, by the time that it is now.
    fn go_on(&mut self, index: usize) {
        let Some(behind) = self.workers[index].stalled.take() else {
            return;
        };
        self.say(format!("w{index} goes on"));
        // Nothing that can fail is left to do, and what Postgres' clock shows matters below.
        let _ = self.set_clock();
        self.stage.benches[index].advance(behind);
    }

    fn stop(&mut self, index: usize) {
        self.workers[index].halt.cancel();
        self.stage.benches[index].run();
    }

    fn kill(&mut self, index: usize, secs: u32) {
        self.say(format!("w{index} is dead"));
        self.end(index);
        self.plan(secs, Event::Start(index));
    }

    /// Ends a process: whatever it was about to do is not done.
    fn end(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        for task in worker.tasks.drain(..).chain(worker.round.take()) {
            task.abort();
        }
        *worker = Worker {
            lives: worker.lives,
            ..Worker::default()
        };
        self.world.state().queues.give_back_all(Some(index));
        // The lanes of its ledger go on with what was asked for before; nobody listens.
        while self.drop_waiting(index) {
            self.stage.benches[index].run();
        }
        self.due = None;
    }

    fn drop_waiting(&mut self, index: usize) -> bool {
        let mut state = self.world.state();
        let before = state.waiting.len();
        state.waiting.retain(|waiting| waiting.worker != index);
        state.waiting.len() < before
    }

    fn set_clock(&mut self) -> anyhow::Result<()> {
        let Stage {
            driver, database, ..
        } = &mut *self.stage;
        driver.block_on(database.set_clock(self.now, self.jumped))
    }

    /// Judges what was accepted or recorded just now.
    fn look_at_the_ledger(&mut self) -> anyhow::Result<Held> {
        let Stage {
            driver, database, ..
        } = &*self.stage;
        let executions = driver.block_on(database.executions())?;
        let mut state = self.world.state();
        for stands in &executions {
            let Some(request) = request_number(stands.request_id) else {
                continue;
            };
            state.executions.insert(stands.id, request);
            if stands.verdict.is_some() && self.finished.insert(stands.id) {
                let plant = &state.plants[self.schedule.requests[request].fabric];
                let held = laws::verdict(plant, self.now, stands, Some(request));
                if held.is_err() {
                    return Ok(held);
                }
            }
        }
        Ok(laws::always(&state, &executions))
    }

    fn judge_the_end(&mut self) -> anyhow::Result<Held> {
        let Stage {
            driver, database, ..
        } = &*self.stage;
        let executions = driver.block_on(database.executions())?;
        let moves = driver.block_on(database.moves())?;
        let text = driver.block_on(database.text())?;
        let state = self.world.state();
        for stands in &executions {
            let verdict = stands.verdict.clone().unwrap_or_default();
            *self.counts.verdicts.entry(verdict).or_default() += 1;
        }
        let judged = || -> Held {
            laws::always(&state, &executions)?;
            laws::at_the_end(&state, self.schedule.requests.len(), &executions, &moves)?;
            laws::secrets(&state, &text)?;
            // Also when everything that was on its way has arrived.
            for (fabric, plant) in state.plants.iter().enumerate() {
                let of_it = |stands: &&Stands| {
                    let number = request_number(stands.request_id);
                    number.map(|number| self.schedule.requests[number].fabric) == Some(fabric)
                };
                if let Some(last) = executions.iter().rfind(of_it) {
                    let request = request_number(last.request_id);
                    laws::verdict(plant, self.now, last, request)?;
                }
            }
            Ok(())
        };
        Ok(judged())
    }

    fn say(&self, text: impl AsRef<str>) {
        self.world.state().say(text);
    }
}

/// What a worker does with a message.
async fn handle(world: World, worker: usize, engine: Engine, delivery: Delivery, tag: Tag) {
    let through = match engine.judge(&delivery).await {
        Verdict::Ack => true,
        Verdict::DeadLetter(why) => engine.keep_dead(&delivery, &why).await,
        Verdict::Leave => false,
    };
    if !through {
        world.state().queues.give_back(tag);
        return;
    }
    let kind = delivery.message_type.as_deref().unwrap_or_default();
    match world.pass(worker, Point::Settle, kind).await {
        Go::Dead => {}
        Go::Wrong(What::AckLost) => world.state().queues.give_back(tag),
        Go::Wrong(What::KillAfter { .. }) => {
            world.state().queues.acknowledge(tag);
            world.die(worker).await
        }
        Go::On | Go::Away | Go::Wrong(_) => world.state().queues.acknowledge(tag),
    }
}
