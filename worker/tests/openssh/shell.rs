//! Sessions on a real terminal: its echo, readline's, and none.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use schemas::inventory::FirmwareHost;
use worker::permit::Permit;
use worker::slx::{Effect, ImageSource, Phase, SlxError, SshSettings, Switch};

use crate::leaf::{Leaf, PATIENCE, assert_says};

fn leave() -> Permit {
    Permit::until((Instant::now() + PATIENCE).into())
}

#[tokio::test]
async fn when_lines_are_echoed_by_readline_or_the_terminal_or_wrapped_then_answers_are_read() {
    for style in ["readline", "cooked", "narrow", "mute", "much"] {
        let leaf = Leaf::with_shell(style, &[]).await;
        let mut device = leaf.connect(&leaf.settings()).await.unwrap();
        assert_eq!(
            device.slx_version().await.unwrap().to_string(),
            "20.3.2a",
            "{style}"
        );
        assert_eq!(
            device.tpvm_status().await.unwrap().phase,
            Phase::Running,
            "{style}"
        );
        let config = device.running_config().await.unwrap().unwrap();
        assert!(config.auto_boot, "{style}");
        device.revert(&leave()).await.unwrap();
        let host: FirmwareHost = serde_json::from_value(serde_json::json!({
            "ip_address": "10.1.1.1", "protocol": "scp", "user": "fw", "password_secret": "x"
        }))
        .unwrap();
        let image = "/images/releases/2026/tpvm_x86_64-4.2.5-0.deb"
            .parse()
            .unwrap();
        let password = "an0ther-secret-0f-the-h0st".to_owned().into();
        let source = ImageSource {
            firmware_host: &host,
            password: &password,
            image: &image,
        };
        device.upgrade(&source, &leave()).await.unwrap();
        device.deploy(&leave()).await.unwrap_err();
        let lines = leaf.lines();
        let count = |wanted: &str| lines.iter().filter(|line| line.starts_with(wanted)).count();
        for sent in [
            "tpvm revert",
            "answer y",
            "tpvm upgrade protocol scp host 10.1.1.1 user fw",
            "show version",
        ] {
            assert_eq!(count(sent), 1, "{style}: {sent}: {lines:?}");
        }
    }
}

#[tokio::test]
async fn when_an_answer_does_not_come_then_the_last_line_is_quoted() {
    let leaf = Leaf::start(&[]).await;
    let settings = SshSettings {
        command_timeout: Duration::from_secs(4),
        ..leaf.settings()
    };
    let mut device = leaf.connect(&settings).await.unwrap();
    let error = device.snapshot().await.unwrap_err();
    assert_says(
        &error,
        "no answer to tpvm_snapshot in time; the last line received: \"",
        "slx.command_timeout",
        true,
    );
    assert!(error.to_string().contains("show tpvm snapshot"), "{error}");

    let mut device = leaf.connect(&settings).await.unwrap();
    let error = device.tpvm_version().await.unwrap_err();
    assert_says(
        &error,
        "not like the one of this session: \"Spine-2#\"",
        "see whether the switch's host name was changed",
        true,
    );
    assert!(matches!(error, SlxError::Timeout { .. }));
}

/// The rest of a log line that the switch breaks at the terminal's width looks like output.
#[tokio::test]
async fn when_log_lines_are_wrapped_then_their_rest_is_no_answer() {
    let leaf = Leaf::with_shell("logs", &[]).await;
    let mut device = leaf.connect(&leaf.settings()).await.unwrap();
    for _ in 0..4 {
        assert_eq!(device.slx_version().await.unwrap().to_string(), "20.3.2a");
        assert_eq!(device.tpvm_status().await.unwrap().phase, Phase::Running);
        assert!(device.running_config().await.unwrap().unwrap().auto_boot);
    }
    let reads = |leaf: &Leaf| leaf.lines().len();
    assert!(reads(&leaf) > 14, "{:?}", leaf.lines());
    // It refuses no command either: what the switch made of it must be looked at.
    let error = device.revert(&leave()).await.unwrap_err();
    assert!(matches!(error, SlxError::Unknown { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::Perhaps);
}
