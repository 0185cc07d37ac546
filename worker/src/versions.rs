//! The version numbers of SLX-OS and of TPVM images, and their order.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A version text that fits no known form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what} version, such as {example}")]
pub struct InvalidVersion {
    what: &'static str,
    example: &'static str,
    text: String,
}

/// An SLX-OS version: three numbers and a suffix (`20.3.2a`), a release of the older trains
/// (`18r.1.00h`, `18.1`, `nos7.3.0`), or a nightly build (`20.2.3slxos20.2.3b`, which counts as
/// `20.2.3b`). A number that is left out counts as 0.
/// Ordered by the numbers, then by the suffix; no suffix comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlxVersion {
    numbers: [u32; 3],
    suffix: String,
    text: String,
}

impl FromStr for SlxVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        slx(text).ok_or_else(|| InvalidVersion {
            what: "SLX-OS",
            example: "20.3.2a",
            text: text.chars().take(64).collect(),
        })
    }
}

fn slx(text: &str) -> Option<SlxVersion> {
    let (release, build) = match text.split_once("slxos") {
        Some((release, build)) if !release.is_empty() => (release, Some(slx(build)?)),
        _ => (text, None),
    };
    let release = release.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let mut parts = release.splitn(3, '.');
    let major = parts.next()?;
    let (minor, patch) = (parts.next()?, parts.next());
    // Without a third number the suffix follows the second.
    let (minor, patch) = match patch {
        Some(patch) => (number(minor)?, patch),
        None => {
            let end = minor.find(|c: char| !c.is_ascii_digit());
            let (minor, suffix) = minor.split_at(end.unwrap_or(minor.len()));
            (number(minor)?, suffix)
        }
    };
    let major = number(major.strip_suffix(['r', 's']).unwrap_or(major))?;
    let end = patch
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(patch.len());
    let (patch, suffix) = patch.split_at(end);
    if !suffix
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    {
        return None;
    }
    let patch_number = match (patch, release.matches('.').count()) {
        ("", 1) => 0,
        (patch, _) => number(patch)?,
    };
    Some(SlxVersion {
        numbers: [major, minor, patch_number],
        suffix: build.map_or_else(|| suffix.to_owned(), |build| build.suffix),
        text: text.to_owned(),
    })
}

/// Digits only: `u32::from_str` would take a plus sign too.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

impl fmt::Display for SlxVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The version of a TPVM image: dotted numbers, as `4.2.4`. Zeros at the end don't count in a
/// comparison.
#[derive(Clone, Debug)]
pub struct TpvmVersion(Vec<u32>);

impl TpvmVersion {
    fn significant(&self) -> &[u32] {
        let end = self.0.iter().rposition(|&number| number != 0);
        self.0.get(..end.map_or(0, |end| end + 1)).unwrap_or(&[])
    }
}

impl FromStr for TpvmVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split('.')
            .map(number)
            .collect::<Option<Vec<u32>>>()
            .map(Self)
            .ok_or_else(|| InvalidVersion {
                what: "TPVM",
                example: "4.2.4",
                text: text.chars().take(64).collect(),
            })
    }
}

impl fmt::Display for TpvmVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

impl PartialEq for TpvmVersion {
    fn eq(&self, other: &Self) -> bool {
        self.significant() == other.significant()
    }
}

impl Eq for TpvmVersion {}

impl PartialOrd for TpvmVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TpvmVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.significant().cmp(other.significant())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn slx(text: &str) -> SlxVersion {
        text.parse().unwrap()
    }

    fn tpvm(text: &str) -> TpvmVersion {
        text.parse().unwrap()
    }

    #[test]
    fn slx_versions_are_ordered_by_numbers_then_suffix() {
        let ascending = [
            "nos6.0.2b",
            "7.3.0aa",
            "17s.1",
            "17r.1.01a",
            "17s.1.02",
            "18.1",
            "18.1a",
            "18r.1.00h",
            "slxos20.1.1",
            "20.2.3",
            "20.2.3slxos20.2.3b",
            "20.2.10",
            "20.3.2",
            "20.3.2a",
            "20.3.2fb",
            "20.3.4a",
            "20.4.1",
            "20.4.1ca",
            "21.1.0",
        ];
        for pair in ascending.windows(2) {
            assert!(slx(pair[0]) < slx(pair[1]), "{pair:?}");
        }
        assert!(slx("20.2.3slxos20.2.3b") >= slx("20.2.3b"));
        assert!(slx("20.3.2a") >= slx("20.3.2a"));
    }

    #[test]
    fn slx_versions_print_as_they_were_read() {
        for text in ["20.3.2a", "18r.1.00h", "20.2.3slxos20.2.3b", "20.4.1ca"] {
            assert_eq!(slx(text).to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_no_slx_version() {
        for text in [
            "",
            "20",
            "current",
            "nos",
            ".3.2",
            "20..2",
            "20.x",
            "a.b.c",
            "20.3.",
            "20.3.2 a",
            "20.+3.2",
            "20.3.99999999999",
            "20.3.2a;x",
        ] {
            assert!(text.parse::<SlxVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn tpvm_versions_are_ordered_by_number() {
        assert!(tpvm("4.2.4") < tpvm("4.2.5"));
        assert!(tpvm("4.2.9") < tpvm("4.2.10"));
        assert!(tpvm("4.2") < tpvm("4.2.1"));
        assert_eq!(tpvm("4.2"), tpvm("4.2.0"));
        assert_eq!(tpvm("4.2.0").to_string(), "4.2.0");
        for text in ["", "4.", "4..2", "v4.2", "4.2.5-0", "4.+2"] {
            assert!(text.parse::<TpvmVersion>().is_err(), "{text}");
        }
    }
}
