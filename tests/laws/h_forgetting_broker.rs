//! Law H: RabbitMQ loses all its data mid-flight: every upgrade still ends.
//!
//! When the broker's data is deleted, one upgrade stands in each state: its message in the broker,
//! the first one or that of a poll, or in the hands of a worker.

use std::collections::BTreeMap;
use std::time::Duration;

use broker::{Inbox, Outgoing};
use schemas::{Answer, Case, Reply, State, TraceContext, UpgradeRequest, decode};
use services::RabbitMq;
use simulator::{Fault, FaultKind};
use tests::{World, patience, until};
use uuid::Uuid;

use crate::courier::{Message, Tap, states};
use crate::scene::{Scene, Upgrade};
use crate::tally::tally;
use crate::timing::deadlines;
use crate::ways::ways;

/// A worker that has a command in hand for as long as the broker takes to come back.
const LONG_COMMANDS: &str = concat!(
    deadlines!("5m", "5m"),
    "timing.settle = '61s'
     timing.redeploy_quiet = '70s'
     slx.connect_timeout = '60s'
     slx.command_timeout = '60s'
     efa.request_timeout = '60s'"
);

/// Longer than the broker needs to be gone.
const IN_HAND: FaultKind = FaultKind::Slow(Duration::from_secs(8));

/// Where an upgrade stands when the broker forgets.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stands {
    /// Its `nth` message of this state is in the broker.
    Queued(State, usize),
    /// Its step is in the hands of a worker.
    InHand(State),
}

/// An upgrade that comes to a state.
fn coming_to(state: State) -> Upgrade {
    match state {
        State::TpvmConfiguration | State::TpvmInstallation => {
            Upgrade::smooth(Case::NodeReplacement)
        }
        State::TpvmRevert => {
            let failing = State::EfaDeployPeerAndRejoin;
            let way = ways(failing, Case::NormalUpgrade).remove(0);
            Upgrade::failing(Case::NormalUpgrade, &[(failing, way)])
        }
        State::WorkflowStarted
        | State::DeviceValidation
        | State::TpvmConfigValidation
        | State::TpvmUpgrade
        | State::EfaDeployPeerAndRejoin
        | State::WorkflowFinished => Upgrade::smooth(Case::NormalUpgrade),
    }
}

/// A call by which a worker can be held up in a state; none where it calls nobody.
fn call_in(state: State) -> Option<&'static str> {
    match state {
        State::WorkflowStarted | State::WorkflowFinished => None,
        State::DeviceValidation => Some("show-version"),
        State::TpvmConfigValidation => Some("show-running-config-tpvm"),
        State::TpvmConfiguration => Some("config:timezone"),
        State::TpvmInstallation => Some("deploy"),
        State::TpvmUpgrade => Some("tpvm-upgrade"),
        State::TpvmRevert => Some("tpvm-revert"),
        State::EfaDeployPeerAndRejoin => Some("efa-redeploy-status"),
    }
}

/// Whether a state waits for long work, so that its message comes again.
fn polls(state: State) -> bool {
    matches!(
        state,
        State::TpvmInstallation
            | State::TpvmUpgrade
            | State::TpvmRevert
            | State::EfaDeployPeerAndRejoin
    )
}

