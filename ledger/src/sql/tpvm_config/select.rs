//! Reads persisted TPVM configurations.

use std::collections::HashMap;
use std::net::IpAddr;

use schemas::tpvm::{CaCertProtocol, Dns, Interface, Ldap, LdapCaCert, TpvmConfig, TrustedPeer};
use sqlx::PgConnection;

use super::SCP;
use crate::error::LedgerError;
use crate::values::{Columns, Subject};

// Not Debug: it holds what devices encode of their passwords.
struct Stored {
    device_ip: String,
    password: Option<String>,
    management_ip: Option<String>,
    management_gateway: Option<String>,
    insight_ip: Option<String>,
    insight_gateway: Option<String>,
    auto_boot: bool,
    hostname: Option<String>,
    timezone: Option<String>,
    dns_primary_server: Option<String>,
    dns_secondary_server: Option<String>,
    dns_domain_name: Option<String>,
    ntp_server: Option<String>,
    ldap_host: Option<String>,
    ldap_port: Option<i32>,
    ldap_secure: Option<bool>,
    ldap_basedn: Option<String>,
    ldap_rootdn: Option<String>,
    ldap_password: Option<String>,
    ldap_ca_cert_protocol: Option<String>,
    ldap_ca_cert_user: Option<String>,
    ldap_ca_cert_password: Option<String>,
    ldap_ca_cert_host: Option<String>,
    ldap_ca_cert_directory: Option<String>,
    ldap_ca_cert_filename: Option<String>,
    trusted_peer_ip: Option<String>,
    trusted_peer_password: Option<String>,
    trusted_peer_sudo_user: Option<String>,
    deploy: bool,
}

/// The configuration of one device, or of all, by device.
pub(crate) async fn select(
    connection: &mut PgConnection,
    device_ip: Option<IpAddr>,
) -> Result<HashMap<IpAddr, TpvmConfig>, LedgerError> {
    let query = sqlx::query_as!(
        Stored,
        r#"
        SELECT host(device_ip) AS "device_ip!", password, management_ip,
               host(management_gateway) AS management_gateway, insight_ip,
               host(insight_gateway) AS insight_gateway, auto_boot, hostname, timezone,
               dns_primary_server, dns_secondary_server, dns_domain_name, ntp_server, ldap_host,
               ldap_port, ldap_secure, ldap_basedn, ldap_rootdn, ldap_password,
               ldap_ca_cert_protocol, ldap_ca_cert_user, ldap_ca_cert_password,
               ldap_ca_cert_host, ldap_ca_cert_directory, ldap_ca_cert_filename,
               host(trusted_peer_ip) AS trusted_peer_ip, trusted_peer_password,
               trusted_peer_sudo_user, deploy
        FROM tpvm_configs
        WHERE $1::text IS NULL OR device_ip = $1::inet
        "#,
        device_ip.map(|ip| ip.to_string()),
    );
    let rows = query.fetch_all(connection).await?;
    rows.into_iter().map(|row| row.read()).collect()
}

impl Stored {
    fn read(&self) -> Result<(IpAddr, TpvmConfig), LedgerError> {
        let subject = Subject(format!("TPVM configuration of {}", self.device_ip));
        let config = TpvmConfig {
            password: subject.read_some("password", self.password.as_deref())?,
            management: interface(
                &subject,
                ("management_ip", &self.management_ip),
                ("management_gateway", &self.management_gateway),
            )?,
            insight: interface(
                &subject,
                ("insight_ip", &self.insight_ip),
                ("insight_gateway", &self.insight_gateway),
            )?,
            auto_boot: self.auto_boot,
            hostname: subject.read_some("hostname", self.hostname.as_deref())?,
            timezone: subject.read_some("timezone", self.timezone.as_deref())?,
            dns: self.dns(&subject)?,
            ntp_server: subject.read_some("ntp_server", self.ntp_server.as_deref())?,
            ldap: self.ldap(&subject)?,
            ldap_ca_cert: self.ldap_ca_cert(&subject)?,
            trusted_peer: self.trusted_peer(&subject)?,
            deploy: self.deploy,
        };
        Ok((subject.read("device_ip", &self.device_ip)?, config))
    }

    fn dns(&self, subject: &Subject) -> Result<Option<Dns>, LedgerError> {
        let Some(primary_server) = &self.dns_primary_server else {
            return Ok(None);
        };
        Ok(Some(Dns {
            primary_server: subject.read("dns_primary_server", primary_server)?,
            secondary_server: subject
                .read_some("dns_secondary_server", self.dns_secondary_server.as_deref())?,
            domain_name: subject.read_some("dns_domain_name", self.dns_domain_name.as_deref())?,
        }))
    }

    fn ldap(&self, subject: &Subject) -> Result<Option<Ldap>, LedgerError> {
        let (Some(host), Some(port), Some(secure), Some(basedn)) = (
            &self.ldap_host,
            self.ldap_port,
            self.ldap_secure,
            &self.ldap_basedn,
        ) else {
            return Ok(None);
        };
        Ok(Some(Ldap {
            host: subject.read("ldap_host", host)?,
            port: subject.port("ldap_port", port)?,
            secure,
            basedn: subject.read("ldap_basedn", basedn)?,
            rootdn: subject.read_some("ldap_rootdn", self.ldap_rootdn.as_deref())?,
            password: subject.read_some("ldap_password", self.ldap_password.as_deref())?,
        }))
    }

    fn ldap_ca_cert(&self, subject: &Subject) -> Result<Option<LdapCaCert>, LedgerError> {
        let (
            Some(protocol),
            Some(user),
            Some(password),
            Some(host),
            Some(directory),
            Some(filename),
        ) = (
            &self.ldap_ca_cert_protocol,
            &self.ldap_ca_cert_user,
            &self.ldap_ca_cert_password,
            &self.ldap_ca_cert_host,
            &self.ldap_ca_cert_directory,
            &self.ldap_ca_cert_filename,
        )
        else {
            return Ok(None);
        };
        Ok(Some(LdapCaCert {
            protocol: match protocol.as_str() {
                SCP => CaCertProtocol::Scp,
                _ => return Err(subject.unreadable("ldap_ca_cert_protocol", "expected scp")),
            },
            user: subject.read("ldap_ca_cert_user", user)?,
            password: subject.read("ldap_ca_cert_password", password)?,
            host: subject.read("ldap_ca_cert_host", host)?,
            directory: subject.read("ldap_ca_cert_directory", directory)?,
            filename: subject.read("ldap_ca_cert_filename", filename)?,
        }))
    }

    fn trusted_peer(&self, subject: &Subject) -> Result<Option<TrustedPeer>, LedgerError> {
        let Some(ip) = &self.trusted_peer_ip else {
            return Ok(None);
        };
        Ok(Some(TrustedPeer {
            ip: subject.read("trusted_peer_ip", ip)?,
            password: subject.read_some(
                "trusted_peer_password",
                self.trusted_peer_password.as_deref(),
            )?,
            sudo_user: subject.read_some(
                "trusted_peer_sudo_user",
                self.trusted_peer_sudo_user.as_deref(),
            )?,
        }))
    }
}

/// Each part with the name of its column.
fn interface(
    subject: &Subject,
    (ip_column, ip): (&str, &Option<String>),
    (gateway_column, gateway): (&str, &Option<String>),
) -> Result<Option<Interface>, LedgerError> {
    let Some(ip) = ip else {
        return Ok(None);
    };
    Ok(Some(Interface {
        ip: subject.read(ip_column, ip)?,
        gateway: subject.read_some(gateway_column, gateway.as_deref())?,
    }))
}
