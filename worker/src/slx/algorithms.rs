//! Which SSH algorithms are offered to a switch, and what to do where none is common.

use std::borrow::Cow;

use russh::keys::ssh_key::EcdsaCurve;
use russh::keys::{Algorithm, HashAlg, PublicKey};
use russh::{AlgorithmKind, Preferred, cipher, kex, mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An algorithm that is offered only if the configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WeakAlgorithm {
    /// host keys and logins with RSA keys that are signed with SHA-1.
    #[serde(rename = "ssh-rsa")]
    SshRsa,
    /// a key exchange with SHA-1.
    #[serde(rename = "diffie-hellman-group-exchange-sha1")]
    DhGroupExchangeSha1,
    /// a key exchange with SHA-1 and 1024 bits.
    #[serde(rename = "diffie-hellman-group1-sha1")]
    DhGroup1Sha1,
    /// a cipher in CBC mode.
    #[serde(rename = "aes256-cbc")]
    Aes256Cbc,
    /// a cipher in CBC mode.
    #[serde(rename = "aes192-cbc")]
    Aes192Cbc,
    /// a cipher in CBC mode.
    #[serde(rename = "aes128-cbc")]
    Aes128Cbc,
    /// a MAC with SHA-1.
    #[serde(rename = "hmac-sha1-etm@openssh.com")]
    HmacSha1Etm,
    /// a MAC with SHA-1.
    #[serde(rename = "hmac-sha1")]
    HmacSha1,
}

impl WeakAlgorithm {
    /// All of them, the least weak of each kind first: the order in which they are offered.
    pub const ALL: [WeakAlgorithm; 8] = [
        WeakAlgorithm::SshRsa,
        WeakAlgorithm::DhGroupExchangeSha1,
        WeakAlgorithm::DhGroup1Sha1,
        WeakAlgorithm::Aes256Cbc,
        WeakAlgorithm::Aes192Cbc,
        WeakAlgorithm::Aes128Cbc,
        WeakAlgorithm::HmacSha1Etm,
        WeakAlgorithm::HmacSha1,
    ];

    /// Its name in the SSH protocol, and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            WeakAlgorithm::SshRsa => "ssh-rsa",
            WeakAlgorithm::DhGroupExchangeSha1 => "diffie-hellman-group-exchange-sha1",
            WeakAlgorithm::DhGroup1Sha1 => "diffie-hellman-group1-sha1",
            WeakAlgorithm::Aes256Cbc => "aes256-cbc",
            WeakAlgorithm::Aes192Cbc => "aes192-cbc",
            WeakAlgorithm::Aes128Cbc => "aes128-cbc",
            WeakAlgorithm::HmacSha1Etm => "hmac-sha1-etm@openssh.com",
            WeakAlgorithm::HmacSha1 => "hmac-sha1",
        }
    }

    fn offer(self, offered: &mut Preferred) {
        match self {
            WeakAlgorithm::SshRsa => offered.key.to_mut().push(Algorithm::Rsa { hash: None }),
            WeakAlgorithm::DhGroupExchangeSha1 => key_exchange(offered, kex::DH_GEX_SHA1),
            WeakAlgorithm::DhGroup1Sha1 => key_exchange(offered, kex::DH_G1_SHA1),
            WeakAlgorithm::Aes256Cbc => offered.cipher.to_mut().push(cipher::AES_256_CBC),
            WeakAlgorithm::Aes192Cbc => offered.cipher.to_mut().push(cipher::AES_192_CBC),
            WeakAlgorithm::Aes128Cbc => offered.cipher.to_mut().push(cipher::AES_128_CBC),
            WeakAlgorithm::HmacSha1Etm => offered.mac.to_mut().push(mac::HMAC_SHA1_ETM),
            WeakAlgorithm::HmacSha1 => offered.mac.to_mut().push(mac::HMAC_SHA1),
        }
    }
}

