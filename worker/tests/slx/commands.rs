//! Every command, and what it does to a healthy switch.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use schemas::inventory::FirmwareHost;
use schemas::values::ImagePath;
use secrecy::SecretString;
use simulator::{DeploymentOptions, Fleet, Settings, Standby, SwitchChange};
use worker::slx::{
    Addresses, Dialect, Effect, ImageSource, Phase, Severity, SlxDevice, SlxError, Switch,
};

use crate::lab::{Lab, eventually, leave, no_leave};

pub struct Image {
    pub host: FirmwareHost,
    pub password: SecretString,
    pub path: ImagePath,
}

impl Image {
    pub fn of(lab: &Lab) -> Image {
        Image {
            host: lab.inventory.firmware_hosts[0].clone(),
            password: lab.secret("firmware-password"),
            path: "/images/tpvm_x86_64-4.2.5-0.amd64.deb".parse().unwrap(),
        }
    }

    pub fn source(&self) -> ImageSource<'_> {
        ImageSource {
            firmware_host: &self.host,
            password: &self.password,
            image: &self.path,
        }
    }
}

async fn phase(device: &mut SlxDevice) -> Phase {
    device.tpvm_status().await.unwrap().phase
}

async fn until_running(device: &mut SlxDevice) {
    eventually(
        "running",
        async || phase(device).await,
        |phase| *phase == Phase::Running,
    )
    .await;
}

fn replaced() -> Fleet {
    Fleet::with(&[DeploymentOptions {
        standby: Standby::Replaced,
        ..DeploymentOptions::default()
    }])
}

#[tokio::test]
async fn a_healthy_switch_is_read() {
    let lab = Lab::start(Fleet::generate(1)).await;
    let inventory = lab.device(1);
    let mut device = lab.connect(1).await;
    assert_eq!(device.slx_version().await.unwrap().to_string(), "20.3.2a");
    let status = device.tpvm_status().await.unwrap();
    assert_eq!(status.phase, Phase::Running);
    assert!(status.tags.is_empty());
    let version = device.tpvm_version().await.unwrap().unwrap();
    assert_eq!(version.to_string(), "4.2.4");
    let ips = device.tpvm_ips().await.unwrap();
    assert_eq!(ips.first(), inventory.tpvm_ip);
    assert_eq!(device.snapshot().await.unwrap(), None);
    let config = device.running_config().await.unwrap();
    assert!(inventory.tpvm_config.is_some());
    assert_eq!(config, inventory.tpvm_config);
    Box::new(device).close().await;
    lab.simulator.stop().await;
}

#[tokio::test]
async fn an_upgrade_is_begun_once_and_can_be_reverted() {
    let lab = Lab::start(Fleet::generate(1)).await;
    let image = Image::of(&lab);
    let mut device = lab.connect(1).await;
    device.upgrade(&image.source(), &leave()).await.unwrap();
    let Phase::Working(work) = phase(&mut device).await else {
        panic!("not at work");
    };
    assert!(work.starts_with("upgrade"), "{work}");
    let busy = device.revert(&leave()).await.unwrap_err();
    assert!(matches!(busy, SlxError::Busy { .. }), "{busy:?}");
    assert!(busy.is_transient() && busy.effect() == Effect::None);
    until_running(&mut device).await;
    assert_eq!(
        device.tpvm_version().await.unwrap().unwrap().to_string(),
        "4.2.5"
    );
    let snapshot = device.snapshot().await.unwrap().unwrap();
    assert!(snapshot.starts_with("4.2.4 taken "), "{snapshot}");

    device.revert(&leave()).await.unwrap();
    until_running(&mut device).await;
    assert_eq!(
        device.tpvm_version().await.unwrap().unwrap().to_string(),
        "4.2.4"
    );
    assert_eq!(lab.switch(1).effects("tpvm-upgrade"), 1);
    assert_eq!(lab.switch(1).effects("tpvm-revert"), 1);
}

/// The switch never hears of it, and the session serves further.
#[tokio::test]
async fn a_command_without_leave_is_not_sent() {
    let lab = Lab::start(Fleet::generate(1)).await;
    let image = Image::of(&lab);
    let mut device = lab.connect(1).await;
    let errors = [
        device.upgrade(&image.source(), &no_leave()).await,
        device.revert(&no_leave()).await,
        device.deploy(&no_leave()).await,
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert!(matches!(error, SlxError::TooLate { .. }), "{error:?}");
        assert!(error.is_transient() && error.effect() == Effect::None);
    }
    for command in ["tpvm-upgrade", "tpvm-revert", "deploy"] {
        assert_eq!(lab.switch(1).received(command), 0, "{command}");
    }
    assert_eq!(phase(&mut device).await, Phase::Running);
}

