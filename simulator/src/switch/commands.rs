//! The command line: what the words of a line mean in each mode.

use super::config::{ItemError, TpvmConfig, item_name};

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Exec,
    Config,
    ConfigTpvm,
}

impl Mode {
    pub(crate) fn prompt(self, name: &str) -> String {
        match self {
            Mode::Exec => format!("{name}# "),
            Mode::Config => format!("{name}(config)# "),
            Mode::ConfigTpvm => format!("{name}(config-tpvm-TPVM)# "),
        }
    }
}

/// Where an image comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) protocol: String,
    pub(crate) host: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) directory: String,
    pub(crate) filename: String,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    ShowVersion,
    ShowChassis,
    ShowStatus,
    ShowTpvmVersion,
    ShowIpAddress,
    ShowSnapshot,
    ShowConfig,
    TerminalLength(u16),
    /// Whether log lines are written into the session.
    Monitor(bool),
    Upgrade(Source),
    Revert,
    Start,
    Stop,
    ClearTag(String),
    Configure,
    EnterTpvm,
    Item(&'static str, Vec<String>),
    Deploy,
    End,
    Exit,
}

/// A line that is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyntaxError {
    /// The word at this index is not known there.
    UnknownArgument(usize),
    /// The word at this index names nothing.
    NoElement(usize),
    /// Words are missing.
    Incomplete,
}

impl Command {
    /// The name for faults and books.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Command::ShowVersion => "show-version",
            Command::ShowChassis => "show-chassis",
            Command::ShowStatus => "show-tpvm-status",
            Command::ShowTpvmVersion => "show-tpvm-version",
            Command::ShowIpAddress => "show-tpvm-ip-address",
            Command::ShowSnapshot => "show-tpvm-snapshot",
            Command::ShowConfig => "show-running-config-tpvm",
            Command::TerminalLength(_) => "terminal-length",
            Command::Monitor(_) => "terminal-monitor",
            Command::Upgrade(_) => "tpvm-upgrade",
            Command::Revert => "tpvm-revert",
            Command::Start => "tpvm-start",
            Command::Stop => "tpvm-stop",
            Command::ClearTag(_) => "tpvm-clear-tag",
            Command::Configure => "configure-terminal",
            Command::EnterTpvm => "config:tpvm",
            Command::Item(name, _) => name,
            Command::Deploy => "deploy",
            Command::End => "end",
            Command::Exit => "exit",
        }
    }

    /// Whether the device asks before it does it.
    pub(crate) fn asks(&self) -> bool {
        matches!(self, Command::Upgrade(_) | Command::Revert)
    }

    /// Understands the words of a line.
    pub(crate) fn parse(mode: Mode, words: &[String]) -> Result<Self, SyntaxError> {
        let line: Vec<&str> = words.iter().map(String::as_str).collect();
        match (mode, line.as_slice()) {
            (_, ["exit"]) => Ok(Command::Exit),
            (Mode::Config | Mode::ConfigTpvm, ["end"]) => Ok(Command::End),
            (Mode::Exec, line) => exec(line),
            (Mode::Config, ["tpvm", "TPVM"]) => Ok(Command::EnterTpvm),
            (Mode::Config, ["tpvm", _, ..]) => Err(SyntaxError::NoElement(1)),
            (Mode::Config, _) => Err(SyntaxError::UnknownArgument(0)),
            (Mode::ConfigTpvm, ["deploy"]) => Ok(Command::Deploy),
            (Mode::ConfigTpvm, _) => item(words),
        }
    }
}

fn exec(line: &[&str]) -> Result<Command, SyntaxError> {
    use SyntaxError::{Incomplete, NoElement, UnknownArgument};
    Ok(match line {
        ["show", "version"] => Command::ShowVersion,
        ["show", "chassis"] => Command::ShowChassis,
        ["show", "tpvm", "status"] => Command::ShowStatus,
        ["show", "tpvm", "version"] => Command::ShowTpvmVersion,
        ["show", "tpvm", "ip-address"] => Command::ShowIpAddress,
        ["show", "tpvm", "snapshot"] => Command::ShowSnapshot,
        ["show", "running-config", "tpvm"] => Command::ShowConfig,
        ["show", "running-config", _, ..] => return Err(NoElement(2)),
        ["show", "tpvm", _, ..] => return Err(UnknownArgument(2)),
        ["show"] | ["show", "tpvm" | "running-config"] => return Err(Incomplete),
        ["show", ..] => return Err(UnknownArgument(1)),
        ["terminal", "length", lines] => {
            Command::TerminalLength(lines.parse().map_err(|_| UnknownArgument(2))?)
        }
        ["terminal", "monitor"] => Command::Monitor(true),
        ["no", "terminal", "monitor"] => Command::Monitor(false),
        ["configure", "terminal"] => Command::Configure,
        ["tpvm", "upgrade", arguments @ ..] => upgrade(arguments)?,
        ["tpvm", "revert"] => Command::Revert,
        ["tpvm", "start"] => Command::Start,
        ["tpvm", "stop"] => Command::Stop,
        ["tpvm", "show", "status", "clear-tag", tag] => Command::ClearTag((*tag).to_owned()),
        ["tpvm"] | ["tpvm", "show", ..] | ["terminal"] | ["configure"] => return Err(Incomplete),
        ["tpvm" | "terminal" | "configure", ..] => return Err(UnknownArgument(1)),
        _ => return Err(UnknownArgument(0)),
    })
}

fn upgrade(arguments: &[&str]) -> Result<Command, SyntaxError> {
    let keywords = [
        "protocol",
        "host",
        "user",
        "password",
        "directory",
        "filename",
    ];
    let wrong = arguments
        .iter()
        .step_by(2)
        .zip(keywords)
        .position(|(word, keyword)| *word != keyword);
    if let Some(pair) = wrong {
        return Err(SyntaxError::UnknownArgument(2 + 2 * pair));
    }
    match arguments {
        [
            _,
            protocol @ ("scp" | "sftp"),
            _,
            host,
            _,
            user,
            _,
            password,
            _,
            directory,
            _,
            filename,
        ] => Ok(Command::Upgrade(Source {
            protocol: (*protocol).to_owned(),
            host: (*host).to_owned(),
            user: (*user).to_owned(),
            password: (*password).to_owned(),
            directory: (*directory).to_owned(),
            filename: (*filename).to_owned(),
        })),
        [_, _, _, _, _, _, _, _, _, _, _, _] => Err(SyntaxError::UnknownArgument(3)),
        [_, _, _, _, _, _, _, _, _, _, _, _, ..] => Err(SyntaxError::UnknownArgument(14)),
        _ => Err(SyntaxError::Incomplete),
    }
}

fn item(words: &[String]) -> Result<Command, SyntaxError> {
    match (item_name(words), TpvmConfig::default().set(words)) {
        (Some(name), Ok(())) => Ok(Command::Item(name, words.to_vec())),
        (_, Err(ItemError::Incomplete)) => Err(SyntaxError::Incomplete),
        (Some(_), Err(ItemError::Unexpected(at))) => Err(SyntaxError::UnknownArgument(at)),
        (None, _) => Err(SyntaxError::UnknownArgument(0)),
    }
}

/// The line as it may be remembered: whatever follows the word `password` is masked.
pub(crate) fn masked(words: &[String]) -> String {
    let mut secret = false;
    let shown: Vec<&str> = words
        .iter()
        .map(|word| {
            let mask = std::mem::replace(&mut secret, word == "password");
            if mask { "****" } else { word.as_str() }
        })
        .collect();
    shown.join(" ")
}
