//! The access to switches, against simulated switches over real SSH.

#[path = "slx/commands.rs"]
mod commands;
#[path = "slx/faults.rs"]
mod faults;
#[path = "slx/keyboard.rs"]
mod keyboard;
#[path = "support/lab.rs"]
mod lab;
#[path = "slx/login.rs"]
mod login;
#[path = "slx/profiles.rs"]
mod profiles;
