//! The algorithms of a switch that was hardened, and of one that is old.

#![allow(clippy::unwrap_used)]

use worker::slx::{Switch, WeakAlgorithm};

use crate::leaf::{Leaf, assert_says};

/// The vendor's hardening guide leaves these.
#[tokio::test]
async fn when_a_switch_is_hardened_by_the_guide_then_it_is_reached_without_a_setting() {
    for kex in [
        "ecdh-sha2-nistp256,diffie-hellman-group14-sha1",
        "ecdh-sha2-nistp256",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group-exchange-sha256",
    ] {
        let leaf = Leaf::start(&[
            &format!("KexAlgorithms {kex}"),
            "Ciphers aes256-ctr,aes192-ctr,aes128-ctr",
            "MACs hmac-sha2-256,hmac-sha2-512",
            "HostKeyAlgorithms ecdsa-sha2-nistp256,rsa-sha2-512",
            "RekeyLimit 1K",
        ])
        .await;
        let mut device = leaf.connect(&leaf.settings()).await.unwrap();
        for _ in 0..3 {
            let version = device.slx_version().await.unwrap();
            assert_eq!(version.to_string(), "20.3.2a", "{kex}");
        }
    }
}

/// What is weak is used only if the configuration says so, and then nothing else is needed.
#[tokio::test]
async fn when_a_switch_has_only_weak_algorithms_then_their_setting_is_needed_and_enough() {
    use WeakAlgorithm::*;
    for (line, what, command, weak) in [
        (
            "HostKeyAlgorithms ssh-rsa",
            "host key algorithm",
            "key",
            SshRsa,
        ),
        (
            "KexAlgorithms diffie-hellman-group-exchange-sha1",
            "key exchange",
            "key-exchange",
            DhGroupExchangeSha1,
        ),
        (
            "KexAlgorithms diffie-hellman-group1-sha1",
            "key exchange",
            "key-exchange",
            DhGroup1Sha1,
        ),
        ("Ciphers aes256-cbc", "cipher", "cipher", Aes256Cbc),
        ("Ciphers aes192-cbc", "cipher", "cipher", Aes192Cbc),
        ("Ciphers aes128-cbc", "cipher", "cipher", Aes128Cbc),
        ("MACs hmac-sha1-etm@openssh.com", "MAC", "mac", HmacSha1Etm),
        ("MACs hmac-sha1", "MAC", "mac", HmacSha1),
    ] {
        // An authenticated cipher would leave no use for a MAC.
        let ciphers = match line.starts_with("MACs") {
            true => "Ciphers aes256-ctr",
            false => "",
        };
        let leaf = Leaf::start(&[line, ciphers]).await;
        let error = leaf.connect(&leaf.settings()).await.unwrap_err();
        let name = weak.name();
        let cause = format!("no common {what}: the worker offers ");
        assert_says(
            &error,
            &cause,
            &format!("slx.weak_algorithms = [\"{name}\"]"),
            false,
        );
        assert_says(
            &error,
            &format!("; the switch offers {name}"),
            &format!("`ssh server {command}`"),
            false,
        );

        let mut device = leaf.connect(&leaf.weak(&[weak])).await.unwrap();
        assert_eq!(
            device.slx_version().await.unwrap().to_string(),
            "20.3.2a",
            "{line}"
        );
        // Others don't help.
        let others = WeakAlgorithm::ALL
            .into_iter()
            .filter(|other| *other != weak);
        let others: Vec<_> = others.collect();
        let error = leaf.connect(&leaf.weak(&others)).await.unwrap_err();
        assert_says(&error, &cause, name, false);
    }
}

/// With a key of RSA, old servers take only signatures with SHA-1.
#[tokio::test]
async fn when_no_algorithm_is_common_then_both_lists_and_both_settings_are_named() {
    for (line, what, theirs, ours) in [
        (
            "KexAlgorithms sntrup761x25519-sha512@openssh.com",
            "key exchange",
            "sntrup761x25519-sha512@openssh.com",
            "curve25519-sha256, ",
        ),
        ("Ciphers 3des-cbc", "cipher", "3des-cbc", "aes256-ctr, "),
        (
            "MACs umac-64@openssh.com,hmac-md5",
            "MAC",
            "umac-64@openssh.com, hmac-md5",
            "hmac-sha2-256",
        ),
    ] {
        let leaf = Leaf::start(&[line, "Ciphers aes128-ctr"]).await;
        let error = leaf.connect(&leaf.settings()).await.unwrap_err();
        let cause = format!("no common {what}: the worker offers ");
        assert_says(
            &error,
            &cause,
            "allow one of the workers' on the switch (`ssh server ",
            false,
        );
        assert_says(
            &error,
            &format!("; the switch offers {theirs}"),
            "slx.weak_algorithms does not help",
            false,
        );
        assert!(error.to_string().contains(ours), "{error}");
    }
}
