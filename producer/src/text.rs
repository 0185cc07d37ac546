//! Texts that others wrote, made fit for a terminal.

use endpoint::is_unsafe;
pub(crate) use endpoint::{printable, quotable};

/// JSON, which means the same with such characters escaped. Line ends stay.
pub(crate) fn escaped_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unsafe(c) && c != '\n' {
            // All of them have four digits at most.
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Any bytes as text that shows what they are, at most `most` bytes of them: what can't be
/// printed as `\u{1b}`, what is no UTF-8 as `\xff`. Line ends stay.
pub(crate) fn escaped(bytes: &[u8], most: usize) -> String {
    let mut text = String::new();
    for chunk in bytes[..bytes.len().min(most)].utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' | '\'' | '"' | '\\' => text.push(c),
                _ => text.extend(c.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\u{9b}31m\u{7f}\u{202e}z\r\n\tü";

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        assert_eq!(printable(HOSTILE), "a [2J 31m  z \n ü");
        assert_eq!(
            escaped(HOSTILE.as_bytes(), 100),
            "a\\u{1b}[2J\\u{9b}31m\\u{7f}\\u{202e}z\\r\n\\tü"
        );
        let json = serde_json::json!({ "text": HOSTILE });
        let safe = escaped_json(&json.to_string());
        assert!(!safe.chars().any(is_unsafe), "{safe}");
        let read: serde_json::Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(read, json);
    }

    #[test]
    fn bytes_are_shown_and_cut() {
        assert_eq!(
            escaped(b"\xff\x00ok \"quoted\\\"", 100),
            "\\xff\\0ok \"quoted\\\""
        );
        assert_eq!(escaped(b"abcdef", 3), "abc");
        // Cut within a character.
        assert_eq!(escaped("aü".as_bytes(), 2), "a\\xc3");
    }
}
