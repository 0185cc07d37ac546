//! What the answers of a switch mean. Whatever no pattern of the dialect knows is unknown, never
//! a success.

use super::dialect::{Dialect, Pattern};
use super::{Addresses, Phase, Severity, Tag, TpvmStatus};
use crate::versions::{SlxVersion, TpvmVersion};

/// An answer that can't be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misread {
    /// No pattern knows it.
    Unknown,
    /// A value in it is refused; which one and why, in words.
    Invalid(String),
}

/// How a switch took a command that changes something.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Busy,
    Refused,
    Unknown,
}

/// Whether the answer is an error that any command may have: busy or refused.
pub(super) fn error(dialect: &Dialect, output: &str) -> Option<Verdict> {
    let refused = |pattern: &Pattern| pattern.is_match(output);
    if !dialect.errors.refused.iter().any(refused) {
        return None;
    }
    Some(match dialect.errors.busy.is_match(output) {
        true => Verdict::Busy,
        false => Verdict::Refused,
    })
}

/// How the switch took a command whose acceptance looks like `accepted`. An accepted command is not
/// refused by what comes with it: that must be observed.
pub(super) fn verdict(dialect: &Dialect, output: &str, accepted: &Pattern) -> Verdict {
    match (accepted.is_match(output), error(dialect, output)) {
        (true, None) => Verdict::Accepted,
        (true, Some(_)) | (false, None) => Verdict::Unknown,
        (false, Some(error)) => error,
    }
}

pub(super) fn slx_version(dialect: &Dialect, output: &str) -> Result<SlxVersion, Misread> {
    only(&dialect.output.slx_version, "version", output)?
        .parse()
        .map_err(invalid)
}

/// What a pattern finds in an output, if it finds it everywhere alike: answers that ran into each
/// other may say several things.
fn only<'a>(pattern: &Pattern, name: &str, output: &'a str) -> Result<&'a str, Misread> {
    let found = pattern.captures_iter(output);
    let mut found = found.filter_map(|found| Some(found.name(name)?.as_str()));
    let first = found.next().ok_or(Misread::Unknown)?;
    match found.all(|other| other == first) {
        true => Ok(first),
        false => Err(Misread::Unknown),
    }
}

pub(super) fn tpvm_version(
    dialect: &Dialect,
    output: &str,
) -> Result<Option<TpvmVersion>, Misread> {
    let found = dialect.output.tpvm_version.captures(output.trim());
    match found.and_then(|found| found.name("version")) {
        Some(text) => text.as_str().parse().map(Some).map_err(invalid),
        None if dialect.output.no_tpvm_version.is_match(output) => Ok(None),
        None => Err(Misread::Unknown),
    }
}

/// Each line must be understood, and exactly one of them must tell the phase: a word that nobody
/// knows may say that something is wrong.
pub(super) fn tpvm_status(dialect: &Dialect, output: &str) -> Result<TpvmStatus, Misread> {
    let mut phases = Vec::new();
    let mut tags = Vec::new();
    for line in lines(output) {
        if let Some(found) = phase(dialect, line) {
            phases.push(found);
        } else if let Some(found) = tag(dialect, line) {
            tags.push(found);
        } else if !dialect.output.status.hint.is_match(line) {
            return Err(Misread::Unknown);
        }
    }
    match <[Phase; 1]>::try_from(phases) {
        Ok([phase]) => Ok(TpvmStatus { phase, tags }),
        Err(_) => Err(Misread::Unknown),
    }
}

fn lines(output: &str) -> impl Iterator<Item = &str> {
    let lines = output.lines().map(str::trim);
    lines.filter(|line| !line.is_empty())
}

fn phase(dialect: &Dialect, line: &str) -> Option<Phase> {
    let patterns = &dialect.output.status;
    let simple = [
        (&patterns.not_installed, Phase::NotInstalled),
        (&patterns.stopped, Phase::Stopped),
        (&patterns.running, Phase::Running),
    ];
    let simple = simple
        .into_iter()
        .find(|(pattern, _)| pattern.is_match(line));
    if let Some((_, phase)) = simple {
        return Some(phase);
    }
    let found = patterns.working.captures(line)?;
    let group = |name| found.name(name).map(|text| text.as_str().to_owned());
    let work = group("work").unwrap_or_default();
    Some(Phase::Working(match group("phase") {
        Some(phase) => format!("{work}: {phase}"),
        None => work,
    }))
}

fn tag(dialect: &Dialect, line: &str) -> Option<Tag> {
    let patterns = &dialect.output.status;
    let kinds = [
        (&patterns.error_tag, Severity::Error),
        (&patterns.warning_tag, Severity::Warning),
    ];
    kinds.into_iter().find_map(|(pattern, severity)| {
        let found = pattern.captures(line)?;
        Some(Tag {
            name: found.name("name")?.as_str().to_owned(),
            severity,
            text: found.name("text")?.as_str().to_owned(),
        })
    })
}

/// The TPVM's addresses. Each line must be understood: an expected address must not look absent
/// because its line was not.
pub(super) fn tpvm_ips(dialect: &Dialect, output: &str) -> Result<Addresses, Misread> {
    let patterns = &dialect.output.addresses;
    let mut headings = 0;
    let mut found = Addresses::default();
    for line in lines(output) {
        if patterns.heading.is_match(line) {
            headings += 1;
            continue;
        }
        let address = patterns.address.captures(line).ok_or(Misread::Unknown)?;
        let group = |name| address.name(name).map_or("", |text| text.as_str());
        let ip = group("address").parse();
        let ip = ip.map_err(|_| Misread::Invalid(format!("{line}: that is no IP address")))?;
        if headings == 0 {
            return Err(Misread::Unknown);
        }
        if group("interface") == patterns.management {
            found.management.push(ip);
        } else {
            found.others.push(ip);
        }
    }
    match headings {
        0 => Err(Misread::Unknown),
        _ => Ok(found),
    }
}

pub(super) fn snapshot(dialect: &Dialect, output: &str) -> Result<Option<String>, Misread> {
    let patterns = &dialect.output.snapshot;
    let mut lines = lines(output);
    let (Some(output), None) = (lines.next(), lines.next()) else {
        return Err(Misread::Unknown);
    };
    let taken = patterns.taken.captures(output);
    match taken.and_then(|found| Some(found.name("snapshot")?.as_str().trim_end().to_owned())) {
        Some(snapshot) => Ok(Some(snapshot)),
        None if patterns.none.is_match(output) => Ok(None),
        None => Err(Misread::Unknown),
    }
}

fn invalid(error: crate::versions::InvalidVersion) -> Misread {
    Misread::Invalid(error.to_string())
}

#[cfg(test)]
mod tests;
