#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use super::*;

static DIALECT: LazyLock<Dialect> = LazyLock::new(Dialect::built_in);

fn status(output: &str) -> Result<TpvmStatus, Misread> {
    tpvm_status(&DIALECT, output)
}

#[test]
fn each_phase_is_told() {
    for (output, phase) in [
        (
            "TPVM is running, and AutoStart is enabled on this host.\n",
            Phase::Running,
        ),
        (
            "TPVM is installed but not running, and AutoStart is disabled on this host.\n",
            Phase::Stopped,
        ),
        ("TPVM is not installed\n", Phase::NotInstalled),
        (
            "TPVM upgrade is in progress: downloading image\n",
            Phase::Working("upgrade: downloading image".to_owned()),
        ),
        (
            "TPVM installation is in progress\n",
            Phase::Working("installation".to_owned()),
        ),
        (
            "TPVM revert is in progress\n",
            Phase::Working("revert".to_owned()),
        ),
    ] {
        let found = status(output).unwrap();
        assert_eq!(
            found,
            TpvmStatus {
                phase,
                tags: Vec::new()
            }
        );
    }
}

#[test]
fn tags_are_kept_in_order_and_hints_are_not() {
    let found = status(
        "TPVM is running, and AutoStart is enabled on this host.\n\
         [upgrade-1] ERROR: failed to download image: no such file\n\
         [disk-2] WARNING: licence file not found\n\
         Any warnings can be cleared using tpvm show status clear-tag <tag>\n",
    )
    .unwrap();
    assert_eq!(found.phase, Phase::Running);
    let tags: Vec<_> = found
        .tags
        .iter()
        .map(|tag| (tag.name.as_str(), tag.severity, tag.text.as_str()))
        .collect();
    assert_eq!(
        tags,
        [
            (
                "upgrade-1",
                Severity::Error,
                "failed to download image: no such file"
            ),
            ("disk-2", Severity::Warning, "licence file not found"),
        ]
    );
    assert_eq!(error(&DIALECT, "[a] WARNING: x not found\n"), None);
}

#[test]
fn other_status_texts_are_unknown() {
    for output in [
        "",
        "TPVM\n",
        "is running\n",
        "the TPVM is running\n",
        "TPVM is not running\n",
        "TPVM is running\nTPVM upgrade is in progress\n",
        "x%Q!#\n",
        "this host cannot be reached with 10.1.1.1\n",
        "TPVM is starting\n",
        "TPVM is running, but degraded\n",
        "TPVM is running, and AutoStart is enabled on this host. Disk full.\n",
        "TPVM is running\nTPVM is running\n",
        "TPVM is running\nTPVM is not installed\n",
        "TPVM is running, and AutoStart is en\n",
        "TPVM is not installed properly\n",
        "TPVM upgrade is in progress or not\n",
        "TPVM is running\nsomething else\n",
        // Messages of an unknown kind, or without a state.
        "TPVM is running\n[disk-1] NOTICE: almost full\n",
        "TPVM is running\n[disk-1] CRITICAL: full\n",
        "TPVM is running\n[disk-1] error: full\n",
        "TPVM is running\n[disk-1] ERROR\n",
        "TPVM is running\n[disk 1] ERROR: full\n",
        "[upgrade-1] ERROR: failed\n",
        // Another command's answer.
        "TPVM Version: 4.2.5\n",
        "IPv4:\neth0 10.0.0.1\n",
    ] {
        assert_eq!(status(output), Err(Misread::Unknown), "{output:?}");
    }
}

