//! `tpvm-upgrade`: see the crate's documentation, or `tpvm-upgrade --help`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    producer::run().await
}
