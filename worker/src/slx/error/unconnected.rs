//! Why there is no session with a switch: each cause with what to do about it.

use std::borrow::Cow;

use crate::slx::Mismatch;

/// Why there is no session, from the name of the host to the first prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unconnected {
    /// The host's name has no address.
    NameNotFound,
    /// Nothing listens on the port.
    Refused,
    /// There is no way to the address.
    Unreachable,
    /// The TCP connection was not answered.
    TcpTimeout,
    /// The TCP connection failed in another way.
    Tcp,
    /// Nothing was said on the connection.
    Silent,
    /// No SSH server named itself; what was said instead.
    NotAnSshServer(String),
    /// Another protocol is spoken there; what was said.
    OtherProtocol(String),
    /// There is no common algorithm.
    NoCommonAlgorithm(Mismatch),
    /// The SSH handshake failed.
    Handshake,
    /// The SSH handshake was not over in time.
    HandshakeTimeout,
    /// The connection ended before anything was sent that could be refused as a login; what the
    /// switch said to it.
    BeforeLogin(String),
    /// The switch did not say in time which logins it takes.
    BeforeLoginTimeout,
    /// The login was accepted, a channel was refused or not opened in time.
    NoChannel,
    /// The switch gives this user no terminal.
    NoTerminal,
    /// The switch gives this user no shell.
    NoShell,
    /// The shell ended before its first prompt; its last words.
    ShellEnded(String),
    /// The shell asks something; what.
    Question(String),
    /// What came last looks like a prompt, and is none of the dialect's.
    StrangePrompt(String),
    /// No prompt came in time; the last line.
    NoPrompt(String),
    /// There was more output before the first prompt than is accepted.
    TooMuchText(usize),
}

impl Unconnected {
    /// Whether connecting again may succeed without anyone's help. Permanent is what the switch,
    /// or whatever answers in its place, will say again the next time.
    pub fn is_transient(&self) -> bool {
        match self {
            // Name servers fail for a while, and answer no differently then.
            Unconnected::NameNotFound
            // A switch that restarts, or a network that converges.
            | Unconnected::Refused
            | Unconnected::Unreachable
            | Unconnected::TcpTimeout
            | Unconnected::Tcp
            | Unconnected::Silent
            // A server with too many connections says so in plain text, and closes.
            | Unconnected::NotAnSshServer(_)
            // The connection broke, or the switch is slow.
            | Unconnected::Handshake
            | Unconnected::HandshakeTimeout
            | Unconnected::BeforeLogin(_)
            | Unconnected::BeforeLoginTimeout
            // All sessions of the switch are taken.
            | Unconnected::NoChannel
            | Unconnected::NoTerminal
            | Unconnected::NoShell
            | Unconnected::ShellEnded(_)
            // Slow, or something unknown in between.
            | Unconnected::NoPrompt(_) => true,
            // A wrong port or address.
            Unconnected::OtherProtocol(_)
            // Settings.
            | Unconnected::NoCommonAlgorithm(_)
            | Unconnected::StrangePrompt(_)
            | Unconnected::TooMuchText(_)
            // Only a person may answer.
            | Unconnected::Question(_) => false,
        }
    }

