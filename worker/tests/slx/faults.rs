//! What goes wrong on a switch is never taken for a success.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use simulator::{Fault, FaultKind, Fleet, SwitchChange};
use worker::slx::{Effect, SlxDevice, SlxError, Switch};

use crate::commands::Image;
use crate::lab::{Lab, leave};

/// The commands that only read, by the simulator's names.
const READS: [&str; 6] = [
    "show-version",
    "show-tpvm-status",
    "show-tpvm-version",
    "show-tpvm-ip-address",
    "show-tpvm-snapshot",
    "show-running-config-tpvm",
];

/// The commands that change something. The last stands for each line of a configuration.
const CHANGES: [&str; 4] = [
    "tpvm-upgrade",
    "tpvm-revert",
    "deploy",
    "config:trusted-peer",
];

async fn read(device: &mut SlxDevice, command: &str) -> Result<String, SlxError> {
    Ok(match command {
        "show-version" => device.slx_version().await?.to_string(),
        "show-tpvm-status" => format!("{:?}", device.tpvm_status().await?),
        "show-tpvm-version" => format!("{:?}", device.tpvm_version().await?),
        "show-tpvm-ip-address" => format!("{:?}", device.tpvm_ips().await?),
        "show-tpvm-snapshot" => format!("{:?}", device.snapshot().await?),
        "show-running-config-tpvm" => format!("{:?}", device.running_config().await?),
        other => panic!("{other}"),
    })
}

async fn change(lab: &Lab, device: &mut SlxDevice, command: &str) -> Result<(), SlxError> {
    match command {
        "tpvm-upgrade" => device.upgrade(&Image::of(lab).source(), &leave()).await,
        "tpvm-revert" => device.revert(&leave()).await,
        "deploy" => device.deploy(&leave()).await,
        "config:trusted-peer" => {
            let peer = lab.device(1).tpvm_config.unwrap().trusted_peer.unwrap();
            let password = lab.secret("trusted-peer-password");
            device.set_trusted_peer(&peer, &password).await
        }
        other => panic!("{other}"),
    }
}

async fn lab() -> Lab {
    Lab::start(Fleet::generate(1)).await
}

/// A connection for one command that does not answer in time.
async fn impatient(lab: &Lab) -> SlxDevice {
    let mut settings = lab.ssh();
    settings.command_timeout = Duration::from_millis(400);
    lab.try_connect(&lab.device(1), &settings).await.unwrap()
}

fn fault(lab: &Lab, command: &str, kind: FaultKind) {
    lab.switch(1).clear_faults();
    lab.switch(1).fault(Fault::new(command, kind)).unwrap();
}

