//! Whether the patterns and templates of a dialect have the names that are filled or read.

use std::collections::BTreeSet;

use super::{Dialect, Pattern};
use crate::slx::config::Item;

const UPGRADE_VALUES: [&str; 6] = ["protocol", "host", "user", "password", "directory", "file"];

impl Dialect {
    /// Finds the first key that lacks a name or has one that nothing fills: its path, and what
    /// it must name.
    pub(super) fn check_names(&self) -> Result<(), (String, String)> {
        let output = &self.output;
        let patterns: [(&str, &Pattern, &[&str]); 9] = [
            ("session.prompt", &self.session.prompt, &["name", "mode"]),
            ("output.slx_version", &output.slx_version, &["version"]),
            ("output.tpvm_version", &output.tpvm_version, &["version"]),
            (
                "output.status.working",
                &output.status.working,
                &["work", "phase"],
            ),
            (
                "output.status.error_tag",
                &output.status.error_tag,
                &["name", "text"],
            ),
            (
                "output.status.warning_tag",
                &output.status.warning_tag,
                &["name", "text"],
            ),
            (
                "output.addresses.address",
                &output.addresses.address,
                &["interface", "address"],
            ),
            (
                "output.snapshot.taken",
                &output.snapshot.taken,
                &["snapshot"],
            ),
            ("image.version", &self.image.version, &["version"]),
        ];
        for (key, pattern, names) in patterns {
            let found: BTreeSet<&str> = pattern.capture_names().flatten().collect();
            if found != names.iter().copied().collect() {
                return Err((key.to_owned(), names.join(", ")));
            }
        }
        if !self
            .commands
            .upgrade
            .names()
            .iter()
            .all(|name| UPGRADE_VALUES.contains(name))
        {
            let expected = format!("nothing but {}", UPGRADE_VALUES.join(", "));
            return Err(("commands.upgrade".to_owned(), expected));
        }
        for item in Item::ALL {
            let Some(syntax) = self.config.items.get(&item) else {
                return Err(("config.items".to_owned(), item.name().to_owned()));
            };
            let same =
                |found: BTreeSet<&str>, names: &[&str]| found == names.iter().copied().collect();
            let names = item.value_names();
            if !same(syntax.line.names(), names) || !same(syntax.line.flags(), item.flags()) {
                let names = if names.is_empty() {
                    "no value".to_owned()
                } else {
                    names.join(", ")
                };
                return Err((format!("config.items.{}", item.name()), names));
            }
        }
        Ok(())
    }
}
