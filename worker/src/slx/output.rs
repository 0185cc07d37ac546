//! What the answers of a switch mean. Whatever no pattern of the dialect knows is unknown, never
//! a success.

use std::net::IpAddr;

use super::dialect::{Dialect, Pattern};
use super::{Phase, Severity, Tag, TpvmStatus};
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
    let found = dialect.output.slx_version.captures(output);
    let found = found.and_then(|found| found.name("version"));
    let text = found.ok_or(Misread::Unknown)?.as_str();
    text.parse().map_err(invalid)
}

pub(super) fn tpvm_version(
    dialect: &Dialect,
    output: &str,
) -> Result<Option<TpvmVersion>, Misread> {
    let found = dialect.output.tpvm_version.captures(output);
    match found.and_then(|found| found.name("version")) {
        Some(text) => text.as_str().parse().map(Some).map_err(invalid),
        None if dialect.output.no_tpvm_version.is_match(output) => Ok(None),
        None => Err(Misread::Unknown),
    }
}

/// Exactly one phase must be told. Lines that are neither a phase nor a tag are left out: a hint
/// about clearing tags is one of them.
pub(super) fn tpvm_status(dialect: &Dialect, output: &str) -> Result<TpvmStatus, Misread> {
    let patterns = &dialect.output.status;
    let working = patterns.working.captures(output).map(|found| {
        let group = |name| found.name(name).map(|text| text.as_str().to_owned());
        let work = group("work").unwrap_or_default();
        Phase::Working(match group("phase") {
            Some(phase) => format!("{work}: {phase}"),
            None => work,
        })
    });
    let simple = |pattern: &Pattern, phase| pattern.is_match(output).then_some(phase);
    let phases = [
        simple(&patterns.not_installed, Phase::NotInstalled),
        simple(&patterns.stopped, Phase::Stopped),
        simple(&patterns.running, Phase::Running),
        working,
    ];
    let mut phases = phases.into_iter().flatten();
    match (phases.next(), phases.next()) {
        (Some(phase), None) => Ok(TpvmStatus {
            phase,
            tags: output
                .lines()
                .filter_map(|line| tag(dialect, line))
                .collect(),
        }),
        _ => Err(Misread::Unknown),
    }
}

fn tag(dialect: &Dialect, line: &str) -> Option<Tag> {
    let patterns = &dialect.output.status;
    let kinds = [
        (&patterns.error_tag, Severity::Error),
        (&patterns.warning_tag, Severity::Warning),
    ];
    kinds.into_iter().find_map(|(pattern, severity)| {
        let found = pattern.captures(line.trim())?;
        Some(Tag {
            name: found.name("name")?.as_str().to_owned(),
            severity,
            text: found.name("text")?.as_str().to_owned(),
        })
    })
}

/// The TPVM's addresses, those of the management interface first.
pub(super) fn tpvm_ips(dialect: &Dialect, output: &str) -> Result<Vec<IpAddr>, Misread> {
    let patterns = &dialect.output.addresses;
    let mut headings = 0;
    let (mut management, mut others) = (Vec::new(), Vec::new());
    for line in output
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        if patterns.heading.is_match(line) {
            headings += 1;
            continue;
        }
        let found = patterns.address.captures(line).ok_or(Misread::Unknown)?;
        let group = |name| found.name(name).map_or("", |text| text.as_str());
        let ip = group("address").parse();
        let ip = ip.map_err(|_| Misread::Invalid("an address is no IP address".to_owned()))?;
        if group("interface") == patterns.management {
            management.push(ip);
        } else {
            others.push(ip);
        }
    }
    if headings == 0 {
        return Err(Misread::Unknown);
    }
    management.append(&mut others);
    Ok(management)
}

pub(super) fn snapshot(dialect: &Dialect, output: &str) -> Result<Option<String>, Misread> {
    let patterns = &dialect.output.snapshot;
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