fn cast() -> Vec<(Upgrade, Stands)> {
    let mut cast = Vec::new();
    for state in states() {
        cast.push((coming_to(state), Stands::Queued(state, 1)));
        if polls(state) {
            cast.push((coming_to(state), Stands::Queued(state, 2)));
        }
        if let Some(call) = call_in(state) {
            let hold = Fault::new(call, IN_HAND).once();
            cast.push((coming_to(state).with(hold), Stands::InHand(state)));
        }
    }
    cast
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_upgrade_ends_after_the_broker_has_lost_everything() {
    let dir = services::scratch_dir().unwrap();
    let mut rabbitmq = RabbitMq::start(dir.path()).await.unwrap();
    let (upgrades, stands): (Vec<_>, Vec<_>) = cast().into_iter().unzip();
    let mut scene = Scene::on(&rabbitmq.url(), upgrades).await;
    let _workers = [
        scene.world.worker_with(LONG_COMMANDS),
        scene.world.worker_with(LONG_COMMANDS),
    ];
    let mut tap = Tap::alone(&scene.world).await;

    // A request that nobody accepted is lost with the broker; all others are accepted.
    let accepted = |n: &usize| stands[*n] != Stands::Queued(State::WorkflowStarted, 1);
    let others: Vec<usize> = (0..stands.len()).filter(accepted).collect();
    let lost: Vec<usize> = (0..stands.len()).filter(|n| !accepted(n)).collect();
    let requests: Vec<_> = others.iter().map(|n| scene.requests[*n].clone()).collect();
    let mut ids = vec![Uuid::nil(); stands.len()];
    tokio::select! {
        found = scene.world.accepted_all(&requests) => {
            for (n, id) in others.iter().zip(found) {
                ids[*n] = id;
            }
        }
        () = deliver_all(&mut tap) => panic!("the broker is gone"),
    }
    scene.ids = ids;
    let placed = tokio::time::timeout(patience(), stand(&scene, &mut tap, &stands));
    placed.await.expect("every upgrade stands where it shall");

    rabbitmq.wipe().await.unwrap();
    for n in lost {
        scene.ids[n] = ask_again(&scene.world, &scene.requests[n]).await;
    }
    scene.ended().await;
    scene.check_without_events().await;
    let stood = stands.iter().map(|stands| match stands {
        Stands::Queued(state, _) | Stands::InHand(state) => *state,
    });
    tally("H upgrades that stood there when the broker forgot", stood);
    scene.close().await;
    rabbitmq.stop().await.unwrap();
}

/// A requester that got no answer sends its request again, with the same id, until it does.
async fn ask_again(world: &World, request: &UpgradeRequest) -> Uuid {
    until("an answer", || async {
        let mut inbox = Inbox::open(&world.broker).await.ok()?;
        let reply_to = Some(inbox.queue().to_owned());
        let trace = TraceContext::new_root();
        let message = Outgoing::request(&world.names, request, reply_to, trace);
        world.publisher.publish(message).await.ok()?;
        let reply = inbox.next(Duration::from_secs(5)).await.ok()??;
        let reply: Reply = decode(&reply.body).unwrap();
        match reply.answer {
            Answer::Accepted { execution_id, .. } => Some(execution_id),
            rejected @ Answer::Rejected { .. } => panic!("{rejected:?}"),
        }
    })
    .await
}

/// Delivers requests, and forgets about steps: the ledger will see to them.
async fn deliver_all(tap: &mut Tap) {
    while let Some(message) = tap.next().await {
        if message.state == State::WorkflowStarted {
            tap.deliver(&message).await;
        }
    }
}

/// Delivers what comes until every upgrade stands where it shall.
async fn stand(scene: &Scene, tap: &mut Tap, stands: &[Stands]) {
    let all = 0..stands.len();
    let mut came = vec![0; stands.len()];
    // The message that is held up; none of an upgrade whose request is.
    let mut held: BTreeMap<usize, Option<Message>> = BTreeMap::new();
    held.extend(all.filter(|n| scene.ids[*n].is_nil()).map(|n| (n, None)));
    while held.len() < stands.len() {
        let message = tap.next().await.expect("the broker is gone");
        let Some(n) = scene.ids.iter().position(|id| *id == message.id) else {
            continue;
        };
        if held.contains_key(&n) {
            continue;
        }
        let (state, nth) = match stands[n] {
            Stands::Queued(state, nth) => (state, nth),
            // Its first step asks for the redeploy, the second for its status.
            Stands::InHand(state @ State::EfaDeployPeerAndRejoin) => (state, 2),
            Stands::InHand(state) => (state, 1),
        };
        if message.state == state {
            came[n] += 1;
            if came[n] >= nth {
                held.insert(n, Some(message));
                continue;
            }
        }
        tap.deliver(&message).await;
    }
    for (n, message) in held {
        if let (Stands::InHand(state), Some(message)) = (stands[n], message) {
            tap.deliver(&message).await;
            let call = call_in(state).unwrap();
            until("a worker that is held up", || async {
                let (standby, efa) = (scene.world.standby(n), scene.world.efa(n));
                (standby.received(call) + efa.received(call) > 0).then_some(())
            })
            .await;
        }
    }
}
