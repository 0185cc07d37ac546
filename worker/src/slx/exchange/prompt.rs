//! A prompt, taken apart.

use crate::slx::dialect::Pattern;

pub(super) struct Prompt {
    /// The switch's own name.
    pub name: String,
    /// What stands in parentheses: empty in exec mode.
    pub mode: String,
    /// What follows both.
    pub ending: String,
}

impl Prompt {
    /// Reads a line that is a prompt, of the switch with this name if one is known.
    pub(super) fn read(pattern: &Pattern, text: &str, known: Option<&str>) -> Option<Self> {
        let found = pattern.captures(text)?;
        let group = |name| found.name(name).map_or("", |part| part.as_str()).to_owned();
        let (name, mode) = (group("name"), group("mode"));
        let end = ["name", "mode"].map(|part| found.name(part).map_or(0, |part| part.end()));
        let ending = text.get(end.into_iter().max()?..)?.to_owned();
        let expected = known.is_none_or(|known| known == name);
        expected.then_some(Self { name, mode, ending })
    }
}
