//! Room for whatever a broker may hand out.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::{env, io};

/// Read by Rust's standard library: the stack of each thread whose starter does not choose one.
const VARIABLE: &str = "RUST_MIN_STACK";

/// A header fits into one frame, 128 KiB by RabbitMQ's default, and so nests 26,214 levels deep at
/// most. Reading that many took less than 48 MiB, in a debug build less than 256 MiB.
const ENOUGH_BYTES: usize = if cfg!(debug_assertions) {
    512 * 1024 * 1024
} else {
    96 * 1024 * 1024
};

/// Starts this program anew, in the same process, unless its threads have stacks that hold the
/// most deeply nested headers. Call it first of all.
///
/// The AMQP library follows nested headers by recursion, in a thread that it starts itself. With
/// the usual stack of 2 MiB, one message of 10 KB would end the process, and then each process that
/// it is delivered to next. Only the environment reaches that thread. Stacks are reserved, and take
/// memory where they are used only.
///
/// # Errors
/// When the program can't be started anew.
pub fn deepen_stacks() -> io::Result<()> {
    let given = env::var(VARIABLE).ok();
    let given = given.and_then(|bytes| bytes.parse::<usize>().ok());
    if given.is_some_and(|bytes| bytes >= ENOUGH_BYTES) {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let mut anew = Command::new(env::current_exe()?);
    if let Some(name) = arguments.next() {
        anew.arg0(name);
    }
    anew.args(arguments);
    anew.env(VARIABLE, ENOUGH_BYTES.to_string());
    Err(anew.exec())
}
