//! Why a switch's host key is not trusted: each cause with what to do about it.

use std::path::PathBuf;

/// What is wrong with a host key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untrusted {
    /// The file can't be used.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// The file has no key of this host.
    Unknown {
        /// The file.
        path: PathBuf,
        /// The key that the switch showed.
        shown: ShownKey,
    },
    /// The file has keys of this host, of other types only.
    OtherType {
        /// The file.
        path: PathBuf,
        /// The lines that have them.
        lines: Vec<usize>,
        /// The key that the switch showed.
        shown: ShownKey,
    },
    /// The file has another key of this host, of the same type.
    Changed {
        /// The file.
        path: PathBuf,
        /// The lines that have it.
        lines: Vec<usize>,
        /// The key that the switch showed.
        shown: ShownKey,
    },
    /// The file says that this key is revoked.
    Revoked {
        /// The file.
        path: PathBuf,
        /// The line that says so.
        line: usize,
        /// The key that the switch showed.
        shown: ShownKey,
    },
    /// A line of the file is for this host, and has a marker that is not understood.
    Marker {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The marker.
        marker: String,
    },
    /// The switch showed a certificate, which was not asked for.
    Certificate,
}

/// A host key as a switch showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownKey {
    /// Its type: `ssh-ed25519`.
    pub kind: String,
    /// Its fingerprint: `SHA256:…`.
    pub fingerprint: String,
}

impl std::fmt::Display for ShownKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.fingerprint)
    }
}

impl Untrusted {
    /// What to do next.
    pub fn remedy(&self) -> &'static str {
        match self {
            Untrusted::File { .. } => {
                "give the workers a known_hosts file that they can read (slx.known_hosts)"
            }
            Untrusted::Unknown { .. } | Untrusted::OtherType { .. } => {
                "compare the fingerprint with the switch's own, and add the key to the workers' \
                 known_hosts file if it is right"
            }
            Untrusted::Changed { .. } => {
                "find out why the key is another one; if the switch was replaced, put its new key \
                 in place of the old one into the workers' known_hosts file"
            }
            Untrusted::Revoked { .. } => {
                "give the switch a new host key and add that to the workers' known_hosts file; a \
                 revoked key may be in somebody else's hands"
            }
            Untrusted::Marker { .. } => {
                "take this line out of the workers' known_hosts file, or narrow its host names, \
                 and add the switch's own key; @revoked is the only marker that is understood"
            }
            Untrusted::Certificate => "let the switch show a host key",
        }
    }
}

impl std::fmt::Display for Untrusted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Untrusted::File { path, what } => {
                write!(f, "{} can't be used: {what}", path.display())
            }
            Untrusted::Unknown { path, shown } => {
                write!(
                    f,
                    "{} has no key of this host; it shows {shown}",
                    path.display()
                )
            }
            Untrusted::OtherType { path, lines, shown } => write!(
                f,
                "{} has only keys of other types of this host ({}); it shows {shown}",
                path.display(),
                listed(lines)
            ),
            Untrusted::Changed { path, lines, shown } => write!(
                f,
                "it changed: {} has another key ({}); it shows {shown}",
                path.display(),
                listed(lines)
            ),
            Untrusted::Revoked { path, line, shown } => write!(
                f,
                "{} says in line {line} that {shown} is revoked",
                path.display()
            ),
            Untrusted::Marker { path, line, marker } => write!(
                f,
                "line {line} of {} is for this host and has the marker {marker:?}, which is not \
                 understood",
                path.display()
            ),
            Untrusted::Certificate => f.write_str("it is a certificate, not a key"),
        }
    }
}

/// `line 3`, `lines 3, 7`.
fn listed(lines: &[usize]) -> String {
    let numbers: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let noun = if numbers.len() == 1 { "line" } else { "lines" };
    format!("{noun} {}", numbers.join(", "))
}
