#![allow(clippy::unwrap_used)]

mod odd;
mod transcripts;

use std::sync::LazyLock;
use std::time::Instant;

use super::*;
use crate::slx::dialect::Dialect;

const MAX: usize = 4096;
static DIALECT: LazyLock<Dialect> = LazyLock::new(Dialect::built_in);

/// A session with the switch `SLX` that echoes, some commands later.
fn known() -> Habits {
    Habits {
        name: Some("SLX".to_owned()),
        ending: Some("# ".to_owned()),
        echoes: Some(true),
    }
}

const ASKS: May = May {
    answer: true,
    nudge: false,
};
const READS: May = May {
    answer: false,
    nudge: true,
};

fn exchange(line: &str, may: May) -> Exchange<'static> {
    Exchange::new(&DIALECT.session, Some(line), known(), may, MAX)
}

/// What becomes of bytes that are followed by silence.
fn heard(exchange: &mut Exchange, sent: &str) -> Next {
    match exchange.take(sent.as_bytes()) {
        Next::Wait => silence(exchange),
        other => other,
    }
}

/// The first thing that a silence leads to.
fn silence(exchange: &mut Exchange) -> Next {
    let decided = Quiet::ALL.into_iter().map(|quiet| exchange.settle(quiet));
    let mut decided = decided.filter(|next| *next != Next::Wait);
    decided.next().unwrap_or(Next::Wait)
}

/// The output of `line` if the switch sends `sent`.
fn output(line: &str, sent: &str) -> Option<String> {
    match heard(&mut exchange(line, May::default()), sent) {
        Next::Done(answer) => Some(answer.text),
        Next::Wait => None,
        other => panic!("{sent:?}: {other:?}"),
    }
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
        // Wrapped, scrolled and corrected, as line editors do.
        "show ver \rsion\r\nFirmware name:      20.3.2a\r\nSLX# ",
        "show ver\rrsion\r\nFirmware name:      20.3.2a\r\nSLX# ",
        "show v\rvers\rsion\r\n\u{1b}[?2004l\rFirmware name:      20.3.2a\r\n\u{1b}[?2004hSLX# ",
        "show vex\u{8} \u{8}rsion\r\nFirmware name:      20.3.2a\r\nSLX# ",
        "show version\rSLX# <w version\r\nFirmware name:      20.3.2a\r\nSLX# ",
        "SLX# show ve\rSLX# show version\r\nFirmware name:      20.3.2a\r\nSLX# ",
    ] {
        assert_eq!(
            output("show version", sent).as_deref(),
            Some(version),
            "{sent:?}"
        );
    }
    // A terminal that does not wrap by itself.
    let sent = "show ver\r\n\rsion\r\n\r\u{1b}[A\r\nFirmware name:      20.3.2a\r\nSLX# ";
    assert_eq!(output("show version", sent), Some(format!("\n{version}")));
    assert_eq!(
        output("auto-boot", "auto-boot\r\nSLX(config-tpvm-TPVM)# ").as_deref(),
        Some("")
    );
}

#[test]
fn what_stands_before_the_echo_belongs_to_an_earlier_command() {
    let sent = "late output\r\nSLX# show version\r\nnew\r\nSLX# ";
    assert_eq!(output("show version", sent).as_deref(), Some("new\n"));
}

#[test]
fn when_a_switch_that_echoes_does_not_then_that_is_reported() {
    let next = heard(&mut exchange("show version", READS), "late output\r\nSLX# ");
    assert_eq!(next, Next::NoEcho("late output\n".to_owned()));
}

#[test]
fn when_the_echo_is_altered_then_its_line_is_no_output() {
    let line = "tpvm upgrade protocol scp host 10.1.1.1 user fw password secret";
    for echo in [
        "tpvm upgrade protocol scp host 10.1.1.1 user fw password ******",
        "SLX# tpvm upgrade proto...",
    ] {
        let sent = format!("{echo}\r\nTPVM upgrade is initiated\r\nSLX# ");
        assert_eq!(
            output(line, &sent).as_deref(),
            Some("TPVM upgrade is initiated\n"),
            "{echo}"
        );
    }
}

