//! What a terminal would show of the bytes that a shell sends.

/// The text on the screen: escape sequences and other control characters gone, `BS` and a lone
/// `CR` carried out, lines ended by LF. A sequence that is cut off at the end is left out.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut line = 0;
    while let Some(c) = chars.next() {
        match c {
            '\n' => {
                shown.push('\n');
                line = shown.len();
            }
            '\r' => {
                while chars.next_if_eq(&'\r').is_some() {}
                // At the end of what has arrived, the LF may still come.
                if chars.peek().is_some_and(|next| *next != '\n') {
                    shown.truncate(line);
                }
            }
            '\u{8}' => {
                if shown.len() > line {
                    shown.pop();
                }
            }
            '\u{1b}' => skip_escape(&mut chars),
            '\t' => shown.push('\t'),
            c if c.is_control() => {}
            c => shown.push(c),
        }
    }
    shown
}

/// Skips what follows an escape character: a control sequence (`ESC [ … final`), an operating
/// system command (`ESC ] … BEL`), or one character.
fn skip_escape(chars: &mut impl Iterator<Item = char>) {
    match chars.next() {
        Some('[') => {
            chars.find(|c| ('@'..='~').contains(c));
        }
        Some(']') => {
            chars.find(|c| *c == '\u{7}');
        }
        _ => {}
    }
}

/// The text without any white space, to compare an echo that a terminal may have wrapped.
pub(super) fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_carried_out() {
        for (sent, seen) in [
            ("a\r\nb\r\r\nc", "a\nb\nc"),
            ("\u{1b}[?7hSLX# ", "SLX# "),
            ("--More--\r        \rline 25\r\n", "line 25\n"),
            ("x --More--\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}y", "x y"),
            ("\u{8}a\n\u{8}b", "a\nb"),
            (
                "a\u{1b}[31;1mb\u{1b}[0mc\u{1b}]0;title\u{7}d\0\u{7}e\u{1b}7f",
                "abcdef",
            ),
            ("a\u{1b}[?7", "a"),
            ("wait\r", "wait"),
            ("a\tb", "a\tb"),
        ] {
            assert_eq!(shown(sent.as_bytes()), seen, "{sent:?}");
        }
        assert_eq!(shown(b"a\xffb"), "a\u{fffd}b");
    }
}
