//! Help, usage and exit codes: what people and scripts rely on.

use crate::support::{Site, finish, program};

#[tokio::test]
async fn every_command_has_help_with_examples() {
    for command in [
        &["execute"][..],
        &["show"],
        &["list"],
        &["history"],
        &["watch"],
        &["inventory", "load"],
        &["inventory", "show"],
        &["dead-letters", "list"],
        &["dead-letters", "show"],
        &["dead-letters", "redrive"],
        &["dead-letters", "purge"],
    ] {
        let ran = finish(program(&[command, &["--help"]].concat()))
            .await
            .ended(0);
        assert!(
            ran.stdout.contains("\nExamples:\n  tpvm-upgrade "),
            "{ran:?}"
        );
    }
    for command in ["migrate", "doctor", "inventory", "dead-letters"] {
        let ran = finish(program(&[command, "--help"])).await.ended(0);
        assert!(ran.stdout.contains("Usage: tpvm-upgrade "), "{ran:?}");
    }
}

#[tokio::test]
async fn the_exit_codes_are_a_promise() {
    let help = finish(program(&["--help"])).await.ended(0).stdout;
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    let (codes, _) = codes.split_once("\n\n").unwrap();
    assert_eq!(
        codes,
        "  0  done as asked\n\
         \u{20} 1  it ended, but not as asked (watch, execute --wait, dead-letters)\n\
         \u{20} 2  the arguments, a file or the settings can't be used\n\
         \u{20} 3  the request was rejected: nothing is done\n\
         \u{20} 4  no answer in time: the upgrade may still run\n\
         \u{20} 5  Postgres or RabbitMQ can't be reached or used\n\
         \u{20} 6  no such execution, device, upgrade or dead letter"
    );
}

#[tokio::test]
async fn arguments_that_can_not_be_used() {
    let execute = [
        "execute",
        "--ip",
        "10.20.1.28",
        "--firmware-host",
        "10.20.1.5",
        "--tpvm-image",
    ];
    for (args, said) in [
        (&["/images/a b.deb"][..], "--tpvm-image"),
        (&["images/tpvm.deb"], "absolute path"),
        (&["/a.deb", "--requested-by", "a\nb"], "--requested-by"),
        (
            &["/a.deb", "--trusted-peer-sudo-user", "extreme"],
            "--trusted-peer-password-secret",
        ),
        (
            &["/a.deb", "--trusted-peer-password-secret", "Hunter 2"],
            "name of a secret",
        ),
        (&["/a.deb", "--request-id", "1"], "--request-id"),
        (&["/a.deb", "--timeout", "soon"], "--timeout"),
    ] {
        let ran = finish(program(&[&execute[..], args].concat()))
            .await
            .ended(2);
        assert!(ran.stderr.contains(said), "{said}: {ran:?}");
    }
    let id = "01926e5a-7b1c-7cc3-98c4-dc0c0c07398f";
    finish(program(&[
        "show",
        "--ip",
        "10.20.1.28",
        "--execution-id",
        id,
    ]))
    .await
    .ended(2);
    finish(program(&[])).await.ended(2);
}

/// `tpvm-upgrade list | head -1` is no failure.
#[tokio::test]
async fn a_reader_that_went_away_is_no_failure() {
    let site = Site::new().await;
    for args in [
        &["list"][..],
        &["list", "--format", "json"],
        &["show"],
        &["inventory", "show"],
        &["doctor"],
        &["migrate"],
        &["--help"],
        &["execute", "--help"],
        &["--version"],
    ] {
        let mut child = site.program(args).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().await.unwrap();
        assert_eq!(ended.status.code(), Some(0));
        assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
    }
}