#[test]
fn when_the_first_line_is_not_echoed_then_the_switch_echoes_none() {
    let session = &DIALECT.session;
    let mut first = Exchange::new(
        session,
        Some("terminal length 0"),
        Habits::default(),
        READS,
        MAX,
    );
    assert_eq!(first.take(b"\r\nSLX# "), Next::Wait);
    assert_eq!(first.settle(Quiet::Briefly), Next::Wait);
    let Next::Done(answer) = silence(&mut first) else {
        panic!("no prompt");
    };
    assert_eq!(answer.habits.echoes, Some(false));
    let mut second = Exchange::new(session, Some("show x"), answer.habits, READS, MAX);
    let Next::Done(answer) = heard(&mut second, "one\r\n\r\nSLX# ") else {
        panic!("no prompt");
    };
    assert_eq!(answer.text, "one\n\n");
    assert_eq!(answer.habits.echoes, Some(false));
}

#[test]
fn only_the_switchs_own_prompt_ends_an_answer() {
    for sent in [
        "show x\r\nOther# ",
        "show x\r\nsee SLX# ",
        "show x\r\nSLX# is the prompt",
        "show x\r\nSLX",
        "show x",
    ] {
        assert_eq!(output("show x", sent), None, "{sent:?}");
    }
}

#[test]
fn names_with_dots_and_modes_are_understood() {
    for (prompt, name, mode) in [
        ("SLX# ", "SLX", ""),
        ("leaf-1.dc2.example.com# ", "leaf-1.dc2.example.com", ""),
        ("Border-Leaf-15A(config)# ", "Border-Leaf-15A", "(config)"),
        ("s_1(config-tpvm-TPVM)# ", "s_1", "(config-tpvm-TPVM)"),
        ("sw0>", "sw0", ""),
    ] {
        let mut exchange = Exchange::new(
            &DIALECT.session,
            None,
            Habits::default(),
            May::default(),
            MAX,
        );
        let next = heard(&mut exchange, &format!("Welcome to SLX-OS\r\n{prompt}"));
        let Next::Done(answer) = next else {
            panic!("{prompt:?}: {next:?}");
        };
        assert_eq!(
            (answer.habits.name.as_deref(), answer.mode.as_str()),
            (Some(name), mode)
        );
    }
}

#[test]
fn when_a_prompt_is_lost_then_an_empty_line_asks_for_it_and_not_for_ever() {
    let mut lost = exchange("show x", READS);
    assert_eq!(lost.take(b"show x\r\none\r\n"), Next::Wait);
    for quiet in [Quiet::Briefly, Quiet::Shortly, Quiet::Clearly] {
        assert_eq!(lost.settle(quiet), Next::Wait);
    }
    let nudge = Next::Send("\n".to_owned());
    assert_eq!(lost.settle(Quiet::Long), nudge);
    assert_eq!(silence(&mut lost), nudge);
    assert_eq!(silence(&mut lost), Next::Wait);
    let Next::Done(answer) = heard(&mut lost, "\r\nSLX# \r\nSLX# ") else {
        panic!("no prompt");
    };
    assert_eq!(answer.text, "one\n\n");

    // Never where it could be taken for an answer, nor where nothing parts it from the next one.
    assert_eq!(
        heard(&mut exchange("tpvm revert", ASKS), "tpvm revert\r\n"),
        Next::Wait
    );
    assert_eq!(
        heard(&mut exchange("show x", READS), "show x\r\nPress RETURN"),
        Next::Wait
    );
    let mute = Habits {
        echoes: Some(false),
        ..known()
    };
    let mut mute = Exchange::new(&DIALECT.session, Some("show x"), mute, READS, MAX);
    assert_eq!(heard(&mut mute, "one\r\n"), Next::Wait);
}

