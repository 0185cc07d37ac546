#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use super::*;
use crate::slx::dialect::Dialect;

static DIALECT: LazyLock<Dialect> = LazyLock::new(Dialect::built_in);

/// What shows of the bytes: the lines, and the last one without a line end.
fn shown(sent: &[u8]) -> String {
    let mut screen = Screen::new(&DIALECT.session.log);
    let mut text = String::new();
    for byte in sent {
        if let Some(line) = screen.take(*byte) {
            text += &line.shown;
            text.push('\n');
        }
    }
    text + &screen.last_line(100).unwrap()
}

#[test]
fn when_a_switch_moves_the_cursor_then_the_text_is_what_a_terminal_shows() {
    for (sent, seen) in [
        ("a\r\nb\r\r\nc", "a\nb\nc"),
        ("\u{1b}[?7hSLX# ", "SLX# "),
        ("--More--\r        \rline 25\r\n", "line 25\n"),
        ("--More--\r        \r!\r\n", "!\n"),
        ("--More--\r        \r !\r\n", " !\n"),
        ("--More--\r\u{1b}[Kline 25\r\n", "line 25\n"),
        ("--More--\u{1b}[2K\rx\r\n", "x\n"),
        (
            "x --More--\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}        ",
            "x",
        ),
        ("\u{8}a\n\u{8}b", "a\nb"),
        ("wrong\rright", "right"),
        ("abc\u{1b}[2Dx", "axc"),
        ("abcd\u{1b}[1G\u{1b}[2Pe", "ed"),
        (
            "a\u{1b}[31;1mb\u{1b}[0mc\u{1b}]0;title\u{7}d\0\u{7}e\u{1b}7f\u{1b}(Bg\u{1b}Pq\u{1b}\\h",
            "abcdefgh",
        ),
        ("a\u{1b}[?7", "a"),
        ("wait\r", "wait"),
        ("a\tb", "a\tb"),
        ("a\u{1b}\nb\u{1b}]0;no end\nc", "a\nb\nc"),
        ("naïve — ✓\r\n", "naïve — ✓\n"),
    ] {
        assert_eq!(shown(sent.as_bytes()), seen, "{sent:?}");
    }
    assert_eq!(
        shown(b"a\xffb\xe2\x82c\xe2\xe2\x9c\x93"),
        "a\u{fffd}b\u{fffd}c\u{fffd}✓"
    );
}

#[test]
fn when_log_lines_come_between_then_they_do_not_show() {
    let logs = [
        "2026/11/25-02:00:01, [SEC-1203], 9,, INFO, SLX, Login information: User [admin].\r\n",
        "2023/04/27-02:48:40.123456, [DCM-1006], 1067, M1 | Active, WARNING, sw0, x\r\n",
        "2023/04/27-02:48:40, [HASM-1004], 17,, CRITICAL, leaf-1.dc2, a \rb\r\n",
        "AUDIT, 2011/08/26-07:51:32 (GMT), [DCM-2001], DCMCFG, INFO, admin/admin/10.1.1.1/ssh/CLI,, SLX, y\n",
        "12 AUDIT, 2023/04/27-02:48:40 (UTC), [SEC-3022], SECURITY, ERROR, z\r\n",
    ];
    let text = "one\r\n two\r\n\r\nSLX# ";
    let seen = "one\n two\n\nSLX# ";
    for log in logs {
        for at in 0..=text.len() {
            // A log line does not come between CR and LF.
            if text[..at].ends_with('\r') {
                continue;
            }
            for times in 1..4 {
                let mut sent = text.to_owned();
                sent.insert_str(at, &log.repeat(times));
                assert_eq!(shown(sent.as_bytes()), seen, "{sent:?}");
            }
        }
    }
    let kept = "Build Time: 2026/11/25-02:00:01\r\nsee [SEC-1203], INFO\r\n";
    assert_eq!(shown(kept.as_bytes()), kept.replace('\r', ""));
}
