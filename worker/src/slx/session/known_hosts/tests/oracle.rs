//! OpenSSH's own reader as the judge: many files, written by a generator that knows what may go
//! wrong in one, must mean to us what they mean to `ssh-keygen -F`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::process::Command;

use super::*;

const FILES: u64 = 80;
const NAMES: [&str; 7] = [
    "sw1",
    "[sw1]:2222",
    "SW1.example.com",
    "10.0.0.17",
    "[10.0.0.17]:22022",
    "fe80::1",
    "[fe80::1]:2222",
];

const KEYS: [&str; 4] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINPlKlfY8VUP1s9DlXYqWsXKPJzYqBq7MYLPbSVpWZgm",
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA",
    "ssh-rsa RSA",
];

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }

    /// One of several, mostly the first.
    fn mostly<T: Copy>(&mut self, of: &[T]) -> T {
        match self.roll(3) {
            0 => self.one(of),
            _ => of[0],
        }
    }
}

fn hashed(name: &str, salt_length: usize, dice: &mut Dice) -> String {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD as BASE64;
    use ring::hmac;
    let salt: Vec<u8> = (0..salt_length)
        .map(|_| u8::try_from(dice.roll(256)).unwrap())
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    let hash = hmac::sign(&key, name.to_ascii_lowercase().as_bytes());
    format!("|1|{}|{}", BASE64.encode(&salt), BASE64.encode(hash))
}

fn hosts(dice: &mut Dice) -> String {
    let name = dice.one(&NAMES);
    match dice.roll(9) {
        0 => hashed(name, dice.mostly(&[20, 16, 0]), dice),
        1 => hashed(name, 20, dice) + dice.one(&["", ",sw1", "=", "|"]),
        2 => dice
            .one(&["|2|x|y", "|1|x", "|1|AAAA|AAAA", "|", "", ",", "!"])
            .to_owned(),
        _ => {
            let patterns = [
                "sw1",
                "SW1",
                "sw?",
                "s*",
                "*",
                "!sw1",
                "!*.example.com",
                "*.EXAMPLE.com",
                "[sw1]:2222",
                "[sw1]:*",
                "[*]:2222",
                "!\u{5b}sw1]:2222",
                "10.0.0.*",
                "10.0.0.1?",
                "[10.0.0.17]:22022",
                "!10.0.0.17",
                "fe80::1",
                "[fe80::1]:2222",
                "fe80::*",
                "",
                "sw1:2222",
                "*,",
                "**1",
                "?",
                "!",
                "!!sw1",
                "sw1*",
                "[10.0.0.17]",
            ];
            let count = dice.roll(3) + 1;
            let chosen: Vec<&str> = (0..count).map(|_| dice.one(&patterns)).collect();
            chosen.join(",")
        }
    }
}

fn key(dice: &mut Dice) -> String {
    let [ed25519, other, ecdsa, rsa] = KEYS;
    let whole = dice.one(&[ed25519, other, ecdsa, rsa]);
    let cut = &ed25519[..ed25519.len() - 4];
    match dice.roll(14) {
        0 => "ssh-mldsa65 AAAAC3NzaC1tbGRzYTY1AAAABAECAwQ=".to_owned(),
        1 => cut.to_owned(),
        2 => format!("{ed25519}="),
        3 => ed25519.replace("ssh-ed25519", "ssh-rsa"),
        4 => ed25519.replace("AAAA", "AA!A"),
        5 => ed25519.replace("ssh-ed25519", "SSH-ED25519"),
        6 => dice
            .one(&["", "ssh-ed25519", "#", "1024 35 1234567", "ssh-ed25519 #"])
            .to_owned(),
        7 => ed25519.replace(' ', "\t \t"),
        _ => whole.to_owned(),
    }
}

