//! A `known_hosts` file, read as OpenSSH reads it (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). The
//! crates that read this format stop at the first line that they don't understand, or know neither
//! tabs nor patterns.

mod pattern;

use russh::keys::PublicKey;

/// The only marker that is understood.
const REVOKED: &str = "@revoked";

/// The host key types that OpenSSH has had for years: a line with one of these and a key that
/// can't be read is wrong. Others may be new.
const TYPES: [&str; 6] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "ssh-dss",
];

/// What a file says about one host. Keys stand with the numbers of their lines.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The keys of the host at this port.
    pub keys: Vec<(usize, PublicKey)>,
    /// The keys of the host without a port. They count if there is none for the port.
    pub any_port: Vec<(usize, PublicKey)>,
    /// The keys that must not be accepted.
    pub revoked: Vec<(usize, PublicKey)>,
    /// Markers that are not understood, on lines that are for the host.
    pub markers: Vec<(usize, String)>,
    /// Lines that were skipped, and why.
    pub skipped: Vec<(usize, &'static str)>,
}

/// The names under which a host stands in the file.
#[derive(Clone, Debug)]
pub(super) struct Names {
    host: String,
    with_port: String,
}

impl Names {
    pub(super) fn new(host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        let with_port = match port {
            22 => host.clone(),
            port => format!("[{host}]:{port}"),
        };
        Self { host, with_port }
    }

    /// The name under which a key is learnt.
    pub(super) fn own(&self) -> &str {
        &self.with_port
    }
}

/// A line that says something.
struct Line<'a> {
    markers: Vec<&'a str>,
    hosts: &'a str,
    kind: &'a str,
    key: &'a str,
}

/// Reads a file's content. Nothing in it is an error: a line that can't be read is skipped.
pub(super) fn read(content: &[u8], names: &Names) -> Known {
    let mut known = Known::default();
    for (index, bytes) in content.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_matches([' ', '\t', '\r']);
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if let Err(why) = take(&mut known, number, text, names) {
            known.skipped.push((number, why));
        }
    }
    known
}

fn take(known: &mut Known, number: usize, text: &str, names: &Names) -> Result<(), &'static str> {
    let line = fields(text).ok_or("it is not host names, key type and key")?;
    let here = pattern::matches(line.hosts, &names.with_port)?;
    let any_port = pattern::matches(line.hosts, &names.host)?;
    let key = PublicKey::from_openssh(&format!("{} {}", line.kind, line.key));
    let readable = key
        .as_ref()
        .map(|_| ())
        .map_err(|_| match TYPES.contains(&line.kind) {
            true => "its key can't be read",
            false => "its key type is not known",
        });
    match (line.markers.as_slice(), key) {
        // Without its key, nothing says which one must not be accepted.
        ([REVOKED], Err(_)) if (here || any_port) && TYPES.contains(&line.kind) => {
            known.markers.push((number, REVOKED.to_owned()));
        }
        ([REVOKED], Ok(key)) if here || any_port => known.revoked.push((number, key)),
        ([], Ok(key)) if here => known.keys.push((number, key)),
        ([], Ok(key)) if any_port => known.any_port.push((number, key)),
        ([] | [REVOKED], _) => {}
        (markers, _) if here || any_port => known.markers.push((number, markers.join(" "))),
        _ => {}
    }
    readable
}

/// The fields of a line; none if some are missing.
fn fields(text: &str) -> Option<Line<'_>> {
    let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
    let mut markers = Vec::new();
    let hosts = loop {
        let word = words.next()?;
        if !word.starts_with('@') {
            break word;
        }
        markers.push(word);
    };
    Some(Line {
        markers,
        hosts,
        kind: words.next()?,
        key: words.next()?,
    })
}

#[cfg(test)]
mod tests;
