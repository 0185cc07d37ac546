//! Upgrades from request to finish, through real processes and services.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod checks;
mod dead_letters;
mod drain;
mod due;
mod envelope;
mod happy;
mod operator;
mod remedies;
mod requests;
mod secret_names;
mod secrets;
mod strays;
mod traps;
mod unread;
mod validations;
mod verdicts;
