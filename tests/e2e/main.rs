//! Upgrades from request to finish, through real processes and services.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod checks;
mod dead_letters;
mod drain;
mod failures;
mod happy;
mod kills;
mod lost_replies;
mod operator;
mod redelivery;
mod requests;
mod retries;
mod traps;
mod validations;
