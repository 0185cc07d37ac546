//! Passwords as a running-config shows them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What every encoded password starts with.
const MARK: &str = "$9$";

/// Encodes a clear password; an encoded one stays as it is.
pub(crate) fn encode(password: &str) -> String {
    if password.starts_with(MARK) {
        return password.to_owned();
    }
    let scrambled: Vec<u8> = password
        .bytes()
        .zip(b"slx-os running-config".iter().cycle())
        .map(|(byte, key)| byte ^ key)
        .collect();
    format!("{MARK}{}", STANDARD.encode(scrambled))
}
