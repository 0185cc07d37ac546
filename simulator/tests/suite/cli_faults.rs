use std::time::{Duration, Instant};

use simulator::{DeploymentOptions, Fault, FaultKind, Fleet, Standby, SwitchChange, Tagged};

use crate::support::{
    Cli, NEW_IMAGE, eventually, login_is_cut, password_login, secret, standby, start,
    upgrade_command,
};
use crate::support_api::Api;

#[tokio::test]
async fn refused() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    let text = Some("no resources".to_owned());
    switch
        .fault(Fault::new("tpvm-upgrade", FaultKind::Refuse(text)).once())
        .unwrap();
    switch
        .fault(Fault::new("config:ntp", FaultKind::Refuse(None)))
        .unwrap();
    let mut cli = Cli::login(&simulator, &switch).await;
    let command = upgrade_command(&simulator, NEW_IMAGE);
    assert_eq!(cli.confirm(&command).await, "% Error: no resources");
    assert_eq!(switch.effects("tpvm-upgrade"), 0);
    assert_eq!(cli.confirm(&command).await, "TPVM upgrade is initiated");
    cli.run("configure terminal").await;
    cli.run("tpvm TPVM").await;
    for _ in 0..2 {
        assert_eq!(cli.run("ntp 1.2.3.4").await, "% Error: request refused");
    }
    switch.clear_faults();
    assert_eq!(cli.run("ntp 1.2.3.4").await, "");
    assert_eq!(switch.effects("config:ntp"), 1);
}

#[tokio::test]
async fn accepted_without_effect() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    let before = switch.state();
    for call in ["tpvm-upgrade", "config:hostname"] {
        let fault = Fault::new(call, FaultKind::AcceptWithoutEffect).once();
        switch.fault(fault).unwrap();
    }
    let mut cli = Cli::login(&simulator, &switch).await;
    let command = upgrade_command(&simulator, NEW_IMAGE);
    assert_eq!(cli.confirm(&command).await, "TPVM upgrade is initiated");
    cli.run("configure terminal").await;
    cli.run("tpvm TPVM").await;
    assert_eq!(cli.run("hostname other").await, "");
    assert_eq!(switch.state(), before);
    assert_eq!(
        (
            switch.received("tpvm-upgrade"),
            switch.effects("tpvm-upgrade")
        ),
        (1, 0)
    );
    assert_eq!(cli.run("hostname other").await, "");
    assert_ne!(switch.state(), before);
}

#[tokio::test]
async fn reply_lost_before_and_after_the_effect() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    for (kind, effects) in [
        (FaultKind::LostBeforeEffect, 0),
        (FaultKind::ApplyReplyLost, 1),
    ] {
        switch
            .fault(Fault::new("tpvm-upgrade", kind).once())
            .unwrap();
        let mut cli = Cli::login(&simulator, &switch).await;
        cli.send(&format!("{}\n", upgrade_command(&simulator, NEW_IMAGE)))
            .await;
        cli.until("[y/n]:").await;
        cli.send("y\n").await;
        let rest = cli.rest().await;
        assert!(!rest.contains("initiated"), "{rest}");
        assert_eq!(switch.effects("tpvm-upgrade"), effects);
    }
    eventually("the upgrade went on by itself", async || {
        switch.state().tpvm_version.as_deref() == Some("4.2.5")
    })
    .await;
}

#[tokio::test]
async fn slow() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    let delay = Duration::from_millis(400);
    switch
        .fault(Fault::new("show-version", FaultKind::Slow(delay)).once())
        .unwrap();
    let mut cli = Cli::login(&simulator, &switch).await;
    let started = Instant::now();
    assert!(cli.run("show version").await.contains("20.3.2a"));
    assert!(started.elapsed() >= delay);
}

#[tokio::test]
async fn garbage_once_after_two_good_answers() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    switch
        .fault(
            Fault::new("show-tpvm-status", FaultKind::Garbage)
                .after(2)
                .once(),
        )
        .unwrap();
    let mut cli = Cli::login(&simulator, &switch).await;
    let mut sane = Vec::new();
    for _ in 0..4 {
        sane.push(
            cli.run("show tpvm status")
                .await
                .contains("TPVM is running"),
        );
    }
    assert_eq!(sane, [true, true, false, true]);
}

#[tokio::test]
async fn dropped_after_any_number_of_bytes() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    let whole = "TPVM Version: 4.2.4\r\nslx2# ";
    for bytes in [0, 1, 13, 19, 20, 21, whole.len() - 1, whole.len()] {
        let fault = Fault::new("show-tpvm-version", FaultKind::DropAfterBytes(bytes));
        switch.fault(fault.once()).unwrap();
        let mut cli = Cli::login(&simulator, &switch).await;
        cli.send("show tpvm version\n").await;
        let seen = cli.rest().await;
        assert_eq!(seen, format!("show tpvm version\r\n{}", &whole[..bytes]));
    }
}

