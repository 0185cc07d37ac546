//! Persisted TPVM configurations: one column for each item.

mod select;

use std::fmt::Display;
use std::net::IpAddr;

use schemas::tpvm::{CaCertProtocol, TpvmConfig};
use sqlx::PgConnection;

use crate::error::LedgerError;
use crate::execution::ClaimToken;

pub(crate) use select::select;

/// `false` if no such device is registered, or if a claim is named that is lost. The claim's row
/// is locked, so that nobody takes the step over before this is written.
pub(crate) async fn save(
    connection: &mut PgConnection,
    device_ip: IpAddr,
    config: &TpvmConfig,
    held: Option<&ClaimToken>,
) -> Result<bool, LedgerError> {
    let (management, insight) = (config.management.as_ref(), config.insight.as_ref());
    let (dns, ldap) = (config.dns.as_ref(), config.ldap.as_ref());
    let (cert, peer) = (config.ldap_ca_cert.as_ref(), config.trusted_peer.as_ref());
    let query = sqlx::query!(
        "
        INSERT INTO tpvm_configs
            (device_ip, password, management_ip, management_gateway, insight_ip, insight_gateway,
             auto_boot, hostname, timezone, dns_primary_server, dns_secondary_server,
             dns_domain_name, ntp_server, ldap_host, ldap_port, ldap_secure, ldap_basedn,
             ldap_rootdn, ldap_password, ldap_ca_cert_protocol, ldap_ca_cert_user,
             ldap_ca_cert_password, ldap_ca_cert_host, ldap_ca_cert_directory,
             ldap_ca_cert_filename, trusted_peer_ip, trusted_peer_password,
             trusted_peer_sudo_user, deploy)
        SELECT ip_address, $2, $3, $4::text::inet, $5, $6::text::inet, $7, $8, $9, $10, $11, $12,
               $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26::text::inet,
               $27, $28, $29
        FROM devices
        WHERE ip_address = $1::text::inet
          AND ($30::uuid IS NULL OR EXISTS (
              SELECT FROM executions e
              WHERE e.id = $30 AND e.seq = $31 AND e.claim_token = $32
              FOR NO KEY UPDATE))
        ON CONFLICT (device_ip) DO UPDATE
        SET (password, management_ip, management_gateway, insight_ip, insight_gateway, auto_boot,
             hostname, timezone, dns_primary_server, dns_secondary_server, dns_domain_name,
             ntp_server, ldap_host, ldap_port, ldap_secure, ldap_basedn, ldap_rootdn,
             ldap_password, ldap_ca_cert_protocol, ldap_ca_cert_user, ldap_ca_cert_password,
             ldap_ca_cert_host, ldap_ca_cert_directory, ldap_ca_cert_filename, trusted_peer_ip,
             trusted_peer_password, trusted_peer_sudo_user, deploy, saved_at)
          = (excluded.password, excluded.management_ip, excluded.management_gateway,
             excluded.insight_ip, excluded.insight_gateway, excluded.auto_boot, excluded.hostname,
             excluded.timezone, excluded.dns_primary_server, excluded.dns_secondary_server,
             excluded.dns_domain_name, excluded.ntp_server, excluded.ldap_host,
             excluded.ldap_port, excluded.ldap_secure, excluded.ldap_basedn,
             excluded.ldap_rootdn, excluded.ldap_password, excluded.ldap_ca_cert_protocol,
             excluded.ldap_ca_cert_user, excluded.ldap_ca_cert_password,
             excluded.ldap_ca_cert_host, excluded.ldap_ca_cert_directory,
             excluded.ldap_ca_cert_filename, excluded.trusted_peer_ip,
             excluded.trusted_peer_password, excluded.trusted_peer_sudo_user, excluded.deploy,
             now())
        ",
        device_ip.to_string(),
        config.password.as_ref().map(|secret| secret.as_str()),
        shown(management.map(|interface| interface.ip)),
        shown(management.and_then(|interface| interface.gateway)),
        shown(insight.map(|interface| interface.ip)),
        shown(insight.and_then(|interface| interface.gateway)),
        config.auto_boot,
        shown(config.hostname.as_ref()),
        shown(config.timezone.as_ref()),
        shown(dns.map(|dns| &dns.primary_server)),
        shown(dns.and_then(|dns| dns.secondary_server.as_ref())),
        shown(dns.and_then(|dns| dns.domain_name.as_ref())),
        shown(config.ntp_server.as_ref()),
        shown(ldap.map(|ldap| &ldap.host)),
        ldap.map(|ldap| i32::from(ldap.port)),
        ldap.map(|ldap| ldap.secure),
        shown(ldap.map(|ldap| &ldap.basedn)),
        shown(ldap.and_then(|ldap| ldap.rootdn.as_ref())),
        ldap.and_then(|ldap| ldap.password.as_ref())
            .map(|secret| secret.as_str()),
        cert.map(|cert| match cert.protocol {
            CaCertProtocol::Scp => SCP,
        }),
        shown(cert.map(|cert| &cert.user)),
        cert.map(|cert| cert.password.as_str()),
        shown(cert.map(|cert| &cert.host)),
        shown(cert.map(|cert| &cert.directory)),
        shown(cert.map(|cert| &cert.filename)),
        shown(peer.map(|peer| peer.ip)),
        peer.and_then(|peer| peer.password.as_ref())
            .map(|secret| secret.as_str()),
        shown(peer.and_then(|peer| peer.sudo_user.as_ref())),
        config.deploy,
        held.map(|token| token.execution_id),
        held.map(|token| token.seq),
        held.map(|token| token.token),
    );
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

const SCP: &str = "scp";

fn shown(value: Option<impl Display>) -> Option<String> {
    value.map(|value| value.to_string())
}
