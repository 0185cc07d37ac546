//! Whole answers of switches, cut in every way: the outcome must not depend on the packets.

use super::*;

/// What the switch sends, in turns: it waits for the worker's answer between two of them.
struct Transcript {
    name: &'static str,
    line: &'static str,
    may: May,
    turns: Vec<String>,
    /// What the worker sends between the turns.
    sent: Vec<&'static str>,
    /// The output, if the prompt comes back.
    output: Option<&'static str>,
}

/// The files in `transcripts`: a line with name, command and `asks` or `reads`, then the turns,
/// each parted by `=> what is sent`, and after `== ` the output. `\e`, `\r`, `\b` and `\n` stand for
/// control characters; line ends are CR LF.
fn transcripts() -> Vec<Transcript> {
    include_str!("transcripts.txt")
        .split("\n## ")
        .skip(1)
        .map(transcript)
        .collect()
}

fn plain(text: &str) -> String {
    text.replace("\\e", "\u{1b}")
        .replace("\\b", "\u{8}")
        .replace("\\r", "\r")
}

fn transcript(text: &'static str) -> Transcript {
    let (head, body) = text.split_once('\n').unwrap();
    let [name, line, may] = head.split(" | ").collect::<Vec<_>>()[..] else {
        panic!("{head}");
    };
    let (turns, output) = match body.split_once("\n== output\n") {
        Some((turns, output)) => (turns, Some(output.trim_end_matches('\n'))),
        None => (body.trim_end_matches('\n'), None),
    };
    let (mut sent, mut parts) = (Vec::new(), vec![Vec::new()]);
    for line in turns.split('\n') {
        match line.strip_prefix("=> ") {
            Some(answer) => {
                sent.push(answer);
                parts.push(Vec::new());
            }
            // A turn may begin or end with a line end.
            None if line == "\\n" => parts.last_mut().unwrap().push(String::new()),
            None => parts.last_mut().unwrap().push(plain(line)),
        }
    }
    Transcript {
        name,
        line,
        may: if may == "asks" { ASKS } else { READS },
        turns: parts.iter().map(|lines| lines.join("\r\n")).collect(),
        sent,
        output,
    }
}

/// Plays a transcript, each turn cut after these many bytes again and again.
fn play(transcript: &Transcript, mut size: impl FnMut() -> usize) -> (Vec<String>, Next) {
    let mut exchange = exchange(transcript.line, transcript.may);
    let mut sent = Vec::new();
    for turn in &transcript.turns {
        let mut rest = turn.as_bytes();
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(size().clamp(1, rest.len()));
            assert_eq!(exchange.take(piece), Next::Wait);
            rest = later;
        }
        match silence(&mut exchange) {
            Next::Send(answer) => sent.push(answer.trim_end_matches('\n').to_owned()),
            end => return (sent, end),
        }
    }
    (sent, Next::Wait)
}

#[test]
fn when_the_same_bytes_are_cut_differently_then_they_mean_the_same() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % 13).unwrap()
    };
    let transcripts = transcripts();
    assert!(transcripts.len() > 15, "{}", transcripts.len());
    for transcript in &transcripts {
        let name = transcript.name;
        let whole = play(transcript, || usize::MAX);
        assert_eq!(whole.0, transcript.sent, "{name}");
        match (&whole.1, transcript.output) {
            (Next::Done(answer), Some(output)) => {
                let lines: Vec<&str> = answer.text.lines().map(str::trim_end).collect();
                assert_eq!(lines.join("\n").trim_end(), output, "{name}");
            }
            (Next::Asks(_), None) => {}
            other => panic!("{name}: {other:?}"),
        }
        for size in 1..40 {
            assert_eq!(
                play(transcript, || size),
                whole,
                "{name} in pieces of {size}"
            );
        }
        for _ in 0..100 {
            assert_eq!(
                play(transcript, &mut random),
                whole,
                "{name} in random pieces"
            );
        }
    }
}
