//! The known hard spots, each settled and held: one file for each spot or family of spots, which
//! its first lines state.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod away;
mod blocked;
#[allow(dead_code, reason = "shared with the end-to-end tests")]
#[path = "../e2e/checks.rs"]
mod checks;
mod clocks;
mod copies;
mod deadlines;
mod deleted;
mod exhausted;
mod full;
mod headers;
mod intents;
mod listeners;
mod logins;
mod many;
mod parts;
mod permissions;
mod poison;
mod policies;
mod postgres;
mod replies;
mod returned;
mod stalled;
mod support;
mod versions;
