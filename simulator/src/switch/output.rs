//! What the show commands print.

use std::fmt::Write as _;
use std::time::Duration;

use super::commands::SyntaxError;
use super::tpvm::Tpvm;
use crate::fleet::SwitchSpec;

pub(super) fn version(firmware: &str) -> String {
    format!(
        "SLX-OS Operating System Software\n\
         SLX-OS Operating System Version: {firmware}\n\
         Copyright (c) 1995-2026 Extreme Networks Inc.\n\
         Firmware name:      {firmware}\n\
         Build Time:         11:21:43 May 20, 2021\n\
         Install Time:       09:14:07 Jun 22, 2021\n\
         Kernel:             4.14.67\n\
         Host Version:       Ubuntu 18.04 LTS\n\
         Host Kernel:        Linux 4.14.67\n\
         \n\
         Control Processor:  QEMU Virtual CPU version 2.0.0\n\
         System Uptime:      15days 14hrs 36mins 57secs\n\
         \n\
         Name     Primary/Secondary Versions\n\
         ------------------------------------------\n\
         SLX-OS   {firmware}\n         \x20        {firmware}\n"
    )
}

/// More than a page, so that whoever forgets to turn paging off meets it.
pub(super) fn chassis(spec: &SwitchSpec) -> String {
    let mut text = format!(
        "Chassis Name:          {}\n\
         Chassis Backplane Revision: 1\n\
         switchType: {}\n\
         \n",
        spec.chassis, spec.model
    );
    for fan in 1..=6 {
        let _ = writeln!(text, "FAN  Unit: {fan}\nTime Awake:            16 days\n");
    }
    for supply in 1..=2 {
        let _ = writeln!(
            text,
            "POWER SUPPLY  Unit: {supply}\nFactory Part Num:      23-1000081-01\n\
             Time Awake:            16 days\n"
        );
    }
    text.push_str("CHASSIS/WWN  Unit: 1\nHeader Version:        2\nPower Consume Factor:  0\n");
    text
}

pub(super) fn status(tpvm: &Tpvm, upgrade: Duration) -> String {
    let auto_boot = tpvm.config.as_ref().is_some_and(|config| config.auto_boot);
    let auto_start = if auto_boot { "enabled" } else { "disabled" };
    let mut text = match (&tpvm.operation, &tpvm.guest) {
        (Some(operation), _) => operation.status(upgrade),
        (None, None) => "TPVM is not installed".to_owned(),
        (None, Some(guest)) if guest.running => {
            format!("TPVM is running, and AutoStart is {auto_start} on this host.")
        }
        (None, Some(_)) => {
            format!(
                "TPVM is installed but not running, and AutoStart is {auto_start} on this host."
            )
        }
    };
    for (tag, rest) in &tpvm.tags {
        let _ = write!(text, "\n[{tag}] {rest}");
    }
    text
}

pub(super) fn tpvm_version(tpvm: &Tpvm) -> String {
    match &tpvm.guest {
        Some(guest) => format!("TPVM Version: {}", guest.version),
        None => String::new(),
    }
}

pub(super) fn ip_address(tpvm: &Tpvm) -> String {
    let Some(guest) = tpvm.guest.as_ref().filter(|guest| guest.running) else {
        return "IPv4:\nIPv6:".to_owned();
    };
    let insight = tpvm
        .config
        .as_ref()
        .and_then(|config| config.insight.as_ref());
    let eth1 = insight
        .and_then(|interface| interface.ip.split_once('/'))
        .map(|(address, _)| format!("eth1 {address}\n"))
        .unwrap_or_default();
    let [_, _, third, fourth] = guest.ip.octets();
    format!(
        "IPv4:\neth0 {}\n{eth1}IPv6:\neth0 fe80::5054:ff:fe{third:02x}:{fourth:x}",
        guest.ip
    )
}

pub(super) fn snapshot(tpvm: &Tpvm) -> String {
    match &tpvm.snapshot {
        Some(snapshot) => format!(
            "Snapshot: {} taken {}",
            snapshot.guest.version,
            snapshot.taken.format("%Y-%m-%d %H:%M:%S")
        ),
        None => "No snapshot".to_owned(),
    }
}

pub(super) fn running_config(tpvm: &Tpvm) -> String {
    match &tpvm.config {
        Some(config) => config.lines().join("\n"),
        None => "% No entries found.".to_owned(),
    }
}

/// A line with a caret under the wrong word, and what is wrong.
pub(super) fn syntax_error(error: SyntaxError, prompt: &str, words: &[String]) -> String {
    let (at, text) = match error {
        SyntaxError::UnknownArgument(at) => (at, "syntax error: unknown argument."),
        SyntaxError::NoElement(at) => (at, "syntax error: element does not exist"),
        SyntaxError::Incomplete => return "%Error: incomplete command".to_owned(),
    };
    let column = prompt.len()
        + words
            .iter()
            .take(at)
            .map(|word| word.len() + 1)
            .sum::<usize>();
    format!("{}^\n{text}", "-".repeat(column))
}
