use ledger::{Fenced, InventoryCounts, LedgerError, StepRef, Target};
use schemas::inventory::{Device, Inventory};
use schemas::tpvm::TpvmConfig;
use schemas::{State, Verdict};
use serde_json::{Value, json};

use crate::support::{Fixture, devices, failure, parse, success, the_end};

/// Every field of every type is set.
fn full() -> Value {
    json!({
        "deployments": [
            {
                "name": "fabric-a",
                "api_url": "https://192.0.2.10/v1",
                "user": "admin",
                "password_secret": "efa-admin",
                "trusted_peer_secrets": ["peer-b", "peer-a"],
                "nodes": [
                    { "ip_address": "192.0.2.11", "name": "tpvm-1" },
                    { "ip_address": "2001:db8::12", "name": "tpvm-2" },
                ],
                "devices": [
                    {
                        "ip_address": "10.0.0.1",
                        "ssh_host": "gate.example",
                        "ssh_port": 65535,
                        "name": "leaf-1",
                        "model": "3012",
                        "chassis_name": "SLX9250-32C",
                        "user": "admin",
                        "password_secret": "switch",
                        "private_key_secret": "switch-key",
                        "tpvm_config": config(),
                        "tpvm_version": "4.5.8",
                        "tpvm_ip": "192.0.2.11",
                    },
                    {
                        "ip_address": "2001:db8::2",
                        "ssh_port": 22,
                        "name": "leaf-2",
                        "user": "admin",
                        "tpvm_config": { "auto_boot": false, "deploy": false },
                    },
                    { "ip_address": "2001:db8::3", "ssh_port": 22, "name": "leaf-3", "user": "admin" },
                ],
            },
            {
                "name": "fabric-b",
                "api_url": "https://192.0.2.20/v1",
                "user": "root",
                "password_secret": "efa-b",
                "nodes": [],
                "devices": [],
            },
        ],
        "firmware_hosts": [
            { "ip_address": "10.9.0.1", "protocol": "scp", "user": "images", "password_secret": "a" },
            { "ip_address": "10.9.0.2", "protocol": "sftp", "user": "images", "password_secret": "b" },
        ],
    })
}

fn config() -> Value {
    json!({
        "password": "$6$abc/def==",
        "management": { "ip": "10.20.61.92/20", "gateway": "10.20.48.1" },
        "insight": { "ip": "dhcp", "gateway": "10.1.0.1" },
        "auto_boot": true,
        "hostname": "tpvm-1",
        "timezone": "Europe/Vienna",
        "dns": {
            "primary_server": "192.0.2.53",
            "secondary_server": "dns.example",
            "domain_name": "example.com",
        },
        "ntp_server": "ntp.example",
        "ldap": {
            "host": "2001:db8::99",
            "port": 65535,
            "secure": true,
            "basedn": "dc=example,dc=com",
            "rootdn": "cn=root,dc=example,dc=com",
            "password": "enc1==",
        },
        "ldap_ca_cert": {
            "protocol": "scp",
            "user": "images",
            "password": "enc2==",
            "host": "10.9.0.1",
            "directory": "/certs",
            "filename": "ca.pem",
        },
        "trusted_peer": { "ip": "2001:db8::12", "password": "enc3==", "sudo_user": "extreme" },
        "deploy": true,
    })
}

#[tokio::test]
async fn every_field_comes_back_as_it_was_loaded() {
    let fixture = Fixture::new().await;
    let inventory: Inventory = parse(full());
    let counts = InventoryCounts {
        deployments: 2,
        nodes: 2,
        devices: 3,
        tpvm_configs: 2,
        firmware_hosts: 2,
    };
    let ledger = &fixture.ledger;
    assert_eq!(ledger.load_inventory(&inventory).await.unwrap(), counts);
    assert_eq!(ledger.inventory().await.unwrap(), inventory);
    assert_eq!(ledger.load_inventory(&inventory).await.unwrap(), counts);
    assert_eq!(ledger.inventory().await.unwrap(), inventory);
    // The test itself must name every field, or it would not notice one that gets lost.
    assert_eq!(serde_json::to_value(&inventory).unwrap(), full());

    let device: &Device = &inventory.deployments[0].devices[0];
    let target = ledger.target(device.ip_address).await.unwrap().unwrap();
    let expected = Target {
        device: device.clone(),
        deployment: "fabric-a".into(),
        api_url: "https://192.0.2.10/v1".into(),
        user: parse(json!("admin")),
        password_secret: parse(json!("efa-admin")),
        trusted_peer_secrets: parse(json!(["peer-b", "peer-a"])),
        nodes: inventory.deployments[0].nodes.clone(),
        tpvm_config: device.tpvm_config.clone(),
    };
    assert_eq!(target, expected);
    assert!(!format!("{target:?}").contains("enc1"));
    assert_eq!(
        ledger.target("10.0.0.77".parse().unwrap()).await.unwrap(),
        None
    );

    let host = &inventory.firmware_hosts[1];
    let found = ledger.firmware_host(host.ip_address).await.unwrap();
    assert_eq!(found.as_ref(), Some(host));
    assert_eq!(
        ledger
            .firmware_host("10.0.0.1".parse().unwrap())
            .await
            .unwrap(),
        None
    );
    fixture.close().await;
}