#[tokio::test]
async fn a_revert_without_a_snapshot_is_refused() {
    let lab = Lab::start(Fleet::generate(1)).await;
    let error = lab.connect(1).await.revert(&leave()).await.unwrap_err();
    let SlxError::Refused { command, output } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(command, "revert");
    assert!(output.contains("no snapshot to revert to"), "{output}");
    assert_eq!(error.effect(), Effect::None);
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_replaced_switch_is_configured_and_installed() {
    let lab = Lab::start(replaced()).await;
    let persisted = lab.device(1).tpvm_config.unwrap();
    let mut device = lab.connect(1).await;
    assert_eq!(phase(&mut device).await, Phase::NotInstalled);
    assert_eq!(device.tpvm_version().await.unwrap(), None);
    assert!(device.tpvm_ips().await.unwrap() == Addresses::default());
    assert_eq!(device.running_config().await.unwrap(), None);

    let missing = device.configure(&persisted, None).await.unwrap_err();
    assert!(matches!(missing, SlxError::Invalid { .. }), "{missing:?}");
    assert_eq!(device.running_config().await.unwrap(), None);

    let password = lab.secret("trusted-peer-password");
    device.configure(&persisted, Some(&password)).await.unwrap();
    let mut written = device.running_config().await.unwrap().unwrap();
    assert!(!written.deploy, "deploy is a step of its own");
    device.deploy(&leave()).await.unwrap();
    until_running(&mut device).await;
    written.deploy = true;
    assert_eq!(
        device.running_config().await.unwrap().as_ref(),
        Some(&written)
    );
    // The password of the trusted peer went there in clear, and the switch encoded it.
    written.trusted_peer.clone_from(&persisted.trusted_peer);
    assert_eq!(written, persisted);
    assert_eq!(
        device.tpvm_ips().await.unwrap().first(),
        lab.device(1).tpvm_ip
    );
    assert_eq!(lab.switch(1).effects("deploy"), 1);
}

#[tokio::test]
async fn install_time_items_come_first_or_deploy_is_refused() {
    let lab = Lab::start(replaced()).await;
    let mut device = lab.connect(1).await;
    let error = device.deploy(&leave()).await.unwrap_err();
    let SlxError::Refused { output, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(
        output.contains("install-time configuration is missing"),
        "{output}"
    );
    // The session is back in exec mode and goes on.
    assert_eq!(phase(&mut device).await, Phase::NotInstalled);
}

#[tokio::test]
async fn a_trusted_peer_is_set_on_its_own() {
    let lab = Lab::start(Fleet::generate(1)).await;
    let peer = lab.device(1).tpvm_config.unwrap().trusted_peer.unwrap();
    let mut device = lab.connect(0).await;
    assert_eq!(
        device.running_config().await.unwrap().unwrap().trusted_peer,
        None
    );
    let password = lab.secret("trusted-peer-password");
    device.set_trusted_peer(&peer, &password).await.unwrap();
    let found = device
        .running_config()
        .await
        .unwrap()
        .unwrap()
        .trusted_peer
        .unwrap();
    assert_eq!((found.ip, found.sudo_user), (peer.ip, peer.sudo_user));
    lab.assert_no_secret(&format!("{:?}", lab.switch(0).commands()));
}

#[tokio::test]
async fn a_password_that_would_break_the_line_is_not_sent() {
    let lab = Lab::start(Fleet::generate(1)).await;
    let mut image = Image::of(&lab);
    let mut device = lab.connect(1).await;
    for password in [
        "two words",
        "what?",
        "a\"b",
        "a|b",
        "a\\b",
        "a\nreload",
        "a\u{3}",
        "päss",
    ] {
        image.password = password.to_owned().into();
        let error = device.upgrade(&image.source(), &leave()).await.unwrap_err();
        assert!(matches!(error, SlxError::Invalid { .. }), "{error:?}");
        assert_eq!(error.effect(), Effect::None);
        assert!(!format!("{error} {error:?}").contains(password));
    }
    assert_eq!(lab.switch(1).received("tpvm-upgrade"), 0);
    assert_eq!(phase(&mut device).await, Phase::Running);
}

#[tokio::test]
async fn paged_output_is_read_to_its_end() {
    let lab = Lab::with(Fleet::generate(1), Settings::fast()).await;
    for number in 0..60 {
        let tag = Some((
            format!("disk-{number}"),
            format!("WARNING: disk {number} is full"),
        ));
        let change = SwitchChange {
            tag,
            ..SwitchChange::default()
        };
        lab.switch(1).set(change).unwrap();
    }
    let built_in = include_str!("../../src/slx/dialect.toml");
    let paged = built_in.replace("'terminal length 0'", "'show chassis'");
    assert_ne!(built_in, paged);
    let path = lab.dir.path().join("paged.toml");
    std::fs::write(&path, paged).unwrap();
    let dialect = Arc::new(Dialect::from_file(&path).unwrap());
    let device = SlxDevice::connect(&lab.device(1), &lab.secrets(), &lab.ssh(), dialect).await;
    let status = device.unwrap().tpvm_status().await.unwrap();
    assert_eq!(status.phase, Phase::Running);
    let texts: Vec<String> = status.tags.iter().map(|tag| tag.text.clone()).collect();
    let expected: Vec<String> = (0..60)
        .map(|number| format!("disk {number} is full"))
        .collect();
    assert_eq!(texts, expected);
    assert!(
        status
            .tags
            .iter()
            .all(|tag| tag.severity == Severity::Warning)
    );
}

#[tokio::test]
async fn too_much_output_is_an_error() {
    let lab = Lab::start(Fleet::generate(1)).await;
    let mut settings = lab.ssh();
    settings.max_output = 400;
    let mut device = lab.try_connect(&lab.device(1), &settings).await.unwrap();
    assert_eq!(phase(&mut device).await, Phase::Running);
    let error = device.running_config().await.unwrap_err();
    assert!(matches!(error, SlxError::Unknown { .. }), "{error:?}");
    let after = device.tpvm_status().await.unwrap_err();
    assert!(matches!(after, SlxError::Lost { .. }), "{after:?}");
}