#[test]
fn when_a_question_has_another_form_then_it_is_answered_as_it_asks() {
    for (question, answer) in [
        ("Continue? [y/n]:", "y\n"),
        ("Do you want to continue? (y/n)?", "y\n"),
        ("Do you want to continue? [Y/N]: ", "y\n"),
        ("Do you want to continue [y/N]?", "y\n"),
        ("Proceed? ", "y\n"),
        ("Are you sure? [yes,NO] ", "yes\n"),
        ("Are you sure? [no,yes] ", "yes\n"),
        ("Are you sure (yes/no)?", "yes\n"),
        ("Really revert? [YES/no]:", "yes\n"),
        ("Revert the TPVM, yes/no: ", "yes\n"),
    ] {
        let sent = format!("tpvm revert\r\nThe TPVM stops.\r\n{question}");
        let mut ours = exchange("tpvm revert", ASKS);
        assert_eq!(
            heard(&mut ours, &sent),
            Next::Send(answer.to_owned()),
            "{question}"
        );
        // The echo of the answer may be missing, and its line end with it.
        for echo in [answer.trim(), "", "\r\n"] {
            let mut ours = exchange("tpvm revert", ASKS);
            heard(&mut ours, &sent);
            let Next::Done(done) = heard(
                &mut ours,
                &format!("{echo}\r\nTPVM revert is initiated\r\nSLX# "),
            ) else {
                panic!("{question}");
            };
            assert!(
                done.text.contains("\nTPVM revert is initiated\n"),
                "{done:?}"
            );
        }
        let mut surprise = exchange("tpvm revert", READS);
        let asked = format!("The TPVM stops.\n{question}");
        assert_eq!(heard(&mut surprise, &sent), Next::Asks(asked), "{question}");
    }
    let mut twice = exchange("tpvm revert", ASKS);
    heard(&mut twice, "tpvm revert\r\nContinue? [y/n]:");
    let next = heard(&mut twice, "y\r\nReally? [y/n]:");
    assert_eq!(next, Next::Asks("y\nReally? [y/n]:".to_owned()));
}

#[test]
fn when_a_question_is_not_ours_then_it_ends_the_session_with_its_text() {
    for question in [
        "The authenticity of host '10.1.1.1' can't be established.\nContinue? [y/n]:",
        "Are you sure you want to continue connecting (yes/no)? ",
        "RSA key fingerprint is SHA256:x.\nAccept? (yes/no): ",
        "Password: ",
        "Password for fw@10.1.1.1:",
        "Enter passphrase for key: ",
        "Which partition? ",
        "Enter the slot number: ",
        "Your password will expire in 3 days. Change it?[a/b]:",
    ] {
        let sent = format!("tpvm revert\r\n{}", question.replace('\n', "\r\n"));
        let mut ours = exchange("tpvm revert", ASKS);
        assert_eq!(
            heard(&mut ours, &sent),
            Next::Asks(question.to_owned()),
            "{question}"
        );
    }
}

#[test]
fn when_text_only_looks_like_a_question_then_nothing_is_sent() {
    let sent = "tpvm revert\r\nContinue? [y/n]: was not asked\r\nPassword: none\r\nSLX# ";
    assert!(matches!(
        heard(&mut exchange("tpvm revert", ASKS), sent),
        Next::Done(_)
    ));
}

#[test]
fn output_is_bounded_even_if_it_is_paged() {
    let mut exchange = Exchange::new(&DIALECT.session, Some("show x"), known(), READS, 100);
    assert_eq!(exchange.take(b"show x\r\n"), Next::Wait);
    let mut pages = (0..20).map(|_| heard(&mut exchange, "--More--"));
    assert!(pages.any(|next| next == Next::TooLong));
}

/// The search for the echo took time with the cube of what came before it.
#[test]
fn when_much_comes_before_the_echo_then_the_time_is_in_proportion() {
    let max = 4 << 20;
    for login_text in [
        "Authorized use only. ".repeat(50_000),
        "x\r\n".repeat(330_000),
        "y".repeat(1 << 20),
    ] {
        let mut exchange =
            Exchange::new(&DIALECT.session, Some("show version"), known(), READS, max);
        let start = Instant::now();
        for piece in login_text.as_bytes().chunks(7) {
            assert_eq!(exchange.take(piece), Next::Wait);
            exchange.settle(Quiet::Briefly);
        }
        let next = heard(&mut exchange, "\r\nSLX# show version\r\nnew\r\nSLX# ");
        assert!(
            matches!(&next, Next::Done(answer) if answer.text == "new\n"),
            "{next:?}"
        );
        // A megabyte; what is not linear takes hours.
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