#[test]
fn versions_are_read() {
    let dialect = &*DIALECT;
    let output =
        "SLX-OS Operating System Software\nFirmware name:      20.3.2a\nBuild Time: 10:11:12\n";
    assert_eq!(slx_version(dialect, output).unwrap().to_string(), "20.3.2a");
    assert_eq!(
        slx_version(dialect, "Build Time: 1\n"),
        Err(Misread::Unknown)
    );
    let odd = slx_version(dialect, "Firmware name: current\n");
    assert!(matches!(odd, Err(Misread::Invalid(_))), "{odd:?}");

    let found = tpvm_version(dialect, "TPVM Version: 4.2.4\n")
        .unwrap()
        .unwrap();
    assert_eq!(found.to_string(), "4.2.4");
    assert_eq!(tpvm_version(dialect, "TPVM Version: \n"), Ok(None));
    assert_eq!(tpvm_version(dialect, "\n"), Ok(None));
    for output in ["TPVM Version:\nx\n", "version 4.2.4\n"] {
        assert_eq!(
            tpvm_version(dialect, output),
            Err(Misread::Unknown),
            "{output:?}"
        );
    }
    let two = "Firmware name: 20.3.2a\nFirmware name: 20.3.1\n";
    assert_eq!(slx_version(dialect, two), Err(Misread::Unknown));
    for none in ["N/A", "-", "none", "unknown"] {
        let output = format!("TPVM Version: {none}\n");
        assert_eq!(tpvm_version(dialect, &output), Ok(None), "{output}");
    }
    let built = tpvm_version(dialect, "TPVM Version: 4.2.5 (build 3)\n").unwrap();
    assert_eq!(built.unwrap().to_string(), "4.2.5");
    for output in [
        "TPVM Version: 4.2.5 or so\n",
        "TPVM Version: 4.2.5\nTPVM Version: 4.2.4\n",
        "TPVM Version: 4.2.5\nTPVM is not running\n",
        "TPVM Version: x4\n",
        "TPVM Vers",
        "TPVM is running\n",
    ] {
        let odd = tpvm_version(dialect, output);
        assert_eq!(odd, Err(Misread::Unknown), "{output:?}");
    }
}

#[test]
fn the_management_address_comes_first() {
    let dialect = &*DIALECT;
    let texts = |ips: &[std::net::IpAddr]| ips.iter().map(ToString::to_string).collect();
    let ips = |output: &str| -> Result<(Vec<String>, Vec<String>), Misread> {
        let found = tpvm_ips(dialect, output)?;
        Ok((texts(&found.management), texts(&found.others)))
    };
    let all = |of: &[&str]| of.iter().map(ToString::to_string).collect::<Vec<_>>();
    let both = "IPv4:\neth1 10.30.0.2\neth0 10.20.61.92\nIPv6:\neth0 fd00::5\neth1 fd00::6\n";
    assert_eq!(
        ips(both),
        Ok((
            all(&["10.20.61.92", "fd00::5"]),
            all(&["10.30.0.2", "fd00::6"])
        ))
    );
    for zoned in [
        "fe80::1%eth0",
        "fe80::1%eth0/64",
        "fe80::1/64%eth0",
        "fe80::1/64",
    ] {
        let output = format!("IPv4:\neth0 10.20.61.92/20\nIPv6:\neth0 {zoned}\n");
        assert_eq!(
            ips(&output),
            Ok((all(&["10.20.61.92", "fe80::1"]), all(&[])))
        );
    }
    assert_eq!(ips("IPv4:\nIPv6:\n"), Ok((all(&[]), all(&[]))));
    for output in [
        "",
        "eth0 10.20.61.92\n",
        "IPv4:\neth0\n",
        "IPv4:\nno route to host\n",
        "IPv4:\neth0 10.20.61.92 down\n",
        "IPv4:\neth0 10.20.61.92\nTPVM is not running\n",
    ] {
        assert_eq!(ips(output), Err(Misread::Unknown), "{output:?}");
    }
    assert!(matches!(
        ips("IPv4:\neth0 10.20.61\n"),
        Err(Misread::Invalid(_))
    ));
}

#[test]
fn the_snapshot_is_read_as_a_whole() {
    let dialect = &*DIALECT;
    let found = snapshot(dialect, "Snapshot: 4.2.4 taken 2026-11-22 10:03:11\n").unwrap();
    assert_eq!(found.as_deref(), Some("4.2.4 taken 2026-11-22 10:03:11"));
    assert_eq!(snapshot(dialect, "No snapshot\n"), Ok(None));
    for output in [
        "",
        "Snapshot:\n",
        "snapshots\n",
        "No snapshot\nSnapshot: 4.2.4 taken 2026-11-22 10:03:11\n",
        "No snapshots are supported here\n",
        "TPVM is running\n",
    ] {
        assert_eq!(
            snapshot(dialect, output),
            Err(Misread::Unknown),
            "{output:?}"
        );
    }
}

