//! A certificate authority of our own, and the certificate of the servers on this machine.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};

use crate::ServicesError;

/// The certificate of servers on `localhost` and 127.0.0.1, and the authority that vouches for it.
pub struct Certificates {
    ca_file: PathBuf,
    certificate: String,
    key: String,
}

impl Certificates {
    /// Makes both, and writes the authority's certificate to a file `ca.pem` in `dir`.
    ///
    /// # Errors
    /// When the certificates can't be made or the file can't be written.
    pub fn new(dir: &Path) -> Result<Self, ServicesError> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority
            .distinguished_name
            .push(DnType::CommonName, "tpvm-upgrade test CA");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let mut server = CertificateParams::new(vec!["localhost".to_owned()])?;
        let address = SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
        server.subject_alt_names.push(address);
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &authority)?.pem();
        let ca_file = dir.join("ca.pem");
        std::fs::write(&ca_file, authority.pem())
            .map_err(ServicesError::file("write", &ca_file))?;
        Ok(Self {
            ca_file,
            certificate,
            key: key.serialize_pem(),
        })
    }

    /// The authority's certificate, in PEM format.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Writes the certificate and its key to `server.pem` and `server.key` in a server's folder,
    /// the key for `owner` alone: the ids of a user and a group.
    pub(crate) fn write(
        &self,
        dir: &Path,
        owner: Option<(u32, u32)>,
    ) -> Result<(PathBuf, PathBuf), ServicesError> {
        let (certificate, key) = (dir.join("server.pem"), dir.join("server.key"));
        std::fs::write(&certificate, &self.certificate)
            .map_err(ServicesError::file("write", &certificate))?;
        std::fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&key)
            .and_then(|mut file| file.write_all(self.key.as_bytes()))
            .map_err(ServicesError::file("write", &key))?;
        if let Some((user, group)) = owner {
            chown(&key, Some(user), Some(group)).map_err(ServicesError::file("hand over", &key))?;
        }
        Ok((certificate, key))
    }
}
