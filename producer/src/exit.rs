//! The exit codes: the part of the command line that scripts rely on.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done as asked.
    Done = 0,
    /// The upgrade that was followed ended, but not as asked; or not every dead letter was redriven
    /// or purged.
    EndedOtherwise = 1,
    /// The arguments, a file named by them or the settings can't be used. `clap` has this code too.
    Usage = 2,
    /// The request was rejected.
    Rejected = 3,
    /// No answer came in time.
    NoAnswer = 4,
    /// Postgres or RabbitMQ can't be reached or used.
    Unavailable = 5,
    /// There is no such execution, device or dead letter.
    NotFound = 6,
}

impl Exit {
    /// Every exit code with its meaning, as `--help` shows them.
    pub const TABLE: [(Exit, &str); 7] = [
        (Exit::Done, "done as asked"),
        (
            Exit::EndedOtherwise,
            "it ended, but not as asked (watch, execute --wait, dead-letters)",
        ),
        (
            Exit::Usage,
            "the arguments, a file or the settings can't be used",
        ),
        (Exit::Rejected, "the request was rejected: nothing is done"),
        (
            Exit::NoAnswer,
            "no answer in time: the upgrade may still run",
        ),
        (
            Exit::Unavailable,
            "Postgres or RabbitMQ can't be reached or used",
        ),
        (
            Exit::NotFound,
            "no such execution, device, upgrade or dead letter",
        ),
    ];

    /// The table in the form of a help text.
    pub(crate) fn help() -> String {
        let rows = Self::TABLE.map(|(exit, meaning)| format!("  {}  {meaning}\n", exit as u8));
        format!("Exit codes:\n{}", rows.concat())
    }
}
