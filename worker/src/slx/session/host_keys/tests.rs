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
    HostKeyCheck::new("10.0.0.1".to_owned(), 2222, keys)
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
    for other in [SECOND, OTHER_KIND] {
        let error = check.check(&key(other)).unwrap_err();
        assert!(
            error.contains("changed") && error.contains("SHA256:"),
            "{error}"
        );
    }
    let other_port = HostKeyCheck {
        port: 22,
        ..check.clone()
    };
    let error = other_port.check(&key(FIRST)).unwrap_err();
    assert!(error.contains("has no key of this host"), "{error}");
    assert!(error.contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn known_hosts_needs_its_file() {
    let error = check(HostKeys::KnownHosts("/nowhere/known_hosts".into())).check(&key(FIRST));
    assert!(
        error
            .unwrap_err()
            .contains("/nowhere/known_hosts can't be used")
    );
}

#[test]
fn accept_new_learns_once_and_refuses_a_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/known_hosts");
    let check = check(HostKeys::AcceptNew(path.clone()));
    assert!(check.read().unwrap().is_empty());
    check.check(&key(FIRST)).unwrap();
    check.check(&key(FIRST)).unwrap();
    for other in [SECOND, OTHER_KIND] {
        assert!(check.check(&key(other)).unwrap_err().contains("changed"));
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
