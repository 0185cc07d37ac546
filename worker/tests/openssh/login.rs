//! Logins that the server refuses, and how often it is asked.

#![allow(clippy::unwrap_used)]

use worker::slx::{LoginFailure, SlxError, Spent, Switch};

use crate::leaf::{Leaf, assert_says};

const SECRET: &str = "correct the device's user in the inventory and the secret that it names";

/// `MaxAuthTries 1` ends the connection in place of a refusal.
#[tokio::test]
async fn when_the_password_is_wrong_then_it_is_sent_once_whatever_the_server_answers() {
    for (settings, said) in [
        (&["MaxAuthTries 1"][..], "Too many authentication failures"),
        (
            &[
                "MaxAuthTries 1",
                "PasswordAuthentication no",
                "KbdInteractiveAuthentication yes",
            ],
            "",
        ),
        (&["MaxAuthTries 6"], "the switch refused the password"),
        (&["Banner /etc/passwd"], "the switch refused the password"),
    ] {
        let keyboard = settings.contains(&"PasswordAuthentication no");
        let leaf = Leaf::start(settings).await;
        let error = leaf
            .connect_with(&["password"], &leaf.settings())
            .await
            .unwrap_err();
        if keyboard {
            // Without PAM, it has nobody to ask.
            assert!(matches!(error, SlxError::Login { .. }), "{error:?}");
            let log = leaf.sshd.log().unwrap();
            assert!(
                log.matches("Failed keyboard-interactive").count() <= 1,
                "{log}"
            );
            continue;
        }
        assert_says(&error, said, SECRET, false);
        assert_eq!(error.spent_login(), Some(Spent::Refused), "{error:?}");
        assert_eq!(leaf.refused("password"), 1, "{}", leaf.sshd.log().unwrap());
    }
}

#[tokio::test]
async fn when_the_key_is_refused_then_the_password_follows_if_the_server_lets_it() {
    let unknown_key = "AuthorizedKeysFile none";
    for (tries, passwords, tried) in [
        (
            "MaxAuthTries 6",
            1,
            "the switch refused the key and the password",
        ),
        (
            "MaxAuthTries 1",
            0,
            "the switch refused the key and ended the connection",
        ),
    ] {
        let leaf = Leaf::start(&[unknown_key, tries]).await;
        let error = leaf
            .connect_with(&["key", "password"], &leaf.settings())
            .await
            .unwrap_err();
        assert_says(&error, tried, SECRET, false);
        assert_eq!(
            leaf.refused("password"),
            passwords,
            "{}",
            leaf.sshd.log().unwrap()
        );
    }
}

#[tokio::test]
async fn when_the_server_takes_other_methods_only_then_nothing_is_sent() {
    for (settings, secret, offered) in [
        (
            &["PubkeyAuthentication no"][..],
            "key",
            "the switch takes only password",
        ),
        (
            &[
                "PasswordAuthentication no",
                "KbdInteractiveAuthentication no",
            ],
            "password",
            "the switch takes only publickey",
        ),
        (
            &[
                "GSSAPIAuthentication yes",
                "AuthenticationMethods gssapi-with-mic",
            ],
            "password",
            "takes only",
        ),
    ] {
        let leaf = Leaf::start(settings).await;
        let error = leaf
            .connect_with(&[secret], &leaf.settings())
            .await
            .unwrap_err();
        assert_says(
            &error,
            offered,
            "name the other kind of secret for the device in the inventory",
            false,
        );
        assert_eq!(error.spent_login(), None);
        assert!(!leaf.sshd.log().unwrap().contains("Failed p"));
    }
}

#[tokio::test]
async fn when_the_server_wants_a_second_login_then_that_is_said() {
    let leaf = Leaf::start(&["AuthenticationMethods publickey,password"]).await;
    let error = leaf.connect(&leaf.settings()).await.unwrap_err();
    assert_says(
        &error,
        "the key was right; a login by password must follow",
        "log in by hand as this user",
        false,
    );
    let error = leaf
        .connect_with(&["key", "password"], &leaf.settings())
        .await
        .unwrap_err();
    assert_says(&error, "the switch refused", SECRET, false);
    assert_eq!(leaf.refused("password"), 1);
    let cause = |error: SlxError| match error {
        SlxError::Login { cause, .. } => cause,
        other => panic!("{other:?}"),
    };
    assert!(matches!(cause(error), LoginFailure::Refused { .. }));
}

#[tokio::test]
async fn when_the_user_may_not_log_in_then_the_account_is_named() {
    let leaf = Leaf::start(&["DenyUsers *"]).await;
    let error = leaf.connect(&leaf.settings()).await.unwrap_err();
    assert_says(&error, "the switch refused the key", SECRET, false);
    assert!(error.to_string().contains(leaf.sshd.user()), "{error}");
}

#[tokio::test]
async fn when_the_server_shows_a_login_text_then_the_session_begins_behind_it() {
    let leaf = Leaf::start(&["Banner /etc/protocols", "PrintLastLog yes"]).await;
    let mut device = leaf.connect(&leaf.settings()).await.unwrap();
    assert_eq!(device.slx_version().await.unwrap().to_string(), "20.3.2a");
}
