#![allow(clippy::unwrap_used)]

use super::*;

fn names<T: ToString>(names: &[T]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn when_nothing_is_configured_then_no_weak_algorithm_is_offered() {
    let offered = offered(&[], &[]);
    let kex: Vec<&str> = offered.kex.iter().map(AsRef::as_ref).collect();
    let cipher = offered.cipher.iter().map(AsRef::as_ref);
    let mac = offered.mac.iter().map(AsRef::as_ref);
    let key = names(&offered.key);
    let all = kex.iter().copied().chain(cipher).chain(mac);
    let all: Vec<&str> = all.chain(key.iter().map(String::as_str)).collect();
    for weak in WeakAlgorithm::ALL {
        assert!(!all.contains(&weak.name()), "{weak:?}");
    }
    let hardened = ["ecdh-sha2-nistp256", "diffie-hellman-group14-sha1"];
    assert_eq!(kex.get(11..13), Some(&hardened[..]));
}

#[test]
fn when_a_weak_algorithm_is_configured_then_it_is_offered_behind_the_others() {
    let offered = offered(&WeakAlgorithm::ALL, &[]);
    assert_eq!(names(&offered.key).last().unwrap(), "ssh-rsa");
    assert_eq!(offered.cipher.last().unwrap().as_ref(), "aes128-cbc");
    assert_eq!(offered.mac.last().unwrap().as_ref(), "hmac-sha1");
    let kex: Vec<&str> = offered.kex.iter().map(AsRef::as_ref).collect();
    let weakest = kex
        .iter()
        .position(|name| *name == "diffie-hellman-group1-sha1");
    // Behind it stand the two extensions only.
    assert_eq!(weakest, Some(kex.len() - 3));
}

#[test]
fn each_weak_algorithm_is_written_in_the_configuration_as_the_protocol_names_it() {
    for weak in WeakAlgorithm::ALL {
        let text = serde_json::to_value(weak).unwrap();
        assert_eq!(text, weak.name());
    }
    let unknown = serde_json::from_str::<WeakAlgorithm>("\"3des-cbc\"");
    let error = unknown.unwrap_err().to_string();
    for weak in WeakAlgorithm::ALL {
        assert!(error.contains(weak.name()), "{error}");
    }
}

#[test]
fn when_nothing_is_common_then_both_lists_and_both_settings_are_named() {
    let ours = ["curve25519-sha256", "ext-info-c"].map(ToOwned::to_owned);
    let theirs = ["diffie-hellman-group1-sha1".to_owned()];
    let mismatch = Mismatch::new(&AlgorithmKind::Kex, &ours, &theirs);
    assert_eq!(
        mismatch.to_string(),
        "no common key exchange: the worker offers curve25519-sha256; the switch offers \
         diffie-hellman-group1-sha1"
    );
    let remedy = mismatch.remedy();
    assert!(remedy.contains("`ssh server key-exchange`"), "{remedy}");
    assert!(
        remedy.contains("slx.weak_algorithms = [\"diffie-hellman-group1-sha1\"]"),
        "{remedy}"
    );

    let strange = Mismatch::new(&AlgorithmKind::Mac, &ours, &[]);
    assert!(strange.to_string().ends_with("the switch offers none"));
    assert!(strange.remedy().contains("does not help"));
}
