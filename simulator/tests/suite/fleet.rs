use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;

use simulator::{DeploymentOptions, FaultKind, Fleet, Listen, Settings, Simulator, Standby};

use crate::support::{secret, start};

#[test]
fn the_example_file_says_what_its_comments_say() {
    let fleet = Fleet::from_toml(include_str!("../../fleet.example.toml")).unwrap();
    let names: Vec<_> = fleet
        .deployments
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["normal", "replacement", "reverting", "refused", "troubled"]
    );
    let replaced = &fleet.deployments[1].switches[1];
    assert_eq!((&replaced.config, &replaced.tpvm_version), (&None, &None));
    assert_eq!(replaced.image.as_deref(), Some("4.2.5"));
    assert!(replaced.persisted.is_some());
    let reverting = &fleet.deployments[2].switches[1].faults[0];
    assert!(matches!(reverting.kind, FaultKind::UpgradeFails(_)));
    assert_eq!(
        (reverting.on.as_str(), reverting.times),
        ("tpvm-upgrade", Some(1))
    );
    assert_eq!(fleet.deployments[3].switches[0].firmware, "20.3.2");
    assert_eq!(fleet.deployments[4].faults.len(), 2);
}

#[test]
fn mistakes_in_a_fleet_file_are_errors() {
    for text in [
        "[[deployment]]\ncolour = \"blue\"",
        "[[deployments]]",
        "[[deployment]]\nfaults = [{ kind = \"slow\", on = \"efa-status\" }]",
        "[[deployment]]\nfaults = [{ kind = \"garbage\", on = \"efa-state\" }]",
        "[[deployment]]\nswitch-faults = [{ node = 2, fault = { kind = \"upgrade-fails\" } }]",
    ] {
        assert!(Fleet::from_toml(text).is_err(), "{text}");
    }
}

#[test]
fn a_generated_fleet_has_no_address_twice() {
    let fleet = Fleet::generate(1500);
    let mut seen = HashSet::new();
    for deployment in &fleet.deployments {
        assert!(seen.insert(deployment.address));
        for switch in &deployment.switches {
            assert!(seen.insert(switch.address) && seen.insert(switch.tpvm_ip));
        }
        let peers: Vec<bool> = deployment
            .switches
            .iter()
            .map(|switch| switch.config.as_ref().unwrap().trusted_peer.is_some())
            .collect();
        assert_eq!(peers, [false, true]);
    }
}

#[tokio::test]
async fn the_inventory_describes_the_fleet() {
    let simulator = start(Fleet::with(&[DeploymentOptions {
        standby: Standby::Replaced,
        ..DeploymentOptions::default()
    }]))
    .await;
    let inventory = simulator.inventory();
    let deployment = &inventory["deployments"][0];
    assert_eq!(deployment["name"], "efa-1");
    assert_eq!(deployment["api_url"], simulator.deployments()[0].api_url());
    assert_eq!(deployment["nodes"][1]["ip_address"], "10.20.0.2");
    let device = &deployment["devices"][1];
    assert_eq!(device["ip_address"], "127.20.0.2");
    let ssh = simulator
        .switch([127, 20, 0, 2].into())
        .unwrap()
        .ssh_address();
    assert_eq!(device["ssh_port"], ssh.port());
    assert_eq!(device["tpvm_version"], "4.2.4", "what EFA had before");
    assert_eq!(device["tpvm_config"]["management"]["ip"], "10.20.0.2/16");
    assert_eq!(device["tpvm_config"]["trusted_peer"]["ip"], "10.20.0.1");
    let text = inventory.to_string();
    for (name, value) in simulator.secrets() {
        assert!(!text.contains(&value), "{name} is in the inventory");
    }
    assert_eq!(inventory["firmware_hosts"][0]["ip_address"], "10.31.2.50");
}

#[tokio::test]
async fn files_are_written_and_secrets_are_private() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = start(Fleet::generate(1)).await;
    let files = simulator.write_files(dir.path()).unwrap();
    // A second time over the first.
    simulator.write_files(dir.path()).unwrap();
    let text = std::fs::read_to_string(&files.inventory).unwrap();
    let inventory: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(inventory, simulator.inventory());
    assert_eq!(
        std::fs::read_to_string(&files.known_hosts).unwrap(),
        simulator.known_hosts()
    );
    assert_eq!(
        std::fs::read_to_string(&files.ca).unwrap(),
        simulator.ca_pem()
    );
    let path = files.secrets_dir.join("slx-password");
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        secret(&simulator, "slx-password")
    );
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn an_advertised_host_stands_everywhere() {
    let settings = Settings {
        listen: Listen::Advertised {
            address: [127, 0, 0, 1].into(),
            host: "localhost".to_owned(),
            first_port: free_ports(),
        },
        ..Settings::fast()
    };
    let Listen::Advertised { first_port, .. } = settings.listen.clone() else {
        unreachable!()
    };
    let simulator = Simulator::start(Fleet::generate(1), settings)
        .await
        .unwrap();
    let inventory = simulator.inventory();
    let deployment = &inventory["deployments"][0];
    let api_url = format!("https://localhost:{}/v1", first_port + 2);
    assert_eq!(deployment["api_url"], api_url);
    assert_eq!(deployment["devices"][1]["ssh_host"], "localhost");
    assert_eq!(deployment["devices"][1]["ssh_port"], first_port + 1);
    assert!(
        simulator
            .known_hosts()
            .contains(&format!("[localhost]:{first_port} ssh-ed25519 "))
    );
    let client = crate::support_api::https(&simulator);
    let answer = client
        .get(format!("{api_url}/monitor/status/efa"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.status(),
        401,
        "reached, with a certificate for that name"
    );
}

/// The first of three ports that nobody uses now.
fn free_ports() -> u16 {
    loop {
        let first = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        let free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if port < u16::MAX - 2 && free(port + 1) && free(port + 2) {
            return port;
        }
    }
}

#[tokio::test]
async fn stopping_ends_listeners_and_sessions() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = crate::support::standby(&simulator);
    let api = simulator.deployments()[0].api_address();
    let mut cli = crate::support::Cli::login(&simulator, &switch).await;
    simulator.stop().await;
    cli.rest().await;
    for address in [switch.ssh_address(), api] {
        assert!(
            tokio::net::TcpStream::connect(address).await.is_err(),
            "{address}"
        );
    }
}
