//! Sessions of servers that nobody has met yet. Each must be read alike however its bytes are cut.

use super::*;

/// What is known after the first prompt and the echo of `show x`, sent in pieces of this size.
fn read(first: &str, sent: &str, size: usize) -> (String, String) {
    let session = &DIALECT.session;
    let mut login = Exchange::new(session, None, Habits::default(), READS, 1 << 20);
    for piece in first.as_bytes().chunks(size) {
        assert_eq!(login.take(piece), Next::Wait);
        login.settle(Quiet::Briefly);
    }
    let next = silence(&mut login);
    let Next::Done(answer) = next else {
        panic!("{first:?}: {next:?}");
    };
    let habits = Habits {
        echoes: Some(true),
        ..answer.habits
    };
    let name = habits.name.clone().unwrap_or_default();
    let mut shown = Exchange::new(session, Some("show x"), habits, READS, 1 << 20);
    for piece in sent.as_bytes().chunks(size) {
        assert_eq!(shown.take(piece), Next::Wait);
    }
    let next = silence(&mut shown);
    let Next::Done(answer) = next else {
        panic!("{sent:?}: {next:?}");
    };
    (name, answer.text)
}

#[test]
fn when_prompts_are_unusual_then_they_are_read() {
    for prompt in [
        "SLX-9250_1.dc2# ",
        "admin@SLX# ",
        "[admin@SLX]# ",
        "SLX:FID128> ",
        "1/leaf-a# ",
        "SLX#   ",
        "SLX#",
        "\u{1b}[1;32mSLX\u{1b}[0m# ",
        "\u{1b}]0;SLX: exec\u{7}SLX# ",
        "\u{1b}[6nSLX# ",
        "\u{7}SLX# \u{7}",
        "\rSLX# \r\u{1b}[KSLX# ",
        "\u{0}\u{0}SLX# ",
        "\u{1b}(B\u{1b}[mSLX#\u{1b}[K ",
        "L\u{fc}beck-1# ",
    ] {
        for banner in [
            "",
            "Welcome\r\n",
            "\r\r\n\r\r\n\u{7}notice# read the rules\r\nSLX-1# is monitored\r\n> \r\n",
        ] {
            for size in [1, 2, 3, 7, 4096] {
                let sent = format!("show x\r\r\n\u{7}one  \r\r\n\ttwo\r\n\r\n{prompt}");
                let (_, text) = read(&format!("{banner}{prompt}"), &sent, size);
                assert_eq!(text, "one  \n\ttwo\n\n", "{prompt:?} {size}");
            }
        }
    }
}

#[test]
fn when_output_is_unusual_then_it_is_read() {
    let long = "x".repeat(100_000);
    for (sent, text) in [
        (
            "show x\r\n\u{1b}[31mred\u{1b}[0m\u{1b}[K\r\nSLX# ".to_owned(),
            "red\n".to_owned(),
        ),
        (format!("show x\r\n{long}\r\nSLX# "), format!("{long}\n")),
        (
            "show x\r\nSLX(config)# is a mode\r\nsee SLX#\r\nSLX# ".to_owned(),
            "SLX(config)# is a mode\nsee SLX#\n".to_owned(),
        ),
        ("show x\n\rone\n\rSLX# ".to_owned(), "one\n".to_owned()),
        (
            "show x\r\n50%\r100%\r\nSLX# ".to_owned(),
            "100%\n".to_owned(),
        ),
        ("show x\r\nab\u{8}c\r\nSLX# ".to_owned(), "ac\n".to_owned()),
        (
            "show x\r\n\u{1b}[2J\u{1b}[Hone\r\nSLX# ".to_owned(),
            "one\n".to_owned(),
        ),
        (
            "show x\r\nend\r\nSLX# \u{1b}[6n".to_owned(),
            "end\n".to_owned(),
        ),
        (
            "show x\r\n\u{1b}]0;title\u{1b}\\one\r\nSLX# ".to_owned(),
            "one\n".to_owned(),
        ),
    ] {
        for size in [1, 2, 3, 7, 4096] {
            let (name, read) = read("SLX# ", &sent, size);
            assert_eq!(name, "SLX");
            assert!(read == text, "{sent:.200} {size}: {read:.200}");
        }
    }
}

#[test]
fn when_pagers_are_unusual_then_they_are_answered() {
    for more in [
        "--More--",
        "-- more --, next page: Space, continue: g, quit: q",
        "<--- More --->",
        "---- More (25%) ----",
        "--More--(12%)",
        "\u{1b}[7m--More--\u{1b}[m",
        "Press any key to continue (q to quit)",
        "lines 1-23",
        "lines 1-23/50 45%",
        "\r\u{1b}[K:",
    ] {
        let mut paged = exchange("show x", READS);
        let sent = format!("show x\r\none\r\n{more}");
        assert_eq!(
            heard(&mut paged, &sent),
            Next::Send(" ".to_owned()),
            "{more}"
        );
        let next = heard(&mut paged, "\r\u{1b}[Ktwo\r\nSLX# ");
        let Next::Done(answer) = next else {
            panic!("{more}: {next:?}");
        };
        assert_eq!(answer.text, "one\ntwo\n", "{more}");
    }
}

#[test]
fn when_a_log_line_may_be_wrapped_then_the_answer_is_doubtful() {
    let log = "2023/04/27-02:48:40, [SEC-1203], 9,, INFO, SLX, Login information: ";
    for (width, doubtful) in [(79, false), (80, true), (100, false), (132, true)] {
        for before in ["", "% No "] {
            let line = format!(
                "{before}{log}{}",
                "y".repeat(width - log.len() - before.len())
            );
            let sent = format!("show x\r\n{line}\r\nError: a user\r\nSLX# ");
            let next = heard(&mut exchange("show x", READS), &sent);
            let Next::Done(answer) = next else {
                panic!("{next:?}");
            };
            assert_eq!(answer.doubtful, doubtful, "{width} {before:?}");
        }
    }
}
