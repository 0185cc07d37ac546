//! What the validations find, and what is done about it.

use std::net::IpAddr;

use schemas::{State, UpgradeRequest};
use simulator::{DeploymentChange, Fault, FaultKind, Standby, SwitchChange};

use super::{Case, NEW_HOST};

fn image(request: &mut UpgradeRequest, name: &str) {
    request.tpvm_image = format!("/images/{name}").parse().unwrap();
}

pub fn of_the_efa_db() -> Vec<Case> {
    vec![
        Case {
            request: |_, request| request.firmware_host = IpAddr::from(NEW_HOST),
            again: |_, request| request.firmware_host = IpAddr::from(NEW_HOST),
            ..Case::of_efa_db(
                "the firmware host 10.9.9.9 is not registered",
                &["register the firmware host"],
                "DELETE FROM firmware_hosts WHERE ip_address = '10.9.9.9'",
            )
        },
        Case::of_efa_db(
            "is not registered",
            &["register the device with its EFA deployment"],
            "DELETE FROM devices WHERE ip_address = '{ip}'",
        ),
        Case::of_efa_db(
            "no TPVM configuration persisted",
            &["running-config", "register the device again"],
            "DELETE FROM tpvm_configs WHERE device_ip = '{ip}'",
        ),
        Case::of_efa_db(
            "no TPVM address of the device",
            &["register the device again while its TPVM runs"],
            "UPDATE tpvm_configs SET management_ip = 'dhcp', management_gateway = NULL
             WHERE device_ip = '{ip}';
             DELETE FROM tpvm_operational WHERE device_ip = '{ip}'",
        ),
        Case::of_efa_db(
            "is none of the EFA peer nodes",
            &["the deployment's node addresses", "register them again"],
            "UPDATE efa_nodes SET ip_address = '10.99.{n}.1'
             WHERE deployment = 'efa-{n}' AND ip_address = '{tpvm}'",
        ),
        Case::of_efa_db(
            "without a password or key",
            &["register the device with the name of a secret"],
            "UPDATE devices SET password_secret = NULL WHERE ip_address = '{ip}'",
        ),
        Case {
            act: |site| {
                let (_, password) = site.world.simulator.secrets().remove(0);
                std::fs::write(site.secret("comes-later"), password).unwrap();
            },
            registers: false,
            ..Case::of_efa_db(
                "the secret comes-later was not found",
                &["provide the secret to the workers under this name"],
                "UPDATE devices SET password_secret = 'comes-later' WHERE ip_address = '{ip}'",
            )
        },
        Case::of_efa_db(
            "did not take the login of nobody",
            &["correct the device's user in the inventory"],
            "UPDATE devices SET login = 'nobody' WHERE ip_address = '{ip}'",
        ),
        Case::of_efa_db(
            "nothing listens on this port",
            &["correct the device's ssh_port in the inventory"],
            "UPDATE devices SET ssh_port = 1 WHERE ip_address = '{ip}'",
        ),
        Case::of_efa_db(
            "no connection to EFA",
            &["check that EFA's API can be reached"],
            "UPDATE efa_deployments SET api_url = 'https://127.0.0.1:1/v1' WHERE name = 'efa-{n}'",
        ),
        Case {
            spoil: |site| std::fs::write(site.secret("wrong"), "not the password").unwrap(),
            ..Case::of_efa_db(
                "refused extreme",
                &["correct the deployment's user and the secret that it names"],
                "UPDATE efa_deployments SET password_secret = 'wrong' WHERE name = 'efa-{n}'",
            )
        },
        Case {
            standby: Standby::Replaced,
            failed: State::TpvmConfigValidation,
            ..Case::of_efa_db(
                "no management interface",
                &["register the device's TPVM configuration with `interface management`"],
                "UPDATE tpvm_configs SET management_ip = NULL, management_gateway = NULL
                 WHERE device_ip = '{ip}'",
            )
        },
    ]
}