#[tokio::test]
async fn a_second_load_changes_what_it_names_and_nothing_else() {
    let fixture = Fixture::new().await;
    let ledger = &fixture.ledger;
    ledger.load_inventory(&parse(full())).await.unwrap();
    let change: Inventory = parse(json!({
        "deployments": [{
            "name": "fabric-a",
            "api_url": "https://192.0.2.77/v1",
            "user": "other",
            "password_secret": "other",
            "nodes": [{ "ip_address": "192.0.2.11", "name": "renamed" }],
            "devices": [{ "ip_address": "10.0.0.1", "name": "leaf-one", "user": "ops" }],
        }],
        "firmware_hosts": [
            { "ip_address": "10.9.0.1", "protocol": "sftp", "user": "x", "password_secret": "y" },
        ],
    }));
    ledger.load_inventory(&change).await.unwrap();

    let mut expected = full();
    let fabric = &mut expected["deployments"][0];
    fabric["api_url"] = json!("https://192.0.2.77/v1");
    fabric["user"] = json!("other");
    fabric["password_secret"] = json!("other");
    // What a file does not allow any more is not allowed any more.
    fabric["trusted_peer_secrets"] = json!([]);
    fabric["nodes"][0]["name"] = json!("renamed");
    // The configuration and the operational data were not named.
    fabric["devices"][0] = json!({
        "ip_address": "10.0.0.1",
        "ssh_port": 22,
        "name": "leaf-one",
        "user": "ops",
        "tpvm_config": config(),
        "tpvm_version": "4.5.8",
        "tpvm_ip": "192.0.2.11",
    });
    expected["firmware_hosts"][0] = json!({ "ip_address": "10.9.0.1", "protocol": "sftp", "user": "x", "password_secret": "y" });
    let expected: Inventory = parse(expected);
    assert_eq!(ledger.inventory().await.unwrap(), expected);
    fixture.close().await;
}