#[tokio::test]
async fn upgrades_that_end_otherwise() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    let version = FaultKind::WrongVersion("4.2.9".to_owned());
    let ip = FaultKind::ChangedIp([10, 20, 9, 9].into());
    let failure = FaultKind::UpgradeFails(Tagged {
        tag: Some("disk-full".to_owned()),
        text: "no space left".to_owned(),
    });
    for kind in [version, ip] {
        switch
            .fault(Fault::new("tpvm-upgrade", kind).once())
            .unwrap();
    }
    switch
        .fault(Fault::new("tpvm-upgrade", failure).after(1).once())
        .unwrap();
    let mut cli = Cli::login(&simulator, &switch).await;
    let command = upgrade_command(&simulator, NEW_IMAGE);
    let idle = async || {
        eventually("it ends", async || switch.state().operation.is_none()).await;
        switch.state()
    };
    cli.confirm(&command).await;
    let state = idle().await;
    assert_eq!(state.tpvm_version.as_deref(), Some("4.2.9"));
    assert_eq!(state.tpvm_ip.unwrap().to_string(), "10.20.9.9");
    cli.confirm(&command).await;
    let state = idle().await;
    assert_eq!(
        (state.tpvm_version.as_deref(), state.running),
        (Some("4.2.9"), false)
    );
    assert_eq!(state.tags, ["[disk-full] ERROR: no space left"]);
    assert_eq!(
        cli.run("show tpvm status").await,
        "TPVM is installed but not running, and AutoStart is enabled on this host.\r\n\
         [disk-full] ERROR: no space left"
    );

    let failure = FaultKind::RevertFails(Tagged::new("snapshot is damaged"));
    switch
        .fault(Fault::new("tpvm-revert", failure).once())
        .unwrap();
    assert_eq!(cli.confirm("tpvm revert").await, "TPVM revert is initiated");
    let state = idle().await;
    assert!(!state.running && state.snapshot.is_some());
    assert_eq!(state.tags[1], "[revert-3] ERROR: snapshot is damaged");
    for kind in [
        FaultKind::WrongVersion("4.2.1".to_owned()),
        FaultKind::ChangedIp([10, 20, 9, 8].into()),
    ] {
        let fault = Fault::new("tpvm-revert", kind);
        switch.fault(fault.once()).unwrap();
    }
    cli.confirm("tpvm revert").await;
    let state = idle().await;
    assert!(state.running);
    assert_eq!(state.tpvm_version.as_deref(), Some("4.2.1"));
    assert_eq!(state.tpvm_ip.unwrap().to_string(), "10.20.9.8");
}

/// Longer than any operation takes, and then some.
#[tokio::test]
async fn an_operation_without_an_end() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    let fault = Fault::new("tpvm-upgrade", FaultKind::NeverEnds);
    switch.fault(fault).unwrap();
    let mut cli = Cli::login(&simulator, &switch).await;
    cli.confirm(&upgrade_command(&simulator, NEW_IMAGE)).await;
    tokio::time::sleep(2 * simulator::Settings::fast().upgrade).await;
    let operation = switch.state().operation.unwrap();
    assert!(operation.contains("in progress"), "{operation}");
    assert_eq!(
        cli.confirm("tpvm revert").await,
        "% Error: another TPVM operation is in progress"
    );
}

#[tokio::test]
async fn an_installation_that_fails() {
    let simulator = start(Fleet::with(&[DeploymentOptions {
        standby: Standby::Replaced,
        ..DeploymentOptions::default()
    }]))
    .await;
    let switch = standby(&simulator);
    let failure = FaultKind::InstallFails(Tagged::new("ADVANCED_FEATURES license is missing."));
    switch.fault(Fault::new("deploy", failure)).unwrap();
    let config = [
        "password x",
        "interface management ip 10.20.0.2/16 gw 10.20.255.254",
    ];
    switch
        .set(SwitchChange {
            config: config.map(str::to_owned).to_vec(),
            ..SwitchChange::default()
        })
        .unwrap();
    let mut cli = Cli::login(&simulator, &switch).await;
    cli.run("configure terminal").await;
    cli.run("tpvm TPVM").await;
    assert_eq!(cli.run("deploy").await, "");
    cli.run("end").await;
    eventually("it ends", async || switch.state().operation.is_none()).await;
    assert_eq!(
        cli.run("show tpvm status").await,
        "TPVM is not installed\r\n[install-1] ERROR: ADVANCED_FEATURES license is missing."
    );
}

#[tokio::test]
async fn the_node_goes_active_at_a_call() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    let api = Api::login(&simulator, &simulator.deployments()[0]).await;
    switch
        .fault(
            Fault::new("show-version", FaultKind::NodeGoesActive)
                .after(1)
                .once(),
        )
        .unwrap();
    let mut cli = Cli::login(&simulator, &switch).await;
    cli.run("show version").await;
    assert_eq!(api.node(1).await.1, "standby");
    cli.run("show version").await;
    assert_eq!(api.node(1).await.1, "active");
    assert_eq!(api.node(0).await.1, "standby");
}

#[tokio::test]
async fn logins_fail_too() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    let password = secret(&simulator, "slx-password");
    let fault = |kind| switch.fault(Fault::new("ssh-login", kind).once()).unwrap();
    fault(FaultKind::LostBeforeEffect);
    login_is_cut(&simulator, &switch).await;
    fault(FaultKind::Refuse(None));
    assert!(!password_login(&simulator, &switch, &password).await);
    assert_eq!(switch.effects("ssh-login"), 0);
    fault(FaultKind::ApplyReplyLost);
    login_is_cut(&simulator, &switch).await;
    assert_eq!(switch.effects("ssh-login"), 1);
    assert!(password_login(&simulator, &switch, &password).await);
    assert_eq!(
        (switch.received("ssh-login"), switch.effects("ssh-login")),
        (4, 2)
    );
}

#[tokio::test]
async fn unknown_calls_are_refused() {
    let simulator = start(Fleet::generate(1)).await;
    let fault = Fault::new("tpvm-upgrad", FaultKind::Garbage);
    let error = standby(&simulator).fault(fault).unwrap_err();
    assert!(error.to_string().contains("tpvm-upgrade"), "{error}");
}
