//! A worker that lost its claim while its command was on the wire: the next holder must not send
//! it again before the device's answer is known, and the worker that lost it must not send it any
//! more once the next holder may have.

use std::time::Duration;

use schemas::{State, Verdict};
use services::{Flow, Proxy};
use simulator::{Fault, FaultKind, Fleet};
use tests::{Trap, World, until};
use tokio::time::Instant;
use uuid::Uuid;
use worker::permit::Permit;
use worker::points::Point;
use worker::secrets::Secrets;
use worker::slx::{Dialect, Effect, HostKeys, SlxDevice, SlxError, SshSettings, Switch};

use crate::checks::{assert_upgraded, effects, normal, replaced};
use crate::support::{logged, quiet, value};

/// What the one who stood still and woke up must leave as it is.
async fn nothing_changes(world: &World, sleeper: &tests::Process, state: State, id: Uuid) {
    let history = world.history(id).await;
    let device = world.standby(0).state();
    let (done, received) = (effects(world), sent(world));
    sleeper.signal("CONT").await;
    until("the sleeper to be through with its step", || async {
        (sleeper.passed(Point::Settling, state, id) > 0).then_some(())
    })
    .await;
    // What it may have sent would be there by now.
    quiet(Duration::from_secs(1)).await;
    assert_eq!(world.history(id).await, history);
    assert_eq!(world.standby(0).state(), device);
    assert_eq!(effects(world), done);
    assert_eq!(sent(world), received, "sent by who had lost the step");
}

/// How often each disruptive command arrived, whether or not it had an effect.
fn sent(world: &World) -> [u64; 4] {
    let [upgrade, deploy, revert] =
        ["tpvm-upgrade", "deploy", "tpvm-revert"].map(|command| world.standby(0).received(command));
    [
        upgrade,
        deploy,
        revert,
        world.efa(0).received("efa-redeploy"),
    ]
}

/// Stopped between its intent and its command, for longer than claim and settle together; what
/// arrives at the device in all, and how the upgrade ends. `timing` is both workers'.
async fn stalled_before_sending(
    world: World,
    state: State,
    timing: &str,
    expected: ([u64; 4], Verdict),
) {
    let sleeper = world.worker_at_with(Trap::stall(Point::Intended).in_state(state), timing);
    let id = world.accepted(&world.request(0)).await;
    sleeper.stalled().await;
    let _other = world.worker_with(timing);
    let execution = world.finished(id).await;
    assert_eq!(
        (sent(&world), execution.verdict),
        (expected.0, Some(expected.1)),
        "{execution:?}\n{}",
        world.logs()
    );
    if expected.1 == Verdict::Succeeded {
        assert_upgraded(&world, &execution);
    }
    nothing_changes(&world, &sleeper, state, id).await;
    world.close().await;
}

#[tokio::test]
async fn before_it_sent_the_upgrade() {
    let world = World::new(normal()).await;
    let expected = ([1, 0, 0, 1], Verdict::Succeeded);
    stalled_before_sending(world, State::TpvmUpgrade, "", expected).await;
}

#[tokio::test]
async fn before_it_sent_the_deploy() {
    let world = World::new(replaced()).await;
    let expected = ([0, 1, 0, 1], Verdict::Succeeded);
    stalled_before_sending(world, State::TpvmInstallation, "", expected).await;
}

#[tokio::test]
async fn before_it_sent_the_revert() {
    let world = World::new(normal()).await;
    let fails = FaultKind::RedeployFails("peer unreachable".to_owned());
    world.fault(0, Fault::new("efa-redeploy", fails));
    let expected = ([1, 0, 1, 1], Verdict::Reverted);
    stalled_before_sending(world, State::TpvmRevert, "", expected).await;
}

/// EFA can't be asked for a redeploy, but nothing of it shows for long enough.
#[tokio::test]
async fn before_it_asked_for_the_redeploy() {
    let world = World::new(normal()).await;
    let expected = ([1, 0, 0, 1], Verdict::Succeeded);
    stalled_before_sending(world, State::EfaDeployPeerAndRejoin, "", expected).await;
}