pub fn of_the_device_and_efa() -> Vec<Case> {
    let device = |cause, remedy| Case::new(State::DeviceValidation, cause, remedy);
    let config = |cause, remedy| Case::new(State::TpvmConfigValidation, cause, remedy);
    vec![
        Case {
            request: |site, request| {
                request.ip_address = IpAddr::V4(site.world.active(site.n).state().address);
            },
            act: |site| {
                site.world.efa(site.n).set(DeploymentChange {
                    active: Some(1),
                    ..DeploymentChange::default()
                });
            },
            again: |site, request| {
                request.ip_address = IpAddr::V4(site.world.active(site.n).state().address);
            },
            ..device("only a standby", &["switch EFA over to the other node"])
        },
        Case {
            spoil: |site| site.firmware("20.3.2"),
            act: |site| site.firmware("20.3.2a"),
            ..device("20.3.2, and", &["upgrade SLX-OS on the device"])
        },
        Case {
            spoil: |site| site.runs(false),
            act: |site| site.runs(true),
            ..device("not both EFA nodes are up", &["recover EFA on that node"])
        },
        Case {
            spoil: |site| {
                let stale = Fault::new("efa-status", FaultKind::StaleStatus);
                site.world.fault(site.n, stale);
                site.runs(false);
            },
            act: |site| {
                site.world.efa(site.n).clear_faults();
                site.runs(true);
            },
            ..config(
                "installed but not running",
                &["`tpvm start`", "wait until EFA is up"],
            )
        },
        Case {
            spoil: |site| {
                site.set(SwitchChange {
                    clear_config: true,
                    ..SwitchChange::default()
                })
            },
            act: |site| site.configure(|_| true, &[]),
            ..config(
                "has no TPVM configuration",
                &["convert the TPVM to persistent configuration"],
            )
        },
        Case {
            spoil: |site| {
                let tpvm_ip = Some([10, 77, 7, 7].into());
                site.set(SwitchChange {
                    tpvm_ip,
                    ..SwitchChange::default()
                });
            },
            act: |site| {
                let tpvm_ip = site.before.tpvm_ip;
                site.set(SwitchChange {
                    tpvm_ip,
                    ..SwitchChange::default()
                });
            },
            ..config(
                "10.77.7.7 is none of the EFA",
                &["restore the TPVM's management address"],
            )
        },
        Case {
            standby: Standby::Replaced,
            spoil: |site| {
                let config = vec!["hostname tpvm2".to_owned()];
                site.set(SwitchChange {
                    config,
                    ..SwitchChange::default()
                });
            },
            act: |site| {
                site.set(SwitchChange {
                    clear_config: true,
                    ..SwitchChange::default()
                })
            },
            ..config(
                "but no TPVM is installed",
                &["remove the device's TPVM configuration"],
            )
        },
        Case {
            spoil: |site| site.configure(|line| !line.starts_with("hostname"), &["hostname TPVM9"]),
            act: |site| site.configure(|_| true, &[]),
            ..config(
                "is not in lower case",
                &["a host name of lower-case letters"],
            )
        },
        Case {
            spoil: |site| site.configure(|line| !line.starts_with("hostname"), &[]),
            act: |site| site.configure(|_| true, &[]),
            ..config("has no hostname", &["configure the hostname of the TPVM"])
        },
        Case {
            spoil: |site| site.configure(|line| !line.starts_with("ntp"), &[]),
            act: |site| site.configure(|_| true, &[]),
            ..config(
                "has no ntp server",
                &["configure the ntp server of the TPVM"],
            )
        },
        Case {
            spoil: |site| site.configure(|line| !line.starts_with("timezone"), &[]),
            act: |site| site.configure(|_| true, &[]),
            ..config("has no timezone", &["configure the timezone of the TPVM"])
        },
    ]
}

pub fn of_the_request() -> Vec<Case> {
    let config = |cause, remedy| Case::new(State::TpvmConfigValidation, cause, remedy);
    const NOT_ALLOWED: &str = "may not be used as a trusted peer's password";
    vec![
        Case {
            request: |_, request| {
                request.trusted_peer_password_secret = Some("of-something-else".parse().unwrap());
            },
            ..Case::new(
                State::DeviceValidation,
                NOT_ALLOWED,
                &["name another secret"],
            )
        },
        Case::of_efa_db(
            NOT_ALLOWED,
            &["add it to the deployment", "in the inventory"],
            "UPDATE efa_deployments SET trusted_peer_secrets = '{}' WHERE name = 'efa-{n}'",
        ),
        Case {
            standby: Standby::Replaced,
            request: |_, request| request.trusted_peer_password_secret = None,
            ..config(
                "password can't be restored from the EFA DB",
                &["name the secret that holds the trusted peer's password"],
            )
        },
        Case {
            request: |_, request| image(request, "tpvm-latest.deb"),
            ..config(
                "tells no TPVM version",
                &["name the image as the vendor does"],
            )
        },
        Case {
            request: |_, request| image(request, "tpvm-latest.deb"),
            again: |_, request| {
                image(request, "tpvm-latest.deb");
                request.options.force = true;
            },
            ..config("tells no TPVM version", &["force the upgrade"])
        },
        Case {
            request: |_, request| image(request, "tpvm_x86_64-4.2.3-0.amd64.deb"),
            ..config("newer than 4.2.3", &["choose a newer image"])
        },
        Case {
            request: |_, request| image(request, "tpvm_x86_64-4.2.3-0.amd64.deb"),
            again: |_, request| {
                image(request, "tpvm_x86_64-4.2.3-0.amd64.deb");
                request.options.force = true;
            },
            ..config("newer than 4.2.3", &["force the downgrade"])
        },
    ]
}