    /// What to do next.
    pub fn remedy(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Unconnected::NameNotFound => {
                "correct the device's ssh_host in the inventory, or the name service that the \
                 workers use"
            }
            Unconnected::Refused => {
                "start the switch's SSH server, or correct the device's ssh_port in the inventory"
            }
            Unconnected::Unreachable => {
                "correct the device's address in the inventory, or the workers' route to it"
            }
            Unconnected::TcpTimeout => {
                "see whether the switch is up, and whether a firewall drops connections from the \
                 workers to it"
            }
            Unconnected::Tcp => "see to the network between the workers and the switch",
            Unconnected::Silent => {
                "see whether the device's ssh_port in the inventory is that of an SSH server, and \
                 whether the switch is overloaded"
            }
            Unconnected::NotAnSshServer(_) => {
                "see to what the other side says; if it is no SSH server, correct the device's \
                 address and ssh_port in the inventory"
            }
            Unconnected::OtherProtocol(_) => {
                "correct the device's address and ssh_port in the inventory, or enable SSH 2 on the \
                 switch"
            }
            Unconnected::NoCommonAlgorithm(mismatch) => return Cow::Owned(mismatch.remedy()),
            Unconnected::Handshake => {
                "look at the switch's log for the SSH connection; what is in between must not \
                 change it"
            }
            Unconnected::HandshakeTimeout | Unconnected::BeforeLoginTimeout => {
                "see why the switch is slow, or give it more time (slx.connect_timeout)"
            }
            Unconnected::BeforeLogin(_) => {
                "look at the switch's log: it ended the connection before any login"
            }
            Unconnected::NoChannel | Unconnected::NoShell => {
                "see whether all sessions of the switch are taken, and whether the user may use \
                 the command line"
            }
            Unconnected::NoTerminal => {
                "see whether all terminals of the switch are taken, and allow the user one"
            }
            Unconnected::ShellEnded(_) => {
                "log in by hand as this user, and see to what ends the session"
            }
            Unconnected::Question(_) => {
                "log in by hand as this user and answer what the switch asks"
            }
            Unconnected::StrangePrompt(_) => {
                "give the switch a host name of letters, digits and `-_.`, or make session.prompt \
                 of the workers' dialect file match its prompt"
            }
            Unconnected::NoPrompt(_) => {
                "log in by hand as this user: if a prompt comes, make session.prompt of the \
                 workers' dialect file match it, or give it more time (slx.connect_timeout)"
            }
            Unconnected::TooMuchText(_) => {
                "shorten the switch's login text, or accept more (slx.max_output)"
            }
        })
    }
}

impl std::fmt::Display for Unconnected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unconnected::NameNotFound => f.write_str("its name has no address"),
            Unconnected::Refused => f.write_str("nothing listens on this port"),
            Unconnected::Unreachable => f.write_str("there is no way to this address"),
            Unconnected::TcpTimeout => f.write_str("the TCP connection was not answered in time"),
            Unconnected::Tcp => f.write_str("the TCP connection failed"),
            Unconnected::Silent => {
                f.write_str("the connection was accepted, and nothing was said on it")
            }
            Unconnected::NotAnSshServer(said) if said.is_empty() => {
                f.write_str("the connection was closed before anything was said")
            }
            Unconnected::NotAnSshServer(said) => write!(
                f,
                "no SSH server named itself there; what answers said {said:?}"
            ),
            Unconnected::OtherProtocol(said) => {
                write!(f, "what answers there is no SSH 2 server; it said {said:?}")
            }
            Unconnected::NoCommonAlgorithm(mismatch) => mismatch.fmt(f),
            Unconnected::Handshake => f.write_str("the SSH handshake failed"),
            Unconnected::HandshakeTimeout => f.write_str("the SSH handshake was not over in time"),
            Unconnected::BeforeLogin(said) if said.is_empty() => {
                f.write_str("the switch ended the connection before any login")
            }
            Unconnected::BeforeLogin(said) => write!(
                f,
                "the switch ended the connection before any login, saying {said:?}"
            ),
            Unconnected::BeforeLoginTimeout => {
                f.write_str("the switch did not say in time which logins it takes")
            }
            Unconnected::NoChannel => f.write_str("the switch opened no channel for the session"),
            Unconnected::NoTerminal => f.write_str("the switch refused a terminal"),
            Unconnected::NoShell => f.write_str("the switch refused a shell"),
            Unconnected::ShellEnded(said) if said.is_empty() => {
                f.write_str("the shell ended before it said anything")
            }
            Unconnected::ShellEnded(said) => {
                write!(
                    f,
                    "the shell ended before its first prompt, saying {said:?}"
                )
            }
            Unconnected::Question(text) => {
                write!(f, "the switch asks something at the login: {text:?}")
            }
            Unconnected::StrangePrompt(line) => write!(
                f,
                "the prompt is not one that the dialect knows, or its host name is not: {line:?}"
            ),
            Unconnected::NoPrompt(line) if line.is_empty() => {
                f.write_str("no prompt came in time, nothing was received")
            }
            Unconnected::NoPrompt(line) => {
                write!(
                    f,
                    "no prompt came in time; the last line received: {line:?}"
                )
            }
            Unconnected::TooMuchText(bytes) => {
                write!(f, "more than {bytes} bytes came before the first prompt")
            }
        }
    }
}