fn line(dice: &mut Dice) -> String {
    match dice.roll(16) {
        0 => {
            return dice
                .one(&["", "# sw1 ssh-ed25519 x", "\t", " #", "\r", "nonsense"])
                .to_owned();
        }
        1 => return format!("#{} {}", hosts(dice), key(dice)),
        _ => {}
    }
    let markers = [
        "@revoked ",
        "@cert-authority ",
        "@revoked ",
        "@cert-authority ",
        "@revoked\t",
        "@revoked \t ",
        "@other ",
        "@ ",
        "@revoked @revoked ",
        "@revoked",
        "@Revoked ",
        "@cert-authority @revoked ",
    ];
    let marker = match dice.roll(3) {
        0 => dice.one(&markers),
        _ => "",
    };
    let begin = dice.mostly(&["", " ", "\t", " \t "]);
    let gap = dice.mostly(&[" ", "\t", "   ", " \t"]);
    let end = dice.mostly(&["", "\r", " a comment", " ", "\t", " # x\r", " \u{fc}\u{0}"]);
    format!("{begin}{marker}{}{gap}{}{end}", hosts(dice), key(dice))
}

/// The lines that `ssh-keygen` finds, with what it calls them.
fn found(file: &std::path::Path, name: &str) -> BTreeMap<usize, String> {
    let output = Command::new("ssh-keygen")
        // With the fingerprint (`-l`) it also reads the keys.
        .args(["-l", "-F", name, "-f"])
        .arg(file)
        .output()
        .expect("Debian's openssh-client is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter_map(|line| {
        let (_, line) = line.strip_prefix("# Host ")?.split_once(" found: line ")?;
        let (number, kind) = line.split_once(' ').unwrap_or((line, ""));
        Some((number.parse().unwrap(), kind.trim().to_owned()))
    });
    lines.collect()
}

#[test]
fn when_openssh_reads_a_file_then_it_finds_the_same_lines() {
    let folder = tempfile::tempdir().unwrap();
    let generate = |kind: &str, bits: &str| {
        let file = folder.path().join(kind);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-C", "", "-t", kind, "-b", bits, "-f"])
            .arg(&file)
            .status()
            .expect("Debian's openssh-client is installed");
        assert!(made.success());
        let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
        public.trim().to_owned()
    };
    let (ecdsa, rsa) = (generate("ecdsa", "384"), generate("rsa", "2048"));
    let mut counts = [0; 4];
    for seed in 0..FILES {
        let mut dice = Dice(seed);
        let lines: Vec<String> = (0..24)
            .map(|_| {
                line(&mut dice)
                    .replace(KEYS[2], &ecdsa)
                    .replace(KEYS[3], &rsa)
            })
            .collect();
        let content = lines.join("\n") + dice.one(&["", "\n", "\r\n"]);
        let file = folder.path().join("known_hosts");
        std::fs::write(&file, &content).unwrap();
        for name in NAMES {
            // As ssh does before it looks.
            let lower = name.to_ascii_lowercase();
            let theirs = found(&file, &lower);
            let names = Names {
                host: lower.clone(),
                with_port: lower,
            };
            let ours = read(content.as_bytes(), &names);
            let of = |kind: &str| -> Vec<usize> {
                let lines = theirs.iter().filter(|(_, found)| *found == kind);
                lines.map(|(line, _)| *line).collect()
            };
            let why = || format!("seed {seed}, {name}, {theirs:?}, {ours:?}\n{content:?}");
            let numbers = |keys: &[(usize, PublicKey)]| -> Vec<usize> {
                keys.iter().map(|(line, _)| *line).collect()
            };
            assert_eq!(numbers(&ours.keys), of(""), "{}", why());
            // Behind a marker we refuse more: OpenSSH skips a line whose marker it does not know,
            // whose marker ends with a tab, or whose key it can't read, as if it were not there.
            let mut refused = numbers(&ours.revoked);
            refused.extend(ours.markers.iter().map(|(line, _)| *line));
            refused.sort_unstable();
            for line in [of("REVOKED"), of("CA")].concat() {
                assert!(refused.contains(&line), "{line}: {}", why());
            }
            for line in of("REVOKED") {
                assert!(numbers(&ours.revoked).contains(&line), "{line}: {}", why());
            }
            for line in refused.iter().filter(|line| !theirs.contains_key(line)) {
                assert!(lines[line - 1].trim().starts_with('@'), "{line}: {}", why());
            }
            counts[0] += of("").len();
            counts[1] += of("REVOKED").len();
            counts[2] += of("CA").len();
            counts[3] += refused.len();
        }
    }
    // The files are such that each kind is met.
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
}
