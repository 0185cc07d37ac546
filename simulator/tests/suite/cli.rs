use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use simulator::{DeploymentOptions, Fleet, Standby, SwitchChange};

use crate::support::{Cli, key_login, password_login, secret, standby, start, upgrade_command};

const CONFIG: &[&str] = &[
    "password \"$9$kzV7Zq1c0mA==\"",
    "interface management ip 10.20.61.92/20 gw 10.20.48.1",
    "interface insight ip 10.30.0.2/24 gw 10.30.0.1",
    "auto-boot",
    "hostname tpvm2",
    "timezone America/Los_Angeles",
    "dns primary-server 10.31.2.10 secondary-server 10.31.2.11 domain-name example.com",
    "ntp 10.20.61.191",
    "ldap host 10.20.61.5 port 389 secure basedn dc=example,dc=com rootdn cn=admin,dc=example,dc=com password \"$9$c2VjcmV0\"",
    "ldap ca-cert protocol scp user fw password \"$9$Zm9v\" host 10.20.61.7 directory /certs filename ldap-ca.pem",
    "trusted-peer ip 10.20.61.93 password \"$9$YmFy\" trusted-peer-sudo-user extreme",
];

fn replaced() -> Fleet {
    Fleet::with(&[DeploymentOptions {
        standby: Standby::Replaced,
        ..DeploymentOptions::default()
    }])
}

#[tokio::test]
async fn show_commands_answer_as_documented() {
    let simulator = start(Fleet::generate(1)).await;
    let mut cli = Cli::login(&simulator, &standby(&simulator)).await;
    let version = cli.run("show version").await;
    assert!(
        version.contains("\nFirmware name:      20.3.2a\r\n"),
        "{version}"
    );
    assert_eq!(
        cli.run("show tpvm status").await,
        "TPVM is running, and AutoStart is enabled on this host."
    );
    assert_eq!(cli.run("show tpvm version").await, "TPVM Version: 4.2.4");
    let addresses = cli.run("show tpvm ip-address").await;
    assert!(
        addresses.starts_with("IPv4:\r\neth0 10.20.0.2\r\n"),
        "{addresses}"
    );
    assert!(
        addresses.contains("\r\nIPv6:\r\neth0 fe80::"),
        "{addresses}"
    );
    assert_eq!(cli.run("show tpvm snapshot").await, "No snapshot");
    cli.run("terminal length 0").await;
    let chassis = cli.run("show chassis").await;
    assert!(
        chassis.starts_with("Chassis Name:          SLX9250-32C\r\n"),
        "{chassis}"
    );
}

#[tokio::test]
async fn a_switch_without_tpvm_says_so() {
    let simulator = start(replaced()).await;
    let mut cli = Cli::login(&simulator, &standby(&simulator)).await;
    assert_eq!(cli.run("show tpvm status").await, "TPVM is not installed");
    assert_eq!(cli.run("show tpvm version").await, "");
    assert_eq!(cli.run("show tpvm ip-address").await, "IPv4:\r\nIPv6:");
    assert_eq!(
        cli.run("show running-config tpvm").await,
        "% No entries found."
    );
}

#[tokio::test]
async fn long_output_stops_at_more() {
    let simulator = start(Fleet::generate(1)).await;
    let mut cli = Cli::login(&simulator, &standby(&simulator)).await;
    cli.send("show chassis\n").await;
    let page = cli.until("--More--").await;
    // The echo stands before the page, the `--More--` behind it.
    assert_eq!(page.matches("\r\n").count(), 25, "{page}");
    cli.send("\n").await;
    let line = cli.until("--More--").await;
    assert_eq!(line.matches("\r\n").count(), 1, "{line:?}");
    cli.send(" ").await;
    let rest = cli.until("# ").await;
    assert!(rest.contains("Power Consume Factor"), "{rest}");

    cli.send("show chassis\r\n").await;
    cli.until("--More--").await;
    cli.send("q").await;
    let rest = cli.until("# ").await;
    assert!(!rest.contains("Power Consume Factor"), "{rest}");

    cli.run("terminal length 0").await;
    assert!(
        cli.run("show chassis")
            .await
            .contains("Power Consume Factor")
    );
}

#[tokio::test]
async fn prompts_follow_the_mode_and_sometimes_turn_wrapping_on() {
    let simulator = start(Fleet::generate(1)).await;
    let mut cli = Cli::login(&simulator, &standby(&simulator)).await;
    let mut seen = String::new();
    for line in [
        "configure terminal",
        "tpvm TPVM",
        "exit",
        "exit",
        "show tpvm version",
    ] {
        cli.send(&format!("{line}\r")).await;
        seen += &cli.until("# ").await;
    }
    for prompt in [
        "slx2(config)# ",
        "slx2(config-tpvm-TPVM)# ",
        "slx2# ",
        "\r\n\x1b[?7hslx2",
    ] {
        assert!(seen.contains(prompt), "no {prompt:?} in {seen:?}");
    }
    cli.send("configure terminal\ntpvm TPVM\nend\n").await;
    let seen = cli.until("slx2# ").await;
    assert!(seen.contains("(config-tpvm-TPVM)# end\r\n"), "{seen:?}");
    cli.send("exit\n").await;
    cli.rest().await;
}

#[tokio::test]
async fn editing_works() {
    let simulator = start(Fleet::generate(1)).await;
    let mut cli = Cli::login(&simulator, &standby(&simulator)).await;
    cli.send("show tpvm versiox\x7fn\n").await;
    let seen = cli.until("# ").await;
    assert!(
        seen.contains("versiox\x08 \x08n\r\nTPVM Version: 4.2.4\r\n"),
        "{seen:?}"
    );
    cli.send("show tpvm vers\x03").await;
    let seen = cli.until("# ").await;
    assert!(!seen.contains("TPVM Version"), "{seen:?}");
}

