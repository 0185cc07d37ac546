#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use super::*;
use crate::slx::dialect::Dialect;

const MAX: usize = 4096;
static DIALECT: LazyLock<Dialect> = LazyLock::new(Dialect::built_in);

/// Feeds `sent` in pieces of `size` bytes; returns what was answered on the way, and the end.
fn feed(exchange: &mut Exchange, sent: &str, size: usize) -> (Vec<String>, Next) {
    let mut answers = Vec::new();
    for piece in sent.as_bytes().chunks(size) {
        match exchange.take(piece) {
            Next::Wait => {}
            Next::Send(answer) => answers.push(answer),
            end => return (answers, end),
        }
    }
    (answers, Next::Wait)
}

/// The output of `line` if the switch sends `sent`, whatever the pieces.
fn output(line: &str, sent: &str) -> Option<String> {
    let dialect = &*DIALECT;
    let mut texts = (1..=sent.len()).map(|size| {
        let mut exchange = Exchange::new(&dialect.session, Some(line), Some("SLX"), false, MAX);
        match feed(&mut exchange, sent, size) {
            (answers, Next::Done(answer)) if answers.is_empty() => Some(answer.text),
            (_, Next::Wait) => None,
            other => panic!("{sent:?} in pieces of {size}: {other:?}"),
        }
    });
    let first = texts.next().unwrap();
    assert!(texts.all(|text| text == first), "{sent:?}");
    first
}

#[test]
fn echo_and_prompt_are_no_output() {
    let version = "Firmware name:      20.3.2a\n";
    for sent in [
        "show version\r\nFirmware name:      20.3.2a\r\nSLX# ",
        "show version\r\nFirmware name:      20.3.2a\r\nSLX#",
        "show version\r\nFirmware name:      20.3.2a\r\n\u{1b}[?7hSLX# ",
        "show version\r\r\nFirmware name:      20.3.2a\r\r\n\rSLX# ",
        "show ver\r\nsion\r\nFirmware name:      20.3.2a\r\nSLX# ",
    ] {
        assert_eq!(
            output("show version", sent).as_deref(),
            Some(version),
            "{sent:?}"
        );
    }
    assert_eq!(
        output("auto-boot", "auto-boot\r\nSLX(config-tpvm-TPVM)# ").as_deref(),
        Some("")
    );
}

#[test]
fn what_stands_before_the_echo_belongs_to_an_earlier_command() {
    let sent = "late output\r\nSLX# show version\r\nnew\r\nSLX# ";
    assert_eq!(output("show version", sent).as_deref(), Some("new\n"));
    // Without an echo no prompt ends the answer.
    assert_eq!(output("show version", "late output\r\nSLX# "), None);
}

#[test]
fn only_the_switchs_own_prompt_ends_an_answer() {
    for sent in [
        "show x\r\nOther# ",
        "show x\r\nsee SLX# ",
        "show x\r\nSLX",
        "show x",
    ] {
        assert_eq!(output("show x", sent), None, "{sent:?}");
    }
}

#[test]
fn names_with_dots_and_modes_are_understood() {
    let dialect = &*DIALECT;
    for (prompt, name, mode) in [
        ("SLX# ", "SLX", ""),
        ("leaf-1.dc2.example.com# ", "leaf-1.dc2.example.com", ""),
        ("Border-Leaf-15A(config)# ", "Border-Leaf-15A", "(config)"),
        ("s_1(config-tpvm-TPVM)# ", "s_1", "(config-tpvm-TPVM)"),
        ("sw0>", "sw0", ""),
    ] {
        let mut exchange = Exchange::new(&dialect.session, None, None, false, MAX);
        let next = exchange.take(format!("Welcome to SLX-OS\r\n{prompt}").as_bytes());
        let Next::Done(answer) = next else {
            panic!("{prompt:?}: {next:?}");
        };
        assert_eq!((answer.name.as_str(), answer.mode.as_str()), (name, mode));
    }
}

#[test]
fn paged_output_is_put_together() {
    let dialect = &*DIALECT;
    let sent = [
        "show x\r\na\r\n--More--",
        "\r        \rb\r\nc --More-- ",
        "\r\nd\r\nSLX# ",
    ];
    for size in 1..20 {
        let mut exchange = Exchange::new(&dialect.session, Some("show x"), Some("SLX"), false, MAX);
        let mut pages = 0;
        let mut end = Next::Wait;
        for part in sent {
            let (answers, next) = feed(&mut exchange, part, size);
            assert!(answers.iter().all(|answer| answer == " "), "{answers:?}");
            pages += answers.len();
            end = next;
        }
        let Next::Done(answer) = end else {
            panic!("in pieces of {size}: {end:?}");
        };
        let lines: Vec<&str> = answer.text.lines().map(str::trim).collect();
        assert_eq!(lines, ["a", "b", "c", "d"], "in pieces of {size}");
        assert_eq!(pages, 2);
    }
}

#[test]
fn a_question_is_answered_once_and_only_if_expected() {
    let dialect = &*DIALECT;
    let question = "tpvm revert\r\nThis reverts the TPVM.\r\nContinue? [y/n]:";
    let session = &dialect.session;
    let mut expected = Exchange::new(session, Some("tpvm revert"), Some("SLX"), true, MAX);
    assert_eq!(
        expected.take(question.as_bytes()),
        Next::Send("y\n".to_owned())
    );
    assert_eq!(expected.take(b"y\r\nReally? [y/n]:"), Next::Wait);
    assert!(expected.open_question().unwrap().contains("Really?"));

    let mut surprise = Exchange::new(session, Some("tpvm revert"), Some("SLX"), false, MAX);
    assert_eq!(surprise.take(question.as_bytes()), Next::Wait);
    assert!(surprise.open_question().unwrap().contains("This reverts"));
    assert_eq!(surprise.take(b"n\r\naborted\r\n"), Next::Wait);
    assert_eq!(surprise.open_question(), None);
}

#[test]
fn output_is_bounded_even_if_it_is_paged() {
    let dialect = &*DIALECT;
    let mut exchange = Exchange::new(&dialect.session, Some("show x"), Some("SLX"), false, 100);
    assert_eq!(exchange.take(b"show x\r\n"), Next::Wait);
    let pages = (0..20).map(|_| exchange.take(b"--More--"));
    assert!(pages.into_iter().any(|next| next == Next::TooLong));
}