/// Stopped there for less than its claim lasts, but for longer than it had leave to send: it still
/// holds the step, and sends nothing under the old intent, which does not count.
#[tokio::test]
async fn for_longer_than_it_had_leave() {
    for (fleet, state, fact) in [
        (normal(), State::TpvmUpgrade, "upgrade"),
        (replaced(), State::TpvmInstallation, "install"),
        (normal(), State::EfaDeployPeerAndRejoin, "redeploy"),
    ] {
        let world = World::new(fleet).await;
        let trap = Trap::stall(Point::Intended).in_state(state);
        let sleeper = world.worker_at_with(trap, "worker.claim = '30s'");
        let id = world.accepted(&world.request(0)).await;
        sleeper.stalled().await;
        quiet(Duration::from_secs(1)).await;
        sleeper.signal("CONT").await;
        logged(
            &world,
            "was not sent: the worker had stood still for too long",
        )
        .await;
        assert_eq!(sleeper.passed(Point::Commanded, state, id), 0);
        let execution = world.finished(id).await;
        assert_upgraded(&world, &execution);
        assert!(sent(&world).iter().all(|count| *count <= 1));
        let sends = format!("SELECT (facts -> '{fact}' ->> 'sends')::int FROM executions");
        assert_eq!(value::<i32>(&world, sends).await, 1, "{fact}");
        world.close().await;
    }
}

/// It waits for the answer and stands still; the device takes its time to show the command.
async fn stalled_while_answered(fleet: Fleet, command: &str, state: State, expected: [u64; 4]) {
    let world = World::new(fleet).await;
    let slow = FaultKind::Slow(Duration::from_millis(3500));
    world.fault(0, Fault::new(command, slow).once());
    // The claim ends long before settle does, so the next holder comes to a device without a
    // trace of the command.
    let timing = "timing.settle = '6s'\nslx.command_timeout = '5s'\nefa.request_timeout = '5s'\n\
                  timing.redeploy_quiet = '8s'\nworker.claim = '1s'";
    let sleeper = world.worker_with(timing);
    let id = world.accepted(&world.request(0)).await;
    // A command that asks for confirmation has not been given before that.
    let last = if command == "tpvm-upgrade" {
        "confirmation"
    } else {
        command
    };
    until("the command", || async {
        let received = world.standby(0).received(last) + world.efa(0).received(last);
        (received > 0).then_some(())
    })
    .await;
    sleeper.signal("STOP").await;
    let _other = world.worker_with(timing);
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    assert_eq!(sent(&world), expected);
    nothing_changes(&world, &sleeper, state, id).await;
    world.close().await;
}

#[tokio::test]
async fn while_its_upgrade_was_answered() {
    stalled_while_answered(normal(), "tpvm-upgrade", State::TpvmUpgrade, [1, 0, 0, 1]).await;
}

#[tokio::test]
async fn while_its_deploy_was_answered() {
    let expected = [0, 1, 0, 1];
    stalled_while_answered(replaced(), "deploy", State::TpvmInstallation, expected).await;
}

#[tokio::test]
async fn while_its_redeploy_was_answered() {
    let state = State::EfaDeployPeerAndRejoin;
    stalled_while_answered(normal(), "efa-redeploy", state, [1, 0, 0, 1]).await;
}

/// The leave to send ends while the switch's question is on its way: it is not answered.
#[tokio::test]
async fn a_question_is_not_answered_too_late() {
    let world = World::new(normal()).await;
    let switch = world.standby(0);
    let proxy = Proxy::start(switch.ssh_address().to_string()).unwrap();
    let inventory = world.ledger.inventory().await.unwrap();
    let address = std::net::IpAddr::V4(switch.state().address);
    let mut device = inventory
        .deployments
        .iter()
        .flat_map(|deployment| &deployment.devices)
        .find(|device| device.ip_address == address)
        .unwrap()
        .clone();
    device.ssh_host = Some("127.0.0.1".parse().unwrap());
    device.ssh_port = proxy.address().port();
    let dir = tempfile::tempdir().unwrap();
    let settings = SshSettings {
        connect_timeout: Duration::from_secs(20),
        command_timeout: Duration::from_secs(20),
        host_keys: HostKeys::AcceptNew(dir.path().join("known_hosts")),
        weak_algorithms: Vec::new(),
        max_output: 1024 * 1024,
    };
    let secrets = Secrets::new(Some(world.secrets_dir()));
    let dialect = std::sync::Arc::new(Dialect::built_in());
    let connected = SlxDevice::connect(&device, &secrets, &settings, dialect).await;
    let mut session = connected.unwrap();
    proxy.answers(Flow::Delayed(Duration::from_millis(1500)));
    let permit = Permit::until(Instant::now() + Duration::from_millis(500));
    let error = session.revert(&permit).await.unwrap_err();
    assert!(matches!(error, SlxError::Lost { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::Perhaps);
    drop(session);
    assert_eq!(switch.received("tpvm-revert"), 1, "asked");
    assert_eq!(switch.effects("tpvm-revert"), 0, "and not carried out");
    world.close().await;
}
