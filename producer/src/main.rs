//! `tpvm-upgrade`: see the crate's documentation, or `tpvm-upgrade --help`.

use std::io::{self, Write};
use std::process;

use producer::Exit;

fn main() {
    if let Err(error) = broker::deepen_stacks() {
        fail(&format!("can't start anew with deeper stacks: {error}"));
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => fail(&format!("can't start threads: {error}")),
    };
    let exit = runtime.block_on(producer::run());
    // Not by the end of `main`: it would shut the runtime down while a connection that was just
    // given up is still ending in a thread of the AMQP library, which panics without a runtime.
    process::exit(i32::from(exit as u8));
}

fn fail(problem: &str) -> ! {
    // Nothing is left to tell it to when even this fails.
    let _ = writeln!(io::stderr(), "error: {problem}");
    process::exit(i32::from(Exit::Unavailable as u8));
}
