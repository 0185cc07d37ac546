//! Files with the certificates of CAs.

use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Why a file with certificates can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFileError {
    /// It can't be read.
    #[error("can't read the file {path}: {problem}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
    /// It is readable, and no file of certificates.
    #[error("the file {path} holds no certificate in PEM format", path = .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// One of its certificates is damaged.
    #[error("the file {path} holds a certificate that can't be read", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a PEM file of one certificate or more, and checks that they can be trusted as CAs.
///
/// # Errors
/// [`CertificateFileError`], which names the file.
pub fn certificates(path: &Path) -> Result<String, CertificateFileError> {
    let unreadable = |problem| CertificateFileError::Unreadable {
        path: path.to_owned(),
        problem,
    };
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let mut store = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let added = certificate.map(|certificate| store.add(certificate));
        if !matches!(added, Ok(Ok(()))) {
            return Err(CertificateFileError::Damaged {
                path: path.to_owned(),
            });
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) if !store.is_empty() => Ok(text),
        _ => Err(CertificateFileError::NoCertificate {
            path: path.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn when_a_file_can_not_be_used_then_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let said = || certificates(&path).unwrap_err().to_string();
        assert!(said().contains("No such file"), "{}", said());
        for (content, why) in [
            (&b"hello"[..], "holds no certificate"),
            (b"", "holds no certificate"),
            (b"\xff\xfe", "holds no certificate"),
            (
                b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
                "can't be read",
            ),
            (b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n", "can't be read"),
        ] {
            std::fs::write(&path, content).unwrap();
            assert!(said().contains(why), "{}", said());
            assert!(said().contains("ca.pem"), "{}", said());
        }
        let folder = certificates(folder.path()).unwrap_err().to_string();
        assert!(folder.contains("directory"), "{folder}");
    }
}
