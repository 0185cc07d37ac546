#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Barrier;

use super::*;

const FIRST: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
const SECOND: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";
/// The base point of the curve: a valid key of another kind.
const OTHER_KIND: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfU=";

fn key(text: &str) -> PublicKey {
    text.parse().unwrap()
}

fn check(keys: HostKeys) -> HostKeyCheck {
    HostKeyCheck::new("10.0.0.1", 2222, keys)
}

fn file(lines: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    std::fs::write(&path, lines).unwrap();
    (dir, path)
}

#[test]
fn known_hosts_takes_only_what_the_file_has() {
    let (_dir, path) = file(&format!(
        "# switches\n10.0.0.2 {SECOND}\nsw1,[10.0.0.1]:2222 {FIRST} a comment\n"
    ));
    let check = check(HostKeys::KnownHosts(path.clone()));
    check.check(&key(FIRST)).unwrap();
    let changed = check.check(&key(SECOND)).unwrap_err();
    assert!(matches!(&changed, Untrusted::Changed { lines, .. } if lines == &[3]));
    assert!(changed.remedy().contains("if the switch was replaced"));
    assert!(changed.to_string().contains("SHA256:"), "{changed}");
    let other = check.check(&key(OTHER_KIND)).unwrap_err();
    assert!(matches!(&other, Untrusted::OtherType { lines, .. } if lines == &[3]));
    assert!(!other.remedy().contains("replaced"), "{other:?}");
    let other_port = HostKeyCheck::new("10.0.0.1", 22, check.keys.clone());
    let error = other_port.check(&key(FIRST)).unwrap_err();
    assert!(matches!(error, Untrusted::Unknown { .. }), "{error:?}");
    assert!(!error.remedy().contains("replaced"));
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn when_a_key_is_revoked_then_it_is_refused_and_never_learnt() {
    let revoked = format!("@revoked * {FIRST}\n");
    for content in [
        revoked.clone(),
        format!("{revoked}[10.0.0.1]:2222 {FIRST}\n"),
    ] {
        let (_dir, path) = file(&content);
        for keys in [
            HostKeys::KnownHosts(path.clone()),
            HostKeys::AcceptNew(path.clone()),
        ] {
            let error = check(keys).check(&key(FIRST)).unwrap_err();
            assert!(
                matches!(error, Untrusted::Revoked { line: 1, .. }),
                "{error:?}"
            );
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn when_a_marker_is_not_understood_then_its_host_is_refused_by_line_number() {
    let (_dir, path) = file(&format!(
        "[10.0.0.1]:2222 {FIRST}\n@cert-authority * {SECOND}\n"
    ));
    let error = check(HostKeys::KnownHosts(path)).check(&key(FIRST));
    let error = error.unwrap_err();
    assert!(
        matches!(error, Untrusted::Marker { line: 2, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[test]
fn known_hosts_needs_its_file() {
    let error = check(HostKeys::KnownHosts("/nowhere/known_hosts".into())).check(&key(FIRST));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("/nowhere/known_hosts can't be used"),
        "{error}"
    );
}

#[test]
fn accept_new_learns_once_and_refuses_a_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/known_hosts");
    let check = check(HostKeys::AcceptNew(path.clone()));
    assert!(check.read().unwrap().keys.is_empty());
    check.check(&key(FIRST)).unwrap();
    check.check(&key(FIRST)).unwrap();
    for other in [SECOND, OTHER_KIND] {
        let error = check.check(&key(other)).unwrap_err();
        assert!(matches!(
            error,
            Untrusted::Changed { .. } | Untrusted::OtherType { .. }
        ));
    }
    let learnt = std::fs::read_to_string(&path).unwrap();
    assert_eq!(learnt, format!("[10.0.0.1]:2222 {FIRST}\n"));
}

#[test]
fn a_line_is_added_on_a_line_of_its_own() {
    let (_dir, path) = file("10.0.0.2 nonsense");
    check(HostKeys::AcceptNew(path.clone()))
        .check(&key(FIRST))
        .unwrap();
    let learnt = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        learnt,
        format!("10.0.0.2 nonsense\n[10.0.0.1]:2222 {FIRST}\n")
    );
}

#[test]
fn writers_at_the_same_time_learn_one_key() {
    const WRITERS: usize = 8;
    let (_dir, path) = file("");
    let barrier = Barrier::new(WRITERS);
    let accepted = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|index| {
                let (check, barrier) = (check(HostKeys::AcceptNew(path.clone())), &barrier);
                let key = key(if index % 2 == 0 { FIRST } else { SECOND });
                scope.spawn(move || {
                    barrier.wait();
                    check.check(&key).is_ok()
                })
            })
            .collect();
        let results = writers.into_iter().map(|writer| writer.join().unwrap());
        results.filter(|accepted| *accepted).count()
    });
    assert_eq!(accepted, WRITERS / 2);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
}
