//! What may be logged, whatever `RUST_LOG` says.

use tracing::{Level, Metadata};

/// The crates of this project, and the target of the points that tests stop workers at.
const OWN: [&str; 8] = [
    "broker",
    "endpoint",
    "ledger",
    "producer",
    "schemas",
    "tpvm",
    "tpvm_worker",
    "worker",
];

/// Libraries that log what they also return as errors, with bodies of messages in it.
const SILENT: [&str; 3] = ["lapin", "amq_protocol", "async_rs"];

/// Whether a line may be logged. Below the level of information, libraries print what goes over
/// their connections: bytes of logins, of statements and of messages. None of them may say more
/// than that, so that a password is in no log at any level.
pub fn may_log(metadata: &Metadata<'_>) -> bool {
    allowed(metadata.target(), *metadata.level())
}

fn allowed(target: &str, level: Level) -> bool {
    let root = target.split("::").next().unwrap_or(target);
    OWN.contains(&root)
        || (level <= Level::INFO && !SILENT.iter().any(|silent| root.starts_with(silent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_a_library_logs_then_it_says_no_more_than_information() {
        for target in ["sqlx_core::net", "russh::client", "rustls", "hyper_util"] {
            assert!(!allowed(target, Level::DEBUG) && !allowed(target, Level::TRACE));
            assert!(allowed(target, Level::INFO) && allowed(target, Level::ERROR));
        }
        for target in ["lapin::io_loop", "lapin", "amq_protocol_types::parsing"] {
            assert!(!allowed(target, Level::ERROR));
        }
        for target in ["worker::engine", "tpvm::point", "ledger", "broker::link"] {
            assert!(allowed(target, Level::TRACE));
        }
    }
}
