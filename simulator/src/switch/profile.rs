//! Kinds of switches: what a session with one is like.

use std::time::Duration;

use russh::Preferred;
use serde::Deserialize;

/// What a session with a switch is like. The commands do the same on all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// As the vendor's examples show it.
    #[default]
    Plain,
    /// Offers only the algorithms of the vendor's hardening guide.
    HardenedSsh,
    /// Writes log lines into the session, at any place, and can't be kept from it.
    LogLines,
    /// Pages whatever it prints, in reverse video, and can't be kept from it.
    Pager,
    /// Says which mode is entered, and asks for a whole word.
    EntryTexts,
    /// Errors begin in other ways, which change.
    OtherErrors,
    /// The running-config has nested blocks.
    NestedBlocks,
    /// Does not echo.
    NoEcho,
    /// Stops for a while in the middle of lines.
    Slow,
    /// Sends each byte in a packet of its own.
    ByteByByte,
    /// Prints 100 kB at each login, with something like a prompt before them.
    LongLogin,
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 11] = [
        Profile::Plain,
        Profile::HardenedSsh,
        Profile::LogLines,
        Profile::Pager,
        Profile::EntryTexts,
        Profile::OtherErrors,
        Profile::NestedBlocks,
        Profile::NoEcho,
        Profile::Slow,
        Profile::ByteByByte,
        Profile::LongLogin,
    ];

    /// The SSH algorithms.
    pub(crate) fn algorithms(self) -> Preferred {
        match self {
            Profile::HardenedSsh => Preferred {
                kex: vec![russh::kex::ECDH_SHA2_NISTP256, russh::kex::DH_G14_SHA1].into(),
                cipher: vec![russh::cipher::AES_256_CTR].into(),
                mac: vec![russh::mac::HMAC_SHA256, russh::mac::HMAC_SHA512].into(),
                ..Preferred::default()
            },
            _ => Preferred::default(),
        }
    }

    /// The lines on a page, for a switch whose paging can't be turned off.
    pub(super) fn page(self) -> Option<usize> {
        (self == Profile::Pager).then_some(6)
    }

    /// What a login prints before the welcome, in parts between which time passes.
    pub(super) fn login_text(self) -> Vec<String> {
        match self {
            Profile::LongLogin => {
                let line = "Authorized use only: whoever logs in agrees that it is recorded.\r\n";
                vec!["\r\nnotice# ".to_owned(), line.repeat(100_000 / line.len())]
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn logs(self) -> bool {
        self == Profile::LogLines
    }

    pub(super) fn echoes(self) -> bool {
        self != Profile::NoEcho
    }

    /// The question for confirmation, and the answer that it takes.
    pub(super) fn question(self) -> (&'static str, &'static str) {
        match self {
            Profile::EntryTexts => ("Are you sure? [yes,NO] ", "yes"),
            Profile::OtherErrors => ("Do you want to continue? (y/n)?", "y"),
            _ => ("Continue? [y/n]:", "y"),
        }
    }

    /// What entering the configuration prints.
    pub(super) fn entering(self) -> &'static str {
        match self {
            Profile::EntryTexts => "Entering configuration mode terminal",
            _ => "",
        }
    }

    /// An error, the `n`th of a session.
    pub(super) fn error(self, n: u32, text: &str) -> String {
        match (self, n % 4) {
            (Profile::OtherErrors, 0) => format!("%% Error: {text}"),
            (Profile::OtherErrors, 1) => format!("%%Error: {text}"),
            (Profile::OtherErrors, 2) => format!("Error(s):\n{text}"),
            (Profile::OtherErrors, _) => format!("rbridge-id-1: % Error: {text}"),
            _ => format!("% Error: {text}"),
        }
    }

    /// The running-config as this switch prints it.
    pub(super) fn running_config(self, text: String) -> String {
        if self != Profile::NestedBlocks {
            return text;
        }
        let nested = |line: &str| match line.trim_start().starts_with("interface") {
            true => format!("{line}\n !\n"),
            false => format!("{line}\n"),
        };
        text.lines().map(nested).collect()
    }

    /// How bytes that are written leave: in pieces of this size, with this pause between them.
    pub(super) fn pieces(self) -> Option<(usize, Duration)> {
        match self {
            Profile::Slow => Some((11, Duration::from_millis(25))),
            Profile::ByteByByte => Some((1, Duration::ZERO)),
            _ => None,
        }
    }
}
