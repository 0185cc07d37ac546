//! Reading back the stable names of states, cases, outcomes and verdicts.

/// A name that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a known {what}")]
pub struct UnknownName {
    /// What was expected, for example "workflow state".
    pub what: &'static str,
    /// What was found.
    pub found: String,
}

/// The one of `all` whose slug is `text`.
pub(crate) fn find<T: Copy>(
    what: &'static str,
    all: &[T],
    slug: fn(T) -> &'static str,
    text: &str,
) -> Result<T, UnknownName> {
    let found = all.iter().copied().find(|value| slug(*value) == text);
    found.ok_or_else(|| UnknownName {
        what,
        found: text.to_owned(),
    })
}
