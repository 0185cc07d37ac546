use std::time::Duration;

use simulator::{
    DeploymentOptions, Fleet, Settings, Simulator, Standby, SwitchChange, SwitchHandle,
};

use crate::support::{Cli, NEW_IMAGE, eventually, standby, start, upgrade_command};
use crate::support_api::Api;

async fn idle(switch: &SwitchHandle) {
    eventually("the operation ends", async || {
        switch.state().operation.is_none()
    })
    .await;
}

async fn upgrade(simulator: &Simulator, file: &str) -> SwitchHandle {
    let switch = standby(simulator);
    let mut cli = Cli::login(simulator, &switch).await;
    let answer = cli.confirm(&upgrade_command(simulator, file)).await;
    assert_eq!(answer, "TPVM upgrade is initiated");
    idle(&switch).await;
    switch
}

#[tokio::test]
async fn an_upgrade_passes_its_phases_and_ends_at_the_new_version() {
    let settings = Settings {
        upgrade: Duration::from_secs(4),
        ..Settings::fast()
    };
    let simulator = Simulator::start(Fleet::generate(1), settings)
        .await
        .unwrap();
    let switch = standby(&simulator);
    let mut cli = Cli::login(&simulator, &switch).await;
    cli.confirm(&upgrade_command(&simulator, NEW_IMAGE)).await;
    let mut phases = Vec::new();
    loop {
        let status = cli.run("show tpvm status").await;
        let Some(phase) = status.strip_prefix("TPVM upgrade is in progress: ") else {
            assert_eq!(
                status,
                "TPVM is running, and AutoStart is enabled on this host."
            );
            break;
        };
        if phases.is_empty() {
            assert_eq!(cli.run("show tpvm ip-address").await, "IPv4:\r\nIPv6:");
            let busy = "% Error: another TPVM operation is in progress";
            assert_eq!(cli.confirm("tpvm revert").await, busy);
            assert_eq!(cli.run("tpvm start").await, busy);
            let again = upgrade_command(&simulator, NEW_IMAGE);
            assert_eq!(cli.confirm(&again).await, busy);
        }
        if phases.last().is_none_or(|last| last != phase) {
            phases.push(phase.to_owned());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let known = [
        "stopping TPVM",
        "taking snapshot",
        "downloading image",
        "upgrading TPVM",
        "starting TPVM",
    ];
    let positions: Vec<_> = phases
        .iter()
        .map(|phase| known.iter().position(|known| known == phase).unwrap())
        .collect();
    assert!(positions.is_sorted() && positions.len() > 1, "{phases:?}");
    assert_eq!(cli.run("show tpvm version").await, "TPVM Version: 4.2.5");
    let snapshot = cli.run("show tpvm snapshot").await;
    assert!(
        snapshot.starts_with("Snapshot: 4.2.4 taken 20"),
        "{snapshot}"
    );
    let state = switch.state();
    assert!(!state.efa_installed, "an upgraded TPVM has lost its EFA");
    assert_eq!(switch.effects("tpvm-upgrade"), 1);
    assert_eq!(switch.received("tpvm-upgrade"), 2);
}

#[tokio::test]
async fn a_failed_download_keeps_the_old_image() {
    let simulator = start(Fleet::generate(1)).await;
    let before = standby(&simulator).state();
    let switch = upgrade(&simulator, "missing.deb").await;
    let after = switch.state();
    assert_eq!(
        after.tags,
        ["[upgrade-1] ERROR: failed to download image: no such file"]
    );
    assert_eq!(
        (after.tpvm_version, after.running),
        (before.tpvm_version, true)
    );
    assert!(after.efa_installed);
}

#[tokio::test]
async fn wrong_logins_and_hosts_are_download_errors() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    let mut cli = Cli::login(&simulator, &switch).await;
    let good = upgrade_command(&simulator, NEW_IMAGE);
    let commands = [
        (good.replace("user fw", "user wf"), "authentication failed"),
        (
            good.replace("host 10.31.2.50", "host 10.31.2.51"),
            "host is unreachable",
        ),
        (
            good.replace("protocol scp", "protocol sftp"),
            "connection refused",
        ),
    ];
    for (number, (command, why)) in commands.iter().enumerate() {
        cli.confirm(command).await;
        idle(&switch).await;
        let expected = format!(
            "[upgrade-{}] ERROR: failed to download image: {why}",
            number + 1
        );
        assert_eq!(switch.state().tags.last(), Some(&expected));
    }
}

#[tokio::test]
async fn a_revert_restores_the_switch_and_its_node() {
    let simulator = start(Fleet::generate(1)).await;
    let before = standby(&simulator).state();
    let api = Api::login(&simulator, &simulator.deployments()[0]).await;
    let switch = upgrade(&simulator, NEW_IMAGE).await;
    eventually("the node is down", async || api.node(1).await.0 == "down").await;
    let mut cli = Cli::login(&simulator, &switch).await;
    assert_eq!(cli.confirm("tpvm revert").await, "TPVM revert is initiated");
    idle(&switch).await;
    assert_eq!(switch.state(), before);
    eventually("the node is up", async || api.node(1).await.0 == "up").await;
    assert_eq!(
        cli.confirm("tpvm revert").await,
        "% Error: no snapshot to revert to"
    );
    assert_eq!(switch.effects("tpvm-revert"), 1);
    assert_eq!(simulator.deployments()[0].effects("efa-redeploy"), 0);
}

#[tokio::test]
async fn the_monitor_is_late_and_a_redeploy_brings_the_node_back() {
    let settings = Settings {
        stale_status: Duration::from_secs(3),
        ..Settings::fast()
    };
    let simulator = Simulator::start(Fleet::generate(1), settings)
        .await
        .unwrap();
    let deployment = simulator.deployments()[0].clone();
    let api = Api::login(&simulator, &deployment).await;
    upgrade(&simulator, NEW_IMAGE).await;
    let stale = ("up".to_owned(), "standby".to_owned());
    assert_eq!(api.node(1).await, stale, "still shown as it was");
    eventually("the node is down", async || api.node(1).await.0 == "down").await;
    let before = deployment.state().timestamp;
    assert_eq!(api.redeploy().await.0, "completed");
    assert_eq!(api.node(1).await, stale);
    assert_ne!(deployment.state().timestamp, before);
    assert_eq!(deployment.effects("efa-redeploy"), 1);
    assert!(standby(&simulator).state().efa_installed);
}

#[tokio::test]
async fn a_replaced_switch_is_deployed_and_joins() {
    let simulator = start(Fleet::with(&[DeploymentOptions {
        standby: Standby::Replaced,
        ..DeploymentOptions::default()
    }]))
    .await;
    let switch = standby(&simulator);
    let api = Api::login(&simulator, &simulator.deployments()[0]).await;
    assert_eq!(api.node(1).await, ("down".to_owned(), "standby".to_owned()));
    let (status, message) = api.redeploy().await;
    assert_eq!(status, "failed");
    assert!(message.contains("TPVM is not running"), "{message}");

    let mut cli = Cli::login(&simulator, &switch).await;
    assert_eq!(
        cli.confirm(&upgrade_command(&simulator, NEW_IMAGE)).await,
        "% Error: TPVM is not installed"
    );
    cli.run("configure terminal").await;
    cli.run("tpvm TPVM").await;
    assert_eq!(
        cli.run("deploy").await,
        "% Error: install-time configuration is missing"
    );
    for line in [
        "password \"$9$kzV7Zq1c0mA==\"",
        "interface management ip 10.20.0.2/16 gw 10.20.255.254",
        "auto-boot",
        "hostname TPVM2",
    ] {
        assert_eq!(cli.run(line).await, "");
    }
    let items = switch.state().running_config.unwrap();
    assert!(!items.contains(&"deploy".to_owned()), "{items:?}");
    assert_eq!(cli.run("deploy").await, "");
    let items = switch.state().running_config.unwrap();
    assert_eq!(items.last().unwrap(), "deploy");
    cli.run("end").await;
    idle(&switch).await;
    assert_eq!(cli.run("show tpvm version").await, "TPVM Version: 4.2.5");
    assert!(
        cli.run("show tpvm ip-address")
            .await
            .contains("eth0 10.20.0.2")
    );

    let (status, message) = api.redeploy().await;
    assert_eq!(status, "failed");
    assert!(message.contains("not in lower case"), "{message}");
    switch
        .set(SwitchChange {
            config: vec!["hostname tpvm2".to_owned()],
            ..SwitchChange::default()
        })
        .unwrap();
    assert_eq!(api.redeploy().await.0, "completed");
    assert_eq!(api.node(1).await.0, "up");
    assert_eq!(switch.effects("deploy"), 1);
    assert_eq!(switch.received("deploy"), 2);
}

#[tokio::test]
async fn deploy_needs_an_image_and_an_empty_switch() {
    let simulator = start(Fleet::with(&[DeploymentOptions {
        standby: Standby::Replaced,
        ..DeploymentOptions::default()
    }]))
    .await;
    let switch = standby(&simulator);
    switch
        .set(SwitchChange {
            image: Some(String::new()),
            config: vec![
                "password x".to_owned(),
                "interface management ip dhcp".to_owned(),
            ],
            ..SwitchChange::default()
        })
        .unwrap();
    let mut cli = Cli::login(&simulator, &switch).await;
    cli.run("configure terminal").await;
    cli.run("tpvm TPVM").await;
    assert_eq!(
        cli.run("deploy").await,
        "% Error: no TPVM image found in /tftpboot/SWBD2900"
    );
    let image = SwitchChange {
        image: Some("4.3.0".to_owned()),
        ..SwitchChange::default()
    };
    switch.set(image).unwrap();
    assert_eq!(cli.run("deploy").await, "");
    idle(&switch).await;
    let state = switch.state();
    assert_eq!(state.tpvm_version.as_deref(), Some("4.3.0"));
    assert_eq!(state.tpvm_ip.unwrap().to_string(), "10.20.0.2", "from DHCP");
    assert_eq!(cli.run("deploy").await, "% Error: TPVM is already deployed");
}

#[tokio::test]
async fn stop_and_start_are_seen_by_the_monitor() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    let api = Api::login(&simulator, &simulator.deployments()[0]).await;
    let mut cli = Cli::login(&simulator, &switch).await;
    cli.run("tpvm stop").await;
    assert_eq!(
        cli.run("show tpvm status").await,
        "TPVM is installed but not running, and AutoStart is enabled on this host."
    );
    eventually("the node is down", async || api.node(1).await.0 == "down").await;
    cli.run("tpvm start").await;
    eventually("the node is up", async || api.node(1).await.0 == "up").await;
    assert_eq!(
        (switch.effects("tpvm-stop"), switch.effects("tpvm-start")),
        (1, 1)
    );
}
