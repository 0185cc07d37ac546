//! Every kind of switch that the simulator has is read and changed alike.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use simulator::{DeploymentOptions, Fleet, Profile, Standby};
use worker::slx::{Phase, SlxError, Switch};

use crate::commands::Image;
use crate::lab::{Lab, eventually, leave};

async fn lab(profile: Profile, standby: Standby) -> Lab {
    Lab::start(Fleet::with(&[DeploymentOptions {
        profile,
        standby,
        ..DeploymentOptions::default()
    }]))
    .await
}

async fn is_read_and_upgraded(profile: Profile) {
    let lab = lab(profile, Standby::Installed).await;
    let inventory = lab.device(1);
    let mut settings = lab.ssh();
    settings.max_output = 1 << 20;
    let mut device = lab.try_connect(&lab.device(1), &settings).await.unwrap();
    assert_eq!(device.slx_version().await.unwrap().to_string(), "20.3.2a");
    assert_eq!(device.tpvm_status().await.unwrap().phase, Phase::Running);
    let ips = device.tpvm_ips().await.unwrap();
    assert_eq!(ips.first(), inventory.tpvm_ip, "{profile:?}");
    let config = device.running_config().await.unwrap();
    assert_eq!(config, inventory.tpvm_config, "{profile:?}");

    let error = device.revert(&leave()).await.unwrap_err();
    let SlxError::Refused { output, .. } = &error else {
        panic!("{profile:?}: {error:?}");
    };
    assert!(output.contains("no snapshot to revert to"), "{output}");

    let image = Image::of(&lab);
    device.upgrade(&image.source(), &leave()).await.unwrap();
    let running = async || device.tpvm_status().await.unwrap().phase;
    eventually("running", running, |phase| *phase == Phase::Running).await;
    let version = device.tpvm_version().await.unwrap().unwrap();
    assert_eq!(version.to_string(), "4.2.5", "{profile:?}");
    assert_eq!(lab.switch(1).effects("tpvm-upgrade"), 1);
}

async fn is_replaced(profile: Profile) {
    let lab = lab(profile, Standby::Replaced).await;
    let persisted = lab.device(1).tpvm_config.unwrap();
    let password = lab.secret("trusted-peer-password");
    let mut settings = lab.ssh();
    settings.max_output = 1 << 20;
    let mut device = lab.try_connect(&lab.device(1), &settings).await.unwrap();
    assert_eq!(device.running_config().await.unwrap(), None, "{profile:?}");
    device.configure(&persisted, Some(&password)).await.unwrap();
    device.deploy(&leave()).await.unwrap();
    let mut written = device.running_config().await.unwrap().unwrap();
    written.trusted_peer.clone_from(&persisted.trusted_peer);
    assert_eq!(written, persisted, "{profile:?}");
    assert_eq!(lab.switch(1).effects("deploy"), 1, "{profile:?}");
}

/// Runs this for each kind at the same time.
async fn each<F: Future<Output = ()> + 'static>(run: fn(Profile) -> F) {
    let here = tokio::task::LocalSet::new();
    let all = here.run_until(async {
        let mut all = tokio::task::JoinSet::new();
        for profile in Profile::ALL {
            all.spawn_local(run(profile));
        }
        all.join_all().await
    });
    all.await;
}

#[tokio::test]
async fn when_a_switch_is_of_any_kind_then_it_is_read_and_upgraded() {
    each(is_read_and_upgraded).await;
}

#[tokio::test]
async fn when_a_replaced_switch_is_of_any_kind_then_it_is_configured() {
    each(is_replaced).await;
}

/// One long login text kept the thread busy for minutes, and all that others did on it stood still.
#[tokio::test]
async fn when_one_switch_prints_100_kilobytes_at_login_then_eight_others_go_on() {
    let kinds = [Profile::LongLogin].into_iter().chain([Profile::Plain; 8]);
    let options = kinds.map(|profile| DeploymentOptions {
        profile,
        ..DeploymentOptions::default()
    });
    let lab = Lab::start(Fleet::with(&options.collect::<Vec<_>>())).await;
    let mut settings = lab.ssh();
    settings.max_output = 1 << 20;
    let ticks = async {
        let mut longest = Duration::ZERO;
        loop {
            let before = Instant::now();
            tokio::time::sleep(Duration::from_millis(10)).await;
            longest = longest.max(before.elapsed());
            if longest > Duration::from_secs(4) {
                return longest;
            }
        }
    };
    let reads = lab.inventory.deployments.iter().map(|deployment| {
        let (lab, settings) = (&lab, &settings);
        async move {
            for _ in 0..3 {
                let mut device = lab
                    .try_connect(&deployment.devices[1], settings)
                    .await
                    .unwrap();
                device.tpvm_status().await.unwrap();
            }
        }
    });
    tokio::select! {
        longest = ticks => panic!("nothing went on for {longest:?}"),
        _ = futures_util::future::join_all(reads) => {}
    }
}
