//! What the two validations refuse, and that it leaves the device as it was.

use std::net::IpAddr;

use ledger::Execution;
use schemas::{State, UpgradeRequest, Verdict};
use simulator::{Fleet, SwitchChange};
use tests::{DISRUPTIVE, World};

use crate::checks::{assert_no_secrets, assert_nothing_twice, effects, normal, replaced};

/// Runs one upgrade to its end in a world that `spoil` prepared.
async fn run(
    fleet: Fleet,
    spoil: impl FnOnce(&World),
    change: impl FnOnce(&mut UpgradeRequest),
) -> (World, Execution) {
    let world = World::new(fleet).await;
    spoil(&world);
    let worker = world.worker();
    let mut request = world.request(0);
    change(&mut request);
    let id = world.accepted(&request).await;
    let execution = world.finished(id).await;
    drop(worker);
    assert_no_secrets(&world, &execution).await;
    let failure = execution.failure.as_ref().expect("a failure");
    assert!(
        !failure.cause.is_empty() && !failure.remedy.is_empty(),
        "{execution:?}"
    );
    assert_nothing_twice(&world);
    (world, execution)
}

fn unchanged(_: &mut UpgradeRequest) {}

fn assert_end(execution: &Execution, failed: State, verdict: Verdict) {
    assert_eq!(
        (execution.failed_state, execution.verdict),
        (Some(failed), Some(verdict)),
        "{execution:?}"
    );
}

fn assert_untouched(world: &World) {
    assert_eq!(effects(world), [0, 0, 0, 0]);
    let (standby, efa) = (world.standby(0), world.efa(0));
    let received = DISRUPTIVE.map(|call| standby.received(call) + efa.received(call));
    assert_eq!(received, [0, 0, 0, 0]);
}

#[tokio::test]
async fn device_validation_refuses_what_can_not_work() {
    type Change = fn(&mut UpgradeRequest);
    type Spoil = fn(&World);
    let cases: [(&str, Spoil, Change); 6] = [
        (
            "firmware host",
            |_| {},
            |request| request.firmware_host = IpAddr::from([10, 9, 9, 9]),
        ),
        (
            "not registered",
            |_| {},
            |request| request.ip_address = IpAddr::from([127, 9, 9, 9]),
        ),
        (
            "active",
            |_| {},
            |request| request.ip_address = IpAddr::from([127, 20, 0, 1]),
        ),
        (
            "20.3.2",
            |world| {
                let firmware = Some("20.3.2".to_owned());
                world
                    .standby(0)
                    .set(SwitchChange {
                        firmware,
                        ..SwitchChange::default()
                    })
                    .unwrap();
            },
            unchanged,
        ),
        (
            "trusted-peer-password",
            |world| {
                std::fs::remove_file(world.secrets_dir().join("trusted-peer-password")).unwrap();
            },
            unchanged,
        ),
        (
            "up",
            |world| {
                let running = Some(false);
                world
                    .standby(0)
                    .set(SwitchChange {
                        running,
                        ..SwitchChange::default()
                    })
                    .unwrap();
            },
            unchanged,
        ),
    ];
    for (named, spoil, change) in cases {
        let (world, execution) = run(normal(), spoil, change).await;
        assert_end(&execution, State::DeviceValidation, Verdict::Failed);
        let cause = &execution.failure.as_ref().unwrap().cause;
        assert!(cause.contains(named), "{named}: {cause}");
        let path = world.path(execution.id).await;
        assert_eq!(
            path.last_chunk(),
            Some(&[State::DeviceValidation, State::WorkflowFinished])
        );
        assert_untouched(&world);
        world.close().await;
    }
}

#[tokio::test]
async fn tpvm_config_validation_refuses_what_the_table_does_not_cover() {
    let installed_without_config = |world: &World| {
        let change = SwitchChange {
            clear_config: true,
            ..SwitchChange::default()
        };
        world.standby(0).set(change).unwrap();
    };
    let foreign_ip = |world: &World| {
        let tpvm_ip = Some([10, 77, 7, 7].into());
        world
            .standby(0)
            .set(SwitchChange {
                tpvm_ip,
                ..SwitchChange::default()
            })
            .unwrap();
    };
    let config_without_tpvm = |world: &World| {
        let config = vec!["hostname tpvm2".to_owned()];
        world
            .standby(0)
            .set(SwitchChange {
                config,
                ..SwitchChange::default()
            })
            .unwrap();
    };
    for (fleet, spoil) in [
        (normal(), &installed_without_config as &dyn Fn(&World)),
        (normal(), &foreign_ip),
        (replaced(), &config_without_tpvm),
    ] {
        let (world, execution) = run(fleet, spoil, unchanged).await;
        assert_end(&execution, State::TpvmConfigValidation, Verdict::Failed);
        assert_untouched(&world);
        // What the device lacks does not overwrite what the EFA DB has.
        let target = world.ledger.target(execution.ip_address).await.unwrap();
        let persisted = target.unwrap().tpvm_config.unwrap();
        assert!(persisted.ldap.is_some() && persisted.trusted_peer.is_some());
        world.close().await;
    }
}

#[tokio::test]
async fn a_downgrade_and_an_unreadable_version_need_force() {
    for image in [
        "/images/tpvm_x86_64-4.2.3-0.amd64.deb",
        "/images/tpvm-latest.deb",
    ] {
        let (world, execution) = run(
            normal(),
            |_| {},
            |request| request.tpvm_image = image.parse().unwrap(),
        )
        .await;
        assert_end(&execution, State::TpvmConfigValidation, Verdict::Failed);
        assert_untouched(&world);
        world.close().await;
    }
}

#[tokio::test]
async fn a_replacement_needs_the_trusted_peers_password_before_anything_is_changed() {
    let without = |request: &mut UpgradeRequest| request.trusted_peer_password_secret = None;
    let (world, execution) = run(replaced(), |_| {}, without).await;
    assert_end(&execution, State::TpvmConfigValidation, Verdict::Failed);
    assert_eq!(world.standby(0).state().running_config, None);
    world.close().await;
}
