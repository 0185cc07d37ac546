//! The worker.
pub mod effect;
pub mod efa;
pub mod secrets;
pub mod slx;
pub mod versions;
