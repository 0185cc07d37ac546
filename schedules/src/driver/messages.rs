//! Messages are handed to workers, and handled by their engines.

use broker::Delivery;
use tokio::task::JoinHandle;
use worker::{Engine, Verdict};

use super::Run;
use super::process::Process;
use crate::courier::Tag;
use crate::laws::Held;
use crate::point::Point;
use crate::schedule::What;
use crate::world::{Go, TASK, Task, World};

impl Run<'_> {
    /// Hands a message to one of the workers.
    pub(super) fn deliver(&mut self, id: u64) -> Held {
        let Some((worker, engine)) = self.engine_of(Process::takes_messages) else {
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
        let handled = handle(self.world.clone(), worker, engine, delivery, tag);
        let task = self.begin(worker, TASK.scope(Task { request }, handled));
        self.workers[worker].tasks.push(task);
        Ok(())
    }

    /// One of the workers asks the ledger what is due.
    pub(super) fn ask_what_is_due(&mut self) -> Held {
        let now = self.clock.now;
        let Some((worker, engine)) = self.engine_of(|worker| worker.asks(now)) else {
            return Ok(());
        };
        self.say(format!("w{worker} asks what is due"));
        let round = self.begin(worker, async move { engine.publish_all_due().await });
        self.workers[worker].round = Some(round);
        self.workers[worker].next_round = now + self.config.due.interval;
        Ok(())
    }

    fn engine_of(&mut self, which: impl Fn(&Process) -> bool) -> Option<(usize, Engine)> {
        let worker = self.one_of(which)?;
        let engine = self.workers[worker].engine.clone()?;
        Some((worker, engine))
    }

    /// Begins something in a worker, and lets it come to where it waits.
    fn begin(
        &self,
        worker: usize,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let bench = &self.stage.benches[worker];
        let task = bench.spawn(task);
        bench.run();
        task
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
