//! Texts that others wrote, made fit for a terminal: it obeys control characters, and characters
//! that turn the direction of writing make a text look like another one.

/// The longest word that is shown, in characters.
const LONGEST_WORD: usize = 300;

/// Whether a terminal, or the eye, would be led astray.
pub fn is_unsafe(c: char) -> bool {
    let turns_direction = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || turns_direction
}

/// The text with a blank for each such character. Line ends stay.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if is_unsafe(c) && c != '\n' { ' ' } else { c })
        .collect()
}

/// A text for people that may quote what they typed: [`printable`], and of very long words only the
/// beginning.
pub fn quotable(text: &str) -> String {
    printable(text)
        .split_inclusive([' ', '\n'])
        .map(|word| match word.char_indices().nth(LONGEST_WORD) {
            Some((end, _)) => {
                let rest = word.trim_end_matches([' ', '\n']).len();
                format!("{}…{}", &word[..end], &word[rest..])
            }
            None => word.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_a_word_is_very_long_then_its_beginning_is_shown() {
        let long = "ü".repeat(10_000);
        let shown = quotable(&format!("error: {long} is wrong\nnext: {long}\n"));
        let begun = "ü".repeat(LONGEST_WORD);
        assert_eq!(shown, format!("error: {begun}… is wrong\nnext: {begun}…\n"));
        assert_eq!(quotable("a\u{1b}[31m b\n"), "a [31m b\n");
    }
}
