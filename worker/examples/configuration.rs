//! Prints the configuration reference.
#![allow(clippy::print_stdout)]

fn main() {
    print!("{}", worker::config::reference());
}
