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

/// Whatever is typed: one clear line, what is expected, and nothing that a terminal obeys.
#[tokio::test]
async fn when_arguments_are_odd_then_the_error_says_what_is_expected() {
    let long = "x".repeat(10_000);
    let hostile = "\u{1b}[31mred\u{7}\u{202e}";
    let execute = |more: &[&'static str]| -> Vec<String> {
        let some = [
            "execute",
            "--firmware-host",
            "10.20.1.5",
            "--tpvm-image",
            "/a",
        ];
        some.iter().chain(more).map(ToString::to_string).collect()
    };
    let args = |args: &[&str]| -> Vec<String> { args.iter().map(ToString::to_string).collect() };
    for (args, said) in [
        (args(&[hostile]), "unrecognized subcommand"),
        (args(&[&long]), "unrecognized subcommand"),
        (
            args(&["list", "--limit", ""]),
            "expected a whole number from 1 to 100000",
        ),
        (
            args(&["list", "--limit", "0"]),
            "expected a whole number from 1 to 100000",
        ),
        (
            args(&["list", "--limit", "many"]),
            "expected a whole number from 1 to 100000",
        ),
        (
            args(&["list", "--limit", "99999999999999999999"]),
            "expected a whole number from 1 to 100000",
        ),
        (
            args(&["dead-letters", "list", "--limit", hostile]),
            "expected a whole number from 1 to 100000",
        ),
        (args(&["list", "--ip", ""]), "expected an IPv4 address"),
        (
            args(&["show", "--ip", "switch-1"]),
            "expected an IPv4 address",
        ),
        (
            args(&["show", "--ip", "10.20.1.28,"]),
            "expected an IPv4 address",
        ),
        (args(&["show", "--execution-id", &long]), "expected a UUID"),
        (args(&["history", ""]), "expected a UUID"),
        (args(&["watch", hostile]), "expected a UUID"),
        (
            args(&["dead-letters", "list", "--execution-id", "7"]),
            "expected a UUID",
        ),
        (
            execute(&["--ip", "10.20.1.300"]),
            "expected an IPv4 address",
        ),
        (
            execute(&["--ip", "10.20.1.28", "--timeout", "soon"]),
            "expected a time like 90s",
        ),
        (
            execute(&["--ip", "10.20.1.28", "--timeout", "500000000000y"]),
            "at most a year",
        ),
        (
            args(&["inventory", "load", &format!("/{long}.toml")]),
            "can't read",
        ),
        (
            args(&["inventory", "load", &format!("{hostile}.toml")]),
            "can't read",
        ),
        (
            args(&["--config", "/none.toml", "list"]),
            "can't read /none.toml",
        ),
        (
            args(&["--format", hostile, "list"]),
            "possible values: table, json",
        ),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ran = finish(program(&args)).await.ended(2);
        assert!(ran.stderr.contains(said), "{said}: {ran:?}");
        assert!(
            ran.stderr.starts_with("error: ") && ran.stdout.is_empty(),
            "{ran:?}"
        );
        assert!(ran.stderr.len() < 2_000, "{} bytes", ran.stderr.len());
        let obeyed = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!ran.stderr.contains(obeyed), "{ran:?}");
        for never in [
            "invalid digit",
            "found in string",
            "panicked",
            "Error {",
            "at 0",
        ] {
            assert!(!ran.stderr.contains(never), "{never}: {ran:?}");
        }
    }
}

#[tokio::test]
async fn when_a_url_is_no_text_then_the_error_says_so() {
    use std::os::unix::ffi::OsStrExt;
    let url = std::ffi::OsStr::from_bytes(b"postgres://alice:hunter2\xff@host/db");
    for name in ["DATABASE_URL", "AMQP_URL"] {
        let mut command = program(&["list"]);
        command.env(name, url);
        let ran = finish(command).await.ended(2);
        let said = format!("error: {name} is not text in UTF-8");
        assert!(ran.stderr.starts_with(&said), "{ran:?}");
        assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
    }
}