#[tokio::test]
async fn each_fault_of_a_read_is_its_own_error() {
    let lab = lab().await;
    for command in READS {
        fault(&lab, command, FaultKind::Refuse(Some("not now".to_owned())));
        let mut device = lab.connect(1).await;
        let error = read(&mut device, command).await.unwrap_err();
        let refused =
            matches!(&error, SlxError::Refused { output, .. } if output.contains("not now"));
        assert!(refused, "{command}: {error:?}");

        fault(&lab, command, FaultKind::Garbage);
        let error = read(&mut device, command).await.unwrap_err();
        assert!(
            matches!(error, SlxError::Unknown { .. }),
            "{command}: {error:?}"
        );
        assert_eq!(error.effect(), Effect::None);

        fault(&lab, command, FaultKind::LostBeforeEffect);
        let error = read(&mut device, command).await.unwrap_err();
        assert!(
            matches!(error, SlxError::Lost { .. }),
            "{command}: {error:?}"
        );
        assert!(error.is_transient());

        fault(&lab, command, FaultKind::Slow(Duration::from_secs(30)));
        let error = read(&mut impatient(&lab).await, command).await.unwrap_err();
        assert!(
            matches!(error, SlxError::Timeout { .. }),
            "{command}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_read_that_is_cut_off_anywhere_is_no_answer() {
    let lab = lab().await;
    for command in READS {
        lab.switch(1).clear_faults();
        let whole = read(&mut lab.connect(1).await, command).await.unwrap();
        for bytes in [0, 1, 2, 5, 12, 20, 33] {
            fault(&lab, command, FaultKind::DropAfterBytes(bytes));
            match read(&mut lab.connect(1).await, command).await {
                Err(error) => assert!(matches!(error, SlxError::Lost { .. }), "{error:?}"),
                // A short answer may be whole, its prompt included.
                Ok(answer) => assert_eq!(answer, whole, "{command} after {bytes} bytes"),
            }
        }
    }
}

#[tokio::test]
async fn a_refused_change_had_no_effect() {
    let lab = lab().await;
    let before = lab.switch(1).state();
    for command in CHANGES {
        fault(&lab, command, FaultKind::Refuse(None));
        let mut device = lab.connect(1).await;
        let error = change(&lab, &mut device, command).await.unwrap_err();
        assert!(
            matches!(error, SlxError::Refused { .. }),
            "{command}: {error:?}"
        );
        assert_eq!(error.effect(), Effect::None);
        // The session goes on in exec mode.
        assert!(device.tpvm_status().await.is_ok());
    }
    assert_eq!(lab.switch(1).state(), before);
}

#[tokio::test]
async fn a_change_without_a_clear_answer_may_have_been_applied() {
    let cases = [
        (FaultKind::ApplyReplyLost, "Lost"),
        (FaultKind::LostBeforeEffect, "Lost"),
        (FaultKind::Garbage, "Unknown"),
    ];
    for command in CHANGES {
        for (kind, expected) in &cases {
            let lab = ready_for(command).await;
            let mut device = lab.connect(1).await;
            fault(&lab, command, kind.clone());
            let error = change(&lab, &mut device, command).await.unwrap_err();
            let name = format!("{error:?}");
            assert!(name.starts_with(expected), "{command} {kind:?}: {error:?}");
            assert_eq!(error.effect(), Effect::Perhaps, "{command} {kind:?}");
            lab.assert_no_secret(&format!("{error} {error:?}"));
            assert_eq!(lab.switch(1).received(command), 1, "{command} {kind:?}");
        }
    }
}

#[tokio::test]
async fn a_change_that_is_not_answered_in_time_may_have_been_applied() {
    for command in CHANGES {
        let lab = ready_for(command).await;
        let mut device = impatient(&lab).await;
        fault(&lab, command, FaultKind::Slow(Duration::from_secs(30)));
        let error = change(&lab, &mut device, command).await.unwrap_err();
        assert!(
            matches!(error, SlxError::Timeout { .. }),
            "{command}: {error:?}"
        );
        assert_eq!(error.effect(), Effect::Perhaps);
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn a_change_that_is_cut_off_anywhere_is_no_success() {
    for command in ["tpvm-upgrade", "tpvm-revert"] {
        for bytes in [0, 1, 7, 13, 22, 25, 27, 28, 30] {
            let lab = ready_for(command).await;
            let mut device = lab.connect(1).await;
            fault(&lab, command, FaultKind::DropAfterBytes(bytes));
            let error = change(&lab, &mut device, command).await.unwrap_err();
            assert!(
                matches!(error, SlxError::Lost { .. }),
                "{command} {bytes}: {error:?}"
            );
            assert_eq!(error.effect(), Effect::Perhaps);
        }
    }
    for bytes in [0, 1, 4, 10, 20] {
        let lab = ready_for("deploy").await;
        let mut device = lab.connect(1).await;
        fault(&lab, "deploy", FaultKind::DropAfterBytes(bytes));
        let error = change(&lab, &mut device, "deploy").await.unwrap_err();
        assert!(
            matches!(error, SlxError::Lost { .. }),
            "deploy {bytes}: {error:?}"
        );
    }
}

/// A switch that the command suits: with a snapshot to revert to, or without a TPVM.
async fn ready_for(command: &str) -> Lab {
    let lab = lab().await;
    match command {
        "tpvm-revert" => {
            let mut device = lab.connect(1).await;
            change(&lab, &mut device, "tpvm-upgrade").await.unwrap();
            crate::lab::eventually(
                "upgraded",
                async || lab.switch(1).state(),
                |state| state.operation.is_none() && state.snapshot.is_some(),
            )
            .await;
        }
        "deploy" => {
            let change = SwitchChange {
                image: Some("4.2.5".to_owned()),
                tpvm_version: Some(String::new()),
                ..SwitchChange::default()
            };
            lab.switch(1).set(change).unwrap();
        }
        _ => {}
    }
    lab
}

#[tokio::test]
async fn when_end_fails_after_an_accepted_deploy_then_only_the_session_is_lost() {
    for kind in [
        FaultKind::Refuse(None),
        FaultKind::Garbage,
        FaultKind::LostBeforeEffect,
    ] {
        let lab = ready_for("deploy").await;
        let mut device = lab.connect(1).await;
        fault(&lab, "end", kind.clone());
        device.deploy(&leave()).await.unwrap();
        assert_eq!(lab.switch(1).effects("deploy"), 1, "{kind:?}");
        let error = device.tpvm_status().await.unwrap_err();
        assert!(
            matches!(error, SlxError::Lost { .. }),
            "{kind:?}: {error:?}"
        );
        assert!(error.is_transient());
        // What was refused stays refused.
        let lab = lab_without_image().await;
        let mut device = lab.connect(1).await;
        fault(&lab, "end", kind.clone());
        let error = device.deploy(&leave()).await.unwrap_err();
        assert!(
            matches!(error, SlxError::Refused { .. }),
            "{kind:?}: {error:?}"
        );
    }
}

/// A switch on which `deploy` finds no image.
async fn lab_without_image() -> Lab {
    let lab = lab().await;
    let change = SwitchChange {
        tpvm_version: Some(String::new()),
        ..SwitchChange::default()
    };
    lab.switch(1).set(change).unwrap();
    lab
}
