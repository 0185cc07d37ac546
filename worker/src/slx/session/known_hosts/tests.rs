#![allow(clippy::unwrap_used)]

mod oracle;

use super::*;

const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

fn lines(content: &str) -> Known {
    read(content.as_bytes(), &Names::new("SW1", 2222))
}

fn numbers(keys: &[(usize, PublicKey)]) -> Vec<usize> {
    keys.iter().map(|(line, _)| *line).collect()
}

#[test]
fn when_white_space_is_unusual_then_the_line_is_read() {
    let known = lines(&format!(
        "[sw1]:2222\tssh-ed25519\t{KEY}\n  [sw1]:2222  ssh-ed25519  {KEY}\n\
         \t[sw1]:2222 ssh-ed25519 {KEY} a comment\r\n\r\n# no line\n[sw1]:2222 ssh-ed25519 {KEY}"
    ));
    assert_eq!(numbers(&known.keys), [1, 2, 3, 6]);
    assert!(known.skipped.is_empty());
}

#[test]
fn when_a_line_cannot_be_read_then_it_is_skipped_by_number_and_the_others_count() {
    let known = lines(&format!(
        "[sw1]:2222 ssh-mldsa65 AAAAC3NzaC1tbGRzYTY1AAAABAECAwQ=\nnonsense\n\
         [sw1]:2222 ssh-ed25519 AAAA\n|1|x ssh-ed25519 {KEY}\n[sw1]:2222 ssh-ed25519 {KEY}\n"
    ));
    assert_eq!(numbers(&known.keys), [5]);
    let skipped: Vec<usize> = known.skipped.iter().map(|(line, _)| *line).collect();
    assert_eq!(skipped, [1, 2, 3, 4]);
}

#[test]
fn when_a_line_has_a_marker_then_it_trusts_no_key() {
    let known = lines(&format!(
        "@revoked * ssh-ed25519 {KEY}\n@cert-authority *:2222 ssh-ed25519 {KEY}\n\
         @other sw1 ssh-ed25519 {KEY}\n@revoked @other other ssh-ed25519 {KEY}\n\
         @revoked sw1 ssh-ed25519 broken\n"
    ));
    assert!(known.keys.is_empty() && known.any_port.is_empty());
    assert_eq!(numbers(&known.revoked), [1]);
    let markers: Vec<usize> = known.markers.iter().map(|(line, _)| *line).collect();
    assert_eq!(markers, [2, 3, 5]);
}

#[test]
fn when_a_key_stands_without_a_port_then_it_counts_as_one_of_any_port() {
    let known = lines(&format!("sw1,10.0.0.1 ssh-ed25519 {KEY}\n"));
    assert!(known.keys.is_empty());
    assert_eq!(numbers(&known.any_port), [1]);
}