#[test]
fn acceptance_is_clear_or_it_is_none() {
    let dialect = &*DIALECT;
    let accepted = &dialect.accepted;
    let upgrade = |output: &str| verdict(dialect, output, &accepted.upgrade);
    let asked = "Continue? [y/n]:y\n";
    assert_eq!(
        upgrade(&format!("{asked}TPVM upgrade is initiated\n")),
        Verdict::Accepted
    );
    assert_eq!(
        upgrade("% Error: another TPVM operation is in progress\n"),
        Verdict::Busy
    );
    assert_eq!(
        upgrade(&format!("{asked}%Error: no snapshot to revert to\n")),
        Verdict::Refused
    );
    assert_eq!(
        upgrade("      ^\nsyntax error: unknown argument.\n"),
        Verdict::Refused
    );
    assert_eq!(
        upgrade("syntax error: element does not exist\n"),
        Verdict::Refused
    );
    assert_eq!(
        upgrade("ERROR: ADVANCED_FEATURES license is missing.\n"),
        Verdict::Refused
    );
    for output in [
        "",
        asked,
        "TPVM revert is initiated\n",
        "TPVM upgrade is init",
        "file not found\n",
    ] {
        assert_eq!(upgrade(output), Verdict::Unknown, "{output:?}");
    }
    let line = |output: &str| verdict(dialect, output, &accepted.line);
    assert_eq!(line(""), Verdict::Accepted);
    assert_eq!(line("% Informational: stored\n"), Verdict::Accepted);
    assert_eq!(
        line("% Error: install-time configuration is missing\n"),
        Verdict::Refused
    );
    assert_eq!(line("#@!\n"), Verdict::Unknown);
}

#[test]
fn when_an_error_has_another_form_then_it_is_refused_or_busy_at_once() {
    let dialect = &*DIALECT;
    let upgrade = |output: &str| verdict(dialect, output, &dialect.accepted.upgrade);
    let line = |output: &str| verdict(dialect, output, &dialect.accepted.line);
    for begin in [
        "% Error: ",
        "%Error: ",
        "%% Error: ",
        "%%Error: ",
        "Error: ",
        "ERROR: ",
        "Error(s):\n",
        "Errors:\n ",
        "rbridge-id-1: % Error: ",
        "rbridge-id-1: %% Error: ",
        "rbridge-id 1: Error: ",
        "leaf-1: %Error: ",
        "      ^\nsyntax error: ",
        "Aborted: ",
        "%% Failed: ",
    ] {
        for (text, expected) in [
            ("TPVM is not running", Verdict::Refused),
            ("no such host", Verdict::Refused),
            ("another TPVM operation is in progress", Verdict::Busy),
            ("Another operation is already in progress", Verdict::Busy),
        ] {
            let output = format!("Continue? [y/n]:y\n{begin}{text}\n");
            assert_eq!(upgrade(&output), expected, "{output:?}");
            assert_eq!(line(&output), expected, "{output:?}");
            let output = format!("TPVM upgrade is initiated\n{output}");
            assert_eq!(upgrade(&output), Verdict::Unknown, "{output:?}");
        }
    }
    for refused in [
        "Permission denied\n",
        "% Access denied\n",
        "Command authorization failed\n",
        "%Invalid input detected\n",
    ] {
        assert_eq!(upgrade(refused), Verdict::Refused, "{refused:?}");
    }
    for healthy in [
        "[a] ERROR: x\n",
        "TPVM is running\n[upgrade-1] ERROR: % Error: x\n",
        "% No entries found.\n",
        "0 errors: none\n",
        "Terror: x\n",
        "another TPVM operation is in progress\n",
    ] {
        assert_eq!(error(dialect, healthy), None, "{healthy:?}");
    }
}

#[test]
fn when_a_mode_is_entered_with_a_text_then_it_is_accepted_and_others_are_not() {
    let dialect = &*DIALECT;
    let line = |output: &str| verdict(dialect, output, &dialect.accepted.line);
    for accepted in [
        "Entering configuration mode terminal\n",
        "\nEntering configuration mode private\n\n",
        "%Info: stored\n",
        "%% Informational: stored\n% Info: twice\n",
        "Current configuration users:\nadmin ssh (cli from 10.0.0.1) on since 2026-11-25 02:00:00 terminal mode\nEntering configuration mode terminal\n",
        "Enter configuration commands, one per line.  End with CNTL/Z.\n",
    ] {
        assert_eq!(line(accepted), Verdict::Accepted, "{accepted:?}");
    }
    for unknown in [
        "Entering maintenance mode\n",
        "Warning: x\n",
        "Entering configuration mode terminal\nnot saved\n",
        "not saved% Info: x\n",
    ] {
        assert_eq!(line(unknown), Verdict::Unknown, "{unknown:?}");
    }
}