#[tokio::test]
async fn a_contradictory_inventory_is_refused_as_a_whole() {
    let fixture = Fixture::new().await;
    for (key, value, expected) in [
        (
            "/deployments/1/name",
            "fabric-a",
            "deployment fabric-a twice",
        ),
        (
            "/deployments/0/devices/1/ip_address",
            "10.0.0.1",
            "device 10.0.0.1 twice",
        ),
        (
            "/deployments/0/nodes/1/ip_address",
            "192.0.2.11",
            "EFA node 192.0.2.11 twice",
        ),
        (
            "/firmware_hosts/1/ip_address",
            "10.9.0.1",
            "firmware host 10.9.0.1 twice",
        ),
    ] {
        let mut inventory = full();
        *inventory.pointer_mut(key).unwrap() = json!(value);
        let error = fixture
            .ledger
            .load_inventory(&parse(inventory))
            .await
            .unwrap_err();
        assert!(matches!(error, LedgerError::Invalid(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(
        fixture.ledger.inventory().await.unwrap(),
        Inventory::default()
    );
    fixture.close().await;
}

#[tokio::test]
async fn a_device_stays_in_its_deployment_while_an_upgrade_runs() {
    let fixture = Fixture::with_devices(2).await;
    let held = fixture.started(0).await;
    let ledger = &fixture.ledger;
    ledger.load_inventory(&devices(2)).await.unwrap();
    let mut moved = devices(2);
    let device = moved.deployments[0].devices.remove(0);
    moved.deployments[1].devices.push(device);

    let error = ledger.load_inventory(&moved).await.unwrap_err();
    let running = held.token.execution_id.to_string();
    assert!(error.to_string().contains(&running), "{error}");
    assert_eq!(ledger.inventory().await.unwrap(), devices(2));

    let end = failure(State::DeviceValidation, State::WorkflowFinished);
    let _ = ledger
        .record(&held.token, &the_end(Verdict::Failed, end))
        .await
        .unwrap();
    ledger.load_inventory(&moved).await.unwrap();
    let target = ledger.target("10.20.0.1".parse().unwrap()).await.unwrap();
    assert_eq!(target.unwrap().deployment, "fabric-0001");
    let ended = ledger.execution(held.token.execution_id).await.unwrap();
    assert_eq!(ended.unwrap().deployment.as_deref(), Some("fabric-0000"));
    fixture.close().await;
}

#[tokio::test]
async fn what_a_device_says_is_kept() {
    let fixture = Fixture::with_devices(1).await;
    let token = fixture.started(0).await.token;
    let (ledger, ip) = (&fixture.ledger, "10.20.0.1".parse().unwrap());
    let save = async |version, tpvm_ip| {
        let saved = ledger.save_operational(&token, ip, version, tpvm_ip).await;
        assert_eq!(saved.unwrap(), Fenced::Done);
    };
    let config: TpvmConfig = parse(config());
    let saved = ledger.save_tpvm_config(&token, ip, &config).await;
    assert_eq!(saved.unwrap(), Fenced::Done);
    save(Some("4.5.8"), Some("192.0.2.11".parse().unwrap())).await;
    save(None, None).await;
    let device = ledger.target(ip).await.unwrap().unwrap().device;
    assert_eq!(device.tpvm_config.as_ref(), Some(&config));
    assert_eq!(device.tpvm_version.unwrap().as_str(), "4.5.8");
    assert_eq!(device.tpvm_ip, Some("192.0.2.11".parse().unwrap()));

    save(Some("4.6.0"), None).await;
    let empty = TpvmConfig::default();
    let saved = ledger.save_tpvm_config(&token, ip, &empty).await;
    assert_eq!(saved.unwrap(), Fenced::Done);
    let device = ledger.target(ip).await.unwrap().unwrap().device;
    assert_eq!(device.tpvm_config, Some(TpvmConfig::default()));
    assert_eq!(device.tpvm_version.unwrap().as_str(), "4.6.0");
    assert_eq!(device.tpvm_ip, Some("192.0.2.11".parse().unwrap()));

    let error = ledger.save_operational(&token, ip, Some("a b"), None).await;
    let error = error.unwrap_err();
    assert!(matches!(error, LedgerError::Invalid(_)), "{error:?}");
    fixture.close().await;
}

/// A worker that stood still for too long has an old picture of the device.
#[tokio::test]
async fn who_lost_the_step_writes_nothing_about_the_device() {
    let fixture = Fixture::with_devices(1).await;
    let lost = fixture.started(0).await.token;
    fixture.expire_claim(lost.execution_id).await;
    let step = StepRef {
        execution_id: lost.execution_id,
        seq: lost.seq,
        state: State::DeviceValidation,
    };
    fixture.hold(&step).await;
    let (ledger, ip) = (&fixture.ledger, "10.20.0.1".parse().unwrap());
    let before = ledger.inventory().await.unwrap();
    let config: TpvmConfig = parse(config());
    let saved = ledger.save_tpvm_config(&lost, ip, &config).await;
    assert_eq!(saved.unwrap(), Fenced::Stale);
    let saved = ledger
        .save_operational(&lost, ip, Some("4.6.0"), None)
        .await;
    assert_eq!(saved.unwrap(), Fenced::Stale);
    assert_eq!(ledger.inventory().await.unwrap(), before);
    fixture.close().await;
}

/// One that is moved has to wait for upgrades of its own only.
#[tokio::test]
async fn when_thousands_of_devices_are_loaded_and_one_moves_then_other_upgrades_go_on() {
    const BUSY: usize = 30;
    let fixture = Fixture::with_devices(BUSY).await;
    let mut many = devices(2);
    let moved = many.deployments[0].devices.remove(0);
    let more = (0..5_000).map(|n| Device {
        ip_address: format!("10.99.{}.{}", n / 250, 1 + n % 250)
            .parse()
            .unwrap(),
        ..moved.clone()
    });
    let more: Vec<Device> = more.collect();
    many.deployments[1].devices.extend(more);
    many.deployments[1].devices.push(moved);
    let loader = fixture.another().await;
    let load = tokio::spawn(async move {
        let counts = loader.load_inventory(&many).await;
        loader.close().await;
        counts.unwrap()
    });
    for index in 2..BUSY {
        let held = fixture.started(index).await;
        let next = success(State::TpvmConfigValidation);
        fixture.moved(&held, &next).await;
    }
    assert!(!load.is_finished(), "the load was over before the upgrades");
    assert_eq!(load.await.unwrap().devices, 5_002);
    let target = fixture.ledger.target("10.20.0.1".parse().unwrap()).await;
    assert_eq!(target.unwrap().unwrap().deployment, "fabric-0001");
    fixture.close().await;
}
