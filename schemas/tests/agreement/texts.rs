//! Texts at the edges of a pattern.

use regex_syntax::hir::{Class, Hir, HirKind};

/// No more than this many of one pattern, or of one part of it.
const MOST: usize = 400;

/// Texts that match a pattern: each part of it at its edges, while the others stay the same.
pub fn matching(pattern: &str) -> Vec<String> {
    let mut all = of(&regex_syntax::parse(pattern).unwrap());
    all.dedup();
    all
}

fn of(hir: &Hir) -> Vec<String> {
    let mut all = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8(literal.0.to_vec()).unwrap()],
        HirKind::Class(class) => edges(class),
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Alternation(parts) => parts.iter().flat_map(of).collect(),
        HirKind::Concat(parts) => concatenated(&parts.iter().map(of).collect::<Vec<_>>()),
        HirKind::Repetition(repetition) => {
            let (min, max) = (repetition.min, repetition.max);
            let one = of(&repetition.sub);
            let counts = [min, min + 1, min + 2, max.unwrap_or(min + 3)];
            let counts = counts
                .into_iter()
                .filter(|count| max.is_none_or(|max| *count <= max));
            counts
                .flat_map(|count| match count {
                    0 => vec![String::new()],
                    count => concatenated(&vec![one.clone(); count as usize]),
                })
                .collect()
        }
    };
    all.sort();
    all.dedup();
    if all.len() > MOST {
        // Evenly, and always the same ones.
        let step = all.len().div_ceil(MOST);
        all = all.into_iter().step_by(step).collect();
    }
    all
}

/// The first and the last character of each range.
fn edges(class: &Class) -> Vec<String> {
    match class {
        Class::Unicode(class) => class
            .iter()
            .flat_map(|range| [range.start(), range.end()])
            .map(String::from)
            .collect(),
        Class::Bytes(_) => panic!("a pattern of bytes"),
    }
}

/// Each part in all its forms, the others in their first.
fn concatenated(parts: &[Vec<String>]) -> Vec<String> {
    let mut all = Vec::new();
    for (varied, forms) in parts.iter().enumerate() {
        for form in forms {
            let text = parts.iter().enumerate().map(|(n, forms)| {
                if n == varied {
                    form.as_str()
                } else {
                    forms[forms.len() / 2].as_str()
                }
            });
            all.push(text.collect());
        }
    }
    all
}

/// What a text may be mistaken for: one character more, less, doubled or another, in each place.
pub fn mutants(text: &str) -> Vec<String> {
    const CHARACTERS: [char; 40] = [
        '0', '1', '9', 'a', 'f', 'g', 'z', 'A', 'F', 'Z', '.', '-', '_', '/', ':', '+', '~', ',',
        '=', '$', ' ', '\t', '\n', '\r', '\0', '\u{7f}', '\u{85}', ';', '%', '@', '"', '\\', '{',
        '[', 'é', '\u{212a}', '\u{2028}', '\u{202e}', '\u{ff0e}', '💥',
    ];
    let characters: Vec<char> = text.chars().collect();
    let mut all = vec![
        text.to_uppercase(),
        text.to_lowercase(),
        text.repeat(2),
        text.chars().rev().collect(),
    ];
    let len = characters.len();
    // Long ones at their ends and in the middle.
    let places = (0..=len).filter(|place| len < 48 || *place < 12 || *place + 12 > len);
    for place in places {
        let (head, tail) = characters.split_at(place);
        let with = |middle: &[char], tail: &[char]| {
            [head, middle, tail]
                .concat()
                .into_iter()
                .collect::<String>()
        };
        for c in CHARACTERS {
            all.push(with(&[c], tail));
            if let [_, rest @ ..] = tail {
                all.push(with(&[c], rest));
            }
        }
        if let [first, rest @ ..] = tail {
            all.push(with(&[], rest));
            all.push(with(&[*first, *first], rest));
        }
        all.push(with(&[], &[]));
    }
    all
}
