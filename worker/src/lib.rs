//! The worker: an engine that carries steps from message to message, one file for each acting
//! state, and the ways to switches (SSH) and to EFA (HTTPS).

pub mod check;
pub mod config;
mod context;
pub mod efa;
pub mod effect;
mod engine;
mod outcome;
mod panics;
pub mod permit;
pub mod points;
mod remedy;
pub mod secrets;
pub mod sites;
pub mod slx;
mod states;
pub mod versions;
pub mod worker;

pub use context::Surroundings;
pub use engine::{Courier, Engine, Verdict};
