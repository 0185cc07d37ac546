//! The first field of a `known_hosts` line: patterns of host names, or one hashed name.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;

/// OpenSSH takes no longer pattern.
const MAX_PATTERN: usize = 1023;

/// The length of a salt, in bytes; OpenSSH takes no other.
const SALT: usize = 20;

/// Whether a line with these hosts is for this name, which is in lower case.
///
/// # Errors
/// What is wrong with a hashed name.
pub(super) fn matches(hosts: &str, name: &str) -> Result<bool, &'static str> {
    match hosts.strip_prefix('|') {
        Some(hashed) => is_hashed(hashed, name).ok_or("its hashed name can't be read"),
        None => Ok(in_list(hosts, name)),
    }
}

/// A comma-separated list. A negated pattern that matches excludes the name, whatever else does.
fn in_list(list: &str, name: &str) -> bool {
    let mut found = false;
    for pattern in list.split(',') {
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        };
        if pattern.len() > MAX_PATTERN {
            return false;
        }
        if glob(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes()) {
            if negated {
                return false;
            }
            found = true;
        }
    }
    found
}

/// `*` stands for any characters, `?` for one. In time linear in both for each `*`.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    // Behind the last `*`, and where in the name it was last tried to end.
    let mut star = None;
    while let Some(byte) = name.get(from) {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                star = Some((at, from));
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((behind, tried)) => {
                    at = behind;
                    from = tried + 1;
                    star = Some((behind, from));
                }
                None => return false,
            },
        }
    }
    let rest = pattern.get(at..).unwrap_or_default();
    rest.iter().all(|byte| *byte == b'*')
}

/// `1|salt|hash`: the hash is the name's HMAC-SHA1 under the salt. None if it can't be read.
fn is_hashed(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.strip_prefix("1|")?.split_once('|')?;
    let salt = BASE64_STANDARD.decode(salt).ok()?;
    let hash = BASE64_STANDARD.decode(hash).ok()?;
    if salt.len() != SALT {
        return None;
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    Some(hmac::verify(&key, name.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_openssh() {
        for (list, name, expected) in [
            ("sw1", "sw1", true),
            ("SW1", "sw1", true),
            ("sw1,sw2", "sw2", true),
            ("sw1,,sw2", "sw3", false),
            ("*", "[10.0.0.1]:2222", true),
            ("10.0.0.*", "10.0.0.17", true),
            ("10.0.0.*", "[10.0.0.17]:2222", false),
            ("[10.0.0.?]:2222", "[10.0.0.1]:2222", true),
            ("[10.0.0.?]:2222", "[10.0.0.11]:2222", false),
            ("*.example.com,!bad.example.com", "good.example.com", true),
            ("*.example.com,!bad.example.com", "bad.example.com", false),
            ("!bad.example.com,*.example.com", "bad.example.com", false),
            ("!bad.example.com", "good.example.com", false),
            ("*a*b*c", "xxaxxbxxc", true),
            ("*a*b*c", "xxaxxbxx", false),
            ("", "sw1", false),
            ("??*", "a", false),
            ("a**", "a", true),
        ] {
            assert_eq!(matches(list, name), Ok(expected), "{list} {name}");
        }
        let long = "a".repeat(MAX_PATTERN + 1);
        assert_eq!(matches(&format!("{long},sw1"), "sw1"), Ok(false));
    }

    /// What `ssh-keygen -H` made of `[10.0.0.1]:2222`.
    const HASHED: &str = "|1|+vxV6V4XDOW0tPUGCct+ODZNiIQ=|yhKP0JLZpOiY7jB1IEcSM069fFI=";

    #[test]
    fn hashed_names_match_one_name() {
        assert_eq!(matches(HASHED, "[10.0.0.1]:2222"), Ok(true));
        assert_eq!(matches(HASHED, "10.0.0.1"), Ok(false));
        for wrong in ["|2|x|y", "|1|x", "|1|?|?", "|"] {
            assert!(matches(wrong, "10.0.0.1").is_err(), "{wrong}");
        }
    }
}
