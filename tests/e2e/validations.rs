//! Law B for the two validations: what they refuse leaves the device as it was.

use std::net::IpAddr;

use schemas::{State, UpgradeRequest, Verdict};
use simulator::SwitchChange;
use tests::World;

use crate::checks::{DISRUPTIVE, effects, normal, replaced};
use crate::failures::{assert_end, run, unchanged};

fn assert_untouched(world: &World) {
    assert_eq!(effects(world), [0, 0, 0, 0]);
    let received = DISRUPTIVE.map(|command| world.standby(0).received(command));
    assert_eq!(received, [0, 0, 0]);
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
            "no-such-secret",
            |_| {},
            |request| {
                request.trusted_peer_password_secret = Some("no-such-secret".parse().unwrap());
            },
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
