//! Who the simulator is to its clients: the SSH host key, the CA and its certificates.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;

/// The keys of one run.
pub(crate) struct Identity {
    pub(crate) host_key: PrivateKey,
    pub(crate) ca_pem: String,
    issuer: Issuer<'static, KeyPair>,
    server_key: KeyPair,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    pub(crate) fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "TPVM simulator CA");
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate()?;
        let ca = params.self_signed(&ca_key)?;
        Ok(Self {
            host_key: PrivateKey::from(Ed25519Keypair::from_seed(&seed())),
            ca_pem: ca.pem(),
            issuer: Issuer::new(params, ca_key),
            server_key: KeyPair::generate()?,
        })
    }

    /// TLS for a server with these names and addresses.
    pub(crate) fn tls(&self, names: Vec<String>) -> Result<rustls::ServerConfig, IdentityError> {
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "EFA (simulated)");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&self.server_key, &self.issuer)?;
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(self.server_key.serialize_der());
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// The `known_hosts` line of a server at this host and port.
    pub(crate) fn known_host(&self, host: &str, port: u16) -> Result<String, IdentityError> {
        let key = self.host_key.public_key().to_openssh()?;
        Ok(match port {
            22 => format!("{host} {key}"),
            port => format!("[{host}]:{port} {key}"),
        })
    }
}

/// A key or certificate that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A certificate.
    #[error("the certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// The TLS configuration.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
    /// The SSH host key.
    #[error("the SSH host key could not be written")]
    HostKey(#[from] russh::keys::ssh_key::Error),
}

fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    seed[16..].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    seed
}