/// Neither in pipes nor where `NO_COLOR` is set.
#[tokio::test]
async fn when_nobody_wants_colours_then_there_are_none() {
    let site = Site::new().await;
    for (name, value) in [
        ("NO_COLOR", "1"),
        ("CLICOLOR", "0"),
        ("TERM", "dumb"),
        ("A", "b"),
    ] {
        for args in [
            &["list"][..],
            &["show"],
            &["inventory", "show"],
            &["doctor"],
            &["--help"],
            &["no-command"],
            &["history", "01926e5a-7b1c-7cc3-98c4-dc0c0c07398f"],
        ] {
            let mut command = site.program(args);
            command.env(name, value).env("RUST_LOG", "debug");
            let ended = command.output().await.unwrap();
            for text in [&ended.stdout, &ended.stderr] {
                let text = String::from_utf8_lossy(text);
                assert!(!text.contains('\u{1b}'), "{name} {args:?}: {text:?}");
            }
        }
    }
    for args in ["list", "doctor", "no-command", "--help"] {
        let mut command = site.on_terminal(args);
        command.env("NO_COLOR", "1");
        let ended = finish(command).await;
        assert!(!ended.stdout.contains("\u{1b}["), "{args}: {ended:?}");
    }
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

/// Every option and argument with a value of its own kind, and something else as its value.
#[tokio::test]
async fn when_a_value_can_not_be_used_then_the_text_is_short_and_says_what_is_expected() {
    let id = "01926e5a-7b1c-7cc3-98c4-dc0c0c07398f";
    let execute = |name: &'static str| {
        let good = [
            ("--ip", "10.20.1.28"),
            ("--firmware-host", "10.20.1.5"),
            ("--tpvm-image", "/a.deb"),
        ];
        let others = good.into_iter().filter(move |(other, _)| *other != name);
        let others = others.flat_map(|(name, value)| [name, value]);
        std::iter::once("execute")
            .chain(others)
            .chain([name])
            .collect::<Vec<_>>()
    };
    let cases: Vec<(Vec<&str>, &str)> = vec![
        (execute("--ip"), "expected an IPv4 address like "),
        (execute("--firmware-host"), "expected an IPv4 address like "),
        (execute("--tpvm-image"), "invalid image path: expected "),
        (
            execute("--trusted-peer-password-secret"),
            "invalid name of a secret: expected ",
        ),
        (execute("--requested-by"), "invalid requester: expected "),
        (execute("--request-id"), "expected a UUID with hyphens"),
        (execute("--timeout"), "expected a time like 90s"),
        (vec!["show", "--ip"], "expected an IPv4 address like "),
        (
            vec!["show", "--execution-id"],
            "expected a UUID with hyphens",
        ),
        (vec!["list", "--ip"], "expected an IPv4 address like "),
        (vec!["list", "--limit"], "--limit"),
        (vec!["history"], "expected a UUID with hyphens"),
        (vec!["watch"], "expected a UUID with hyphens"),
        (
            vec!["dead-letters", "list", "--execution-id"],
            "expected a UUID with hyphens",
        ),
        (vec!["dead-letters", "show"], "ID"),
        (vec!["list", "--format"], "table, json"),
        (vec![], "subcommand"),
        (vec!["list", "--all"], "unexpected argument"),
        (vec!["execute", "--trusted-peer-sudo-user"], "user name"),
    ];
    let long = format!("x/{}", "hunter2".repeat(1_500));
    for (args, expected) in &cases {
        let too_long = expected.starts_with("invalid ") || *expected == "user name";
        for bad in [&long[..], "10.0.0.1 \u{1b}[2J\u{202e}\n\u{7}", "{01926e5a}"] {
            let args: Vec<&str> = args.iter().copied().chain([bad]).collect();
            let ran = finish(program(&args)).await;
            if bad == "{01926e5a}" && args.contains(&"--requested-by") {
                // It may be anybody's name.
                continue;
            }
            let ran = ran.ended(2);
            let text = &ran.stderr;
            assert!(text.len() < 1_200, "{} bytes: {text:.900}", text.len());
            let unsafe_one = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(unsafe_one), "{text:?}");
            let limit = bad == long && too_long && text.contains("at most ");
            assert!(limit || text.contains(expected), "{expected}: {text}");
            for word in [
                "u32",
                "i64",
                "urn:uuid",
                "::Err",
                "ParseIntError",
                "panicked",
            ] {
                assert!(!text.contains(word), "{text}");
            }
        }
    }
    // A user who takes it for the secret itself types it here.
    for bad in ["Hunter2 4711", "hunter2/4711", &long] {
        let args = [&execute("--trusted-peer-password-secret")[..], &[bad]].concat();
        let ran = finish(program(&args)).await.ended(2);
        assert!(!ran.stderr.to_lowercase().contains("hunter2"), "{ran:?}");
        assert!(
            ran.stderr.contains("--trusted-peer-password-secret"),
            "{ran:?}"
        );
    }
    finish(program(&["history", &format!("{{{id}}}")]))
        .await
        .ended(2);
}
