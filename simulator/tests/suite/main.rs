//! The simulator from outside: a real SSH client, a real HTTPS client.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod api;
mod api_faults;
mod binary;
mod cli;
mod cli_faults;
mod control;
mod fleet;
mod lifecycle;
mod scale;
mod support;
mod support_api;
