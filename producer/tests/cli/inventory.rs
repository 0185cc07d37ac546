//! `inventory`: what is loaded, what is shown, and what is kept back.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Site, cells, finish, program};

const SECRETS: [&str; 4] = ["EnCoDeD1", "EnCoDeD2", "EnCoDeD3", "EnCoDeD4"];

/// A deployment with every item of a TPVM configuration.
const TOML: &str = r#"
[[firmware_hosts]]
ip_address = "10.20.1.5"
protocol = "sftp"
user = "images"
password_secret = "firmware-host"

[[deployments]]
name = "site-b"
api_url = "https://10.30.1.103/v1"
user = "extreme"
password_secret = "efa-site-b"
trusted_peer_secrets = ["tpvm1-sudo", "tpvm2-sudo"]
nodes = [
  { ip_address = "10.30.1.101", name = "tpvm1" },
  { ip_address = "10.30.1.102", name = "tpvm2" },
]

[[deployments.devices]]
ip_address = "10.30.1.28"
ssh_host = "jump.example.com"
ssh_port = 2222
name = "leaf-b"
user = "admin"
password_secret = "slx-leaf-b"
tpvm_version = "4.5.1"
tpvm_ip = "10.30.1.102"

[deployments.devices.tpvm_config]
password = "EnCoDeD1"
management = { ip = "10.30.1.102/24", gateway = "10.30.1.1" }
insight = { ip = "dhcp" }
auto_boot = true
hostname = "tpvm2"
timezone = "Europe/Berlin"
dns = { primary_server = "10.30.1.53", domain_name = "example.com" }
ntp_server = "10.30.1.123"
ldap = { host = "ldap.example.com", port = 636, secure = true, basedn = "dc=example,dc=com", rootdn = "cn=admin", password = "EnCoDeD2" }
ldap_ca_cert = { protocol = "scp", user = "images", password = "EnCoDeD3", host = "10.20.1.5", directory = "/certs", filename = "ca.pem" }
trusted_peer = { ip = "10.30.1.101", password = "EnCoDeD4", sudo_user = "extreme" }
deploy = true
"#;

fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_was_loaded_can_be_shown_and_loaded_again() {
    let site = Site::new().await;
    let folder = TempDir::new().unwrap();
    let toml = file(&folder, "site.toml", TOML);
    let loaded = site.run(&["inventory", "load", &toml]).await.ended(0);
    assert_eq!(
        loaded.stdout,
        "Inventory Load [success]\n1 deployments, 2 EFA nodes, 1 devices, 1 TPVM configurations, 1 firmware hosts\n"
    );
    let show = [
        "inventory",
        "show",
        "--format",
        "json",
        "--with-encoded-passwords",
    ];
    let shown = site.run(&show).await.ended(0).json();
    let ours = |shown: &Value| {
        let deployments = shown["deployments"].as_array().unwrap();
        let ours = deployments.iter().find(|one| one["name"] == "site-b");
        ours.unwrap().clone()
    };
    let written: Value = toml::from_str(TOML).unwrap();
    let expected = serde_json::from_value::<schemas::inventory::Inventory>(written).unwrap();
    let expected = serde_json::to_value(&expected).unwrap();
    assert_eq!(ours(&shown), ours(&expected));
    assert_eq!(shown["firmware_hosts"], expected["firmware_hosts"]);

    let json = file(&folder, "site.json", &shown.to_string());
    let load = ["inventory", "load", &json, "--format", "json"];
    let counts = site.run(&load).await.ended(0).json();
    assert_eq!(
        counts,
        json!({"deployments": 5, "nodes": 10, "devices": 5, "tpvm_configs": 1, "firmware_hosts": 1})
    );
    assert_eq!(site.run(&show).await.ended(0).json(), shown);
}

