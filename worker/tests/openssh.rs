//! The access to switches, against a real OpenSSH server whose shell is a switch's command line.

#[path = "openssh/algorithms.rs"]
mod algorithms;
#[path = "openssh/connect.rs"]
mod connect;
#[path = "openssh/leaf.rs"]
mod leaf;
#[path = "openssh/login.rs"]
mod login;
#[path = "openssh/shell.rs"]
mod shell;