#[tokio::test]
async fn wrong_lines_get_the_documented_errors() {
    let simulator = start(Fleet::generate(1)).await;
    let mut cli = Cli::login(&simulator, &standby(&simulator)).await;
    assert_eq!(
        cli.run("shw version").await,
        "------^\r\nsyntax error: unknown argument."
    );
    let element = cli.run("show running-config tvm").await;
    assert!(
        element.ends_with("^\r\nsyntax error: element does not exist"),
        "{element}"
    );
    assert_eq!(cli.run("show tpvm").await, "%Error: incomplete command");
    assert_eq!(
        cli.confirm("tpvm revert").await,
        "% Error: no snapshot to revert to"
    );
    for line in [
        "tpvm upgrade protocol ftp host h user u password p directory /d filename f",
        "tpvm upgrade host h protocol scp user u password p directory /d filename f",
        "configure terminal now",
        "terminal length many",
    ] {
        let answer = cli.run(line).await;
        assert!(
            answer.ends_with("syntax error: unknown argument."),
            "{line}: {answer}"
        );
    }
    cli.run("configure terminal").await;
    cli.run("tpvm TPVM").await;
    for line in [
        "interface management ip 10.20.61.92",
        "interface management ip 10.20.61.92/33",
        "interface management ip dhcp gw 10.20.48.1",
        "ldap host a port 70000 secure basedn b",
        "hostname a b",
        "show version",
    ] {
        let answer = cli.run(line).await;
        assert!(
            answer.ends_with("syntax error: unknown argument."),
            "{line}: {answer}"
        );
    }
    assert_eq!(cli.run("hostname").await, "%Error: incomplete command");
}

#[tokio::test]
async fn the_running_config_comes_back_as_it_was_typed() {
    let simulator = start(replaced()).await;
    let mut cli = Cli::login(&simulator, &standby(&simulator)).await;
    cli.run("configure terminal").await;
    cli.run("tpvm TPVM").await;
    for line in CONFIG.iter().rev() {
        assert_eq!(cli.run(line).await, "");
    }
    cli.run("end").await;
    let expected = format!("tpvm TPVM\r\n {}\r\n!", CONFIG.join("\r\n "));
    assert_eq!(cli.run("show running-config tpvm").await, expected);
    let switch = standby(&simulator);
    for item in [
        "config:password",
        "config:ldap",
        "config:ldap-ca-cert",
        "config:trusted-peer",
    ] {
        assert_eq!(
            (switch.received(item), switch.effects(item)),
            (1, 1),
            "{item}"
        );
    }
}

#[tokio::test]
async fn clear_passwords_are_never_shown() {
    let simulator = start(replaced()).await;
    let switch = standby(&simulator);
    let mut cli = Cli::login(&simulator, &switch).await;
    cli.run("configure terminal").await;
    cli.run("tpvm TPVM").await;
    cli.run("password clear-one").await;
    cli.run("interface management ip dhcp").await;
    cli.run("trusted-peer ip 10.20.61.93 password clear-two")
        .await;
    cli.run("end").await;
    let shown = cli.run("show running-config tpvm").await;
    assert!(!shown.contains("clear"), "{shown}");
    assert!(
        shown.contains("interface management ip dhcp\r\n"),
        "{shown}"
    );
    assert_eq!(shown.matches("password \"$9$").count(), 2, "{shown}");

    let command = upgrade_command(&simulator, "none.deb");
    cli.send(&format!("{command}\n")).await;
    cli.until("[y/n]:").await;
    cli.run("n").await;
    let commands = switch.commands();
    let remembered = format!("{commands:?}");
    assert!(!remembered.contains("clear-"), "{remembered}");
    assert!(
        !remembered.contains(&secret(&simulator, "firmware-password")),
        "{remembered}"
    );
    assert!(
        commands.iter().any(|call| call.name == "tpvm-upgrade"),
        "{remembered}"
    );
    assert_eq!(switch.effects("tpvm-upgrade"), 0);
}

#[tokio::test]
async fn tagged_lines_stay_until_cleared() {
    let simulator = start(Fleet::generate(1)).await;
    let switch = standby(&simulator);
    let tag = Some(("disk-1".to_owned(), "WARNING: disk is 90% full".to_owned()));
    switch
        .set(SwitchChange {
            tag,
            ..SwitchChange::default()
        })
        .unwrap();
    let mut cli = Cli::login(&simulator, &switch).await;
    let status = cli.run("show tpvm status").await;
    assert!(
        status.ends_with("\r\n[disk-1] WARNING: disk is 90% full"),
        "{status}"
    );
    assert_eq!(
        cli.run("tpvm show status clear-tag disk-2").await,
        "% Error: no such tag disk-2"
    );
    assert_eq!(cli.run("tpvm show status clear-tag disk-1").await, "");
    let status = cli.run("show tpvm status").await;
    assert!(!status.contains("disk-1"), "{status}");
}

#[tokio::test]
async fn logins_are_checked() {
    let key = |seed| PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
    let mut fleet = Fleet::generate(1);
    fleet.credentials.authorized_keys = vec![key(1).public_key().to_openssh().unwrap()];
    let simulator = start(fleet).await;
    let switch = standby(&simulator);
    assert!(!password_login(&simulator, &switch, "wrong").await);
    assert!(key_login(&simulator, &switch, key(1)).await);
    assert!(!key_login(&simulator, &switch, key(2)).await);
    let password = secret(&simulator, "slx-password");
    assert!(password_login(&simulator, &switch, &password).await);
    assert_eq!(switch.effects("ssh-login"), 2);
}