/// What is offered by default, before what weaker configurations add. The vendor's hardening guide
/// leaves a switch with the key exchanges `ecdh-sha2-nistp256` and `diffie-hellman-group14-sha1`:
/// they come last, so that they are used only where nothing better is common.
const KEY_EXCHANGES: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::DH_GEX_SHA256,
    kex::DH_G18_SHA512,
    kex::DH_G17_SHA512,
    kex::DH_G16_SHA512,
    kex::DH_G15_SHA512,
    kex::DH_G14_SHA256,
    kex::ECDH_SHA2_NISTP521,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP256,
    kex::DH_G14_SHA1,
];

/// No algorithms, but protocol extensions; they are offered in the same list.
const EXTENSIONS: &[kex::Name] = &[
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

const HOST_KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

const CIPHERS: &[cipher::Name] = &[
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// What is offered: the default, then the weak ones, and of the host keys first those of a kind
/// that is known for this switch, which may have several.
pub(super) fn offered(weak: &[WeakAlgorithm], known: &[PublicKey]) -> Preferred {
    let mut offered = Preferred {
        kex: Cow::Borrowed(KEY_EXCHANGES),
        key: Cow::Borrowed(HOST_KEYS),
        cipher: Cow::Borrowed(CIPHERS),
        ..Preferred::default()
    };
    for algorithm in WeakAlgorithm::ALL {
        if weak.contains(&algorithm) {
            algorithm.offer(&mut offered);
        }
    }
    offered.kex.to_mut().extend_from_slice(EXTENSIONS);
    let known: Vec<Algorithm> = known.iter().map(|key| kind(&key.algorithm())).collect();
    let keys = offered.key.to_mut();
    keys.sort_by_key(|algorithm| !known.contains(&kind(algorithm)));
    offered
}

fn key_exchange(offered: &mut Preferred, name: kex::Name) {
    offered.kex.to_mut().push(name);
}

/// Of an RSA key, the algorithm also names a hash that the key itself doesn't.
pub(super) fn kind(algorithm: &Algorithm) -> Algorithm {
    match algorithm {
        Algorithm::Rsa { .. } => Algorithm::Rsa { hash: None },
        other => other.clone(),
    }
}

/// We and a switch have no algorithm of some kind in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    what: &'static str,
    ours: Vec<String>,
    theirs: Vec<String>,
    /// What allows others on an SLX switch.
    command: &'static str,
}

impl Mismatch {
    pub(super) fn new(kind: &AlgorithmKind, ours: &[String], theirs: &[String]) -> Self {
        let (what, command) = match kind {
            AlgorithmKind::Kex => ("key exchange", "ssh server key-exchange"),
            AlgorithmKind::Key => ("host key algorithm", "ssh server key"),
            AlgorithmKind::Cipher => ("cipher", "ssh server cipher"),
            AlgorithmKind::Mac => ("MAC", "ssh server mac"),
            AlgorithmKind::Compression => ("compression", "ssh server"),
        };
        let extension =
            |name: &String| name.starts_with("ext-info-") || name.starts_with("kex-strict-");
        let listed = |names: &[String]| {
            let names = names.iter().filter(|name| !extension(name));
            names.cloned().collect()
        };
        Self {
            what,
            ours: listed(ours),
            theirs: listed(theirs),
            command,
        }
    }

    /// What to change on either side.
    pub fn remedy(&self) -> String {
        let weak = WeakAlgorithm::ALL.map(WeakAlgorithm::name);
        let weak = weak
            .iter()
            .find(|name| self.theirs.iter().any(|theirs| theirs == **name));
        let ours = match weak {
            Some(name) => format!(
                "or let the workers use a weaker one: slx.weak_algorithms = [\"{name}\"] in their \
                 configuration"
            ),
            None => "the workers know none of the switch's, so slx.weak_algorithms does not help"
                .to_owned(),
        };
        format!(
            "allow one of the workers' on the switch (`{}`), {ours}",
            self.command
        )
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |names: &[String]| match names {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        write!(
            f,
            "no common {}: the worker offers {}; the switch offers {}",
            self.what,
            list(&self.ours),
            list(&self.theirs)
        )
    }
}

#[cfg(test)]
mod tests;