#[tokio::test]
async fn encoded_passwords_are_kept_back() {
    let site = Site::new().await;
    let folder = TempDir::new().unwrap();
    let toml = file(&folder, "site.toml", TOML);
    site.run(&["inventory", "load", &toml]).await.ended(0);

    let table = site.run(&["inventory", "show"]).await.ended(0).stdout;
    let json = site
        .run(&["inventory", "show", "--format", "json"])
        .await
        .ended(0)
        .stdout;
    for secret in SECRETS {
        assert!(!table.contains(secret) && !json.contains(secret));
    }
    let open = ["inventory", "show", "--with-encoded-passwords"];
    let open = site.run(&open).await.ended(0).stdout;
    assert!(SECRETS.iter().all(|secret| open.contains(secret)), "{open}");

    let device = cells(&table)
        .into_iter()
        .find(|row| row[0] == "10.30.1.28")
        .unwrap();
    assert_eq!(
        device[4..8],
        [
            "site-b",
            "jump.example.com port 2222",
            "admin",
            "slx-leaf-b"
        ]
    );
    for item in [
        "management.ip 10.30.1.102/24",
        "password [redacted]",
        "ldap.password [redacted]",
        "ldap_ca_cert.password [redacted]",
        "trusted_peer.password [redacted]",
        "auto_boot",
        "hostname tpvm2",
    ] {
        assert!(device[10].contains(item), "{item}: {device:?}");
    }
    for caption in [
        "EFA Deployment Details",
        "Device Details",
        "Firmware Host Details",
    ] {
        assert!(table.contains(&format!("\n{caption}\n")), "{table}");
    }

    // What was kept back can't be loaded as if it were a password.
    let redacted = file(&folder, "redacted.json", &json);
    let ran = site.run(&["inventory", "load", &redacted]).await.ended(2);
    assert!(
        ran.stderr.contains("password: invalid encoded password"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_bad_file_is_refused_with_the_field() {
    let site = Site::new().await;
    let folder = TempDir::new().unwrap();
    let before = site
        .run(&["inventory", "show", "--format", "json"])
        .await
        .stdout;
    for (what, bad, said) in [
        ("10.20.1.5", "10.20.1.500", "firmware_hosts[0].ip_address: "),
        ("\"sftp\"", "\"tftp\"", "firmware_hosts[0].protocol: "),
        (
            "10.30.1.102/24",
            "10.30.1.102",
            "deployments[0].devices[0].tpvm_config.management.ip: ",
        ),
        ("timezone", "time_zone", "unknown field `time_zone`"),
        (
            "user = \"admin\"",
            "user = \"ad min\"",
            "deployments[0].devices[0].user: ",
        ),
        (
            "EnCoDeD1",
            "EnCo;DeD1",
            "deployments[0].devices[0].tpvm_config.password: ",
        ),
        ("deploy = true", "deploy = ", "line 41: "),
    ] {
        assert!(TOML.contains(what), "{what}");
        let path = file(&folder, "bad.toml", &TOML.replace(what, bad));
        let ran = site.run(&["inventory", "load", &path]).await.ended(2);
        assert!(ran.stderr.contains(said), "{said}: {ran:?}");
        assert!(ran.stderr.contains(&path), "{ran:?}");
        assert!(!ran.stderr.contains("DeD1"), "{ran:?}");
    }
    // The parts may be right one by one, and not together.
    let twice = TOML.replace("10.30.1.102\", name", "10.30.1.101\", name");
    let path = file(&folder, "twice.toml", &twice);
    let ran = site.run(&["inventory", "load", &path]).await.ended(2);
    assert!(ran.stderr.contains("10.30.1.101"), "{ran:?}");
    let after = site
        .run(&["inventory", "show", "--format", "json"])
        .await
        .stdout;
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_file_must_be_there_and_say_what_it_is() {
    let folder = TempDir::new().unwrap();
    let unnamed = file(&folder, "site.txt", TOML);
    let ran = finish(program(&["inventory", "load", &unnamed]))
        .await
        .ended(2);
    assert!(
        ran.stderr.contains("does not end in .json or .toml"),
        "{ran:?}"
    );
    let ran = finish(program(&["inventory", "load", "/nowhere/site.toml"]))
        .await
        .ended(2);
    assert!(
        ran.stderr.contains("/nowhere/site.toml: No such file"),
        "{ran:?}"
    );
}

/// The example of the help text is a real one.
#[tokio::test]
async fn the_help_has_an_example_that_loads() {
    let site = Site::new().await;
    let help = finish(program(&["inventory", "load", "--help"]))
        .await
        .ended(0);
    let (_, example) = help.stdout.split_once("A file in TOML:\n").unwrap();
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "example.toml", example);
    site.run(&["inventory", "load", &path]).await.ended(0);
}

/// The file that the README sends operators to.
#[tokio::test]
async fn the_example_can_be_loaded() {
    let site = Site::new().await;
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/inventory.toml");
    let loaded = site.run(&["inventory", "load", example]).await.ended(0);
    assert_eq!(
        loaded.stdout,
        "Inventory Load [success]\n1 deployments, 2 EFA nodes, 2 devices, 2 TPVM configurations, 1 firmware hosts\n"
    );
}
