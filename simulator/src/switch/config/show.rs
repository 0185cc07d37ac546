//! The block as `show running-config tpvm` prints it.

use std::fmt::Write as _;

use super::{Interface, TpvmConfig};

impl TpvmConfig {
    /// The lines of the block, from `tpvm TPVM` to `!`.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec!["tpvm TPVM".to_owned()];
        lines.extend(self.items().into_iter().map(|item| format!(" {item}")));
        lines.push("!".to_owned());
        lines
    }

    /// The items, one line each, without the indent.
    pub fn items(&self) -> Vec<String> {
        let mut items = Vec::new();
        if let Some(password) = &self.password {
            items.push(format!("password \"{password}\""));
        }
        items.extend(interface("management", self.management.as_ref()));
        items.extend(interface("insight", self.insight.as_ref()));
        if self.auto_boot {
            items.push("auto-boot".to_owned());
        }
        items.extend(self.hostname.iter().map(|name| format!("hostname {name}")));
        items.extend(self.timezone.iter().map(|zone| format!("timezone {zone}")));
        items.extend(self.dns_line());
        items.extend(self.ntp_server.iter().map(|server| format!("ntp {server}")));
        items.extend(self.ldap_line());
        items.extend(self.ca_cert_line());
        items.extend(self.trusted_peer_line());
        if self.deploy {
            items.push("deploy".to_owned());
        }
        items
    }

    fn dns_line(&self) -> Option<String> {
        let dns = self.dns.as_ref()?;
        let mut line = format!("dns primary-server {}", dns.primary_server);
        option(
            &mut line,
            "secondary-server",
            dns.secondary_server.as_deref(),
        );
        option(&mut line, "domain-name", dns.domain_name.as_deref());
        Some(line)
    }

    fn ldap_line(&self) -> Option<String> {
        let ldap = self.ldap.as_ref()?;
        let mut line = format!("ldap host {} port {}", ldap.host, ldap.port);
        if ldap.secure {
            line.push_str(" secure");
        }
        option(&mut line, "basedn", Some(&ldap.basedn));
        option(&mut line, "rootdn", ldap.rootdn.as_deref());
        quoted(&mut line, "password", ldap.password.as_deref());
        Some(line)
    }

    fn ca_cert_line(&self) -> Option<String> {
        let cert = self.ldap_ca_cert.as_ref()?;
        Some(format!(
            "ldap ca-cert protocol {} user {} password \"{}\" host {} directory {} filename {}",
            cert.protocol, cert.user, cert.password, cert.host, cert.directory, cert.filename
        ))
    }

    fn trusted_peer_line(&self) -> Option<String> {
        let peer = self.trusted_peer.as_ref()?;
        let mut line = format!("trusted-peer ip {}", peer.ip);
        quoted(&mut line, "password", peer.password.as_deref());
        option(
            &mut line,
            "trusted-peer-sudo-user",
            peer.sudo_user.as_deref(),
        );
        Some(line)
    }
}

fn interface(name: &str, interface: Option<&Interface>) -> Option<String> {
    let interface = interface?;
    let mut line = format!("interface {name} ip {}", interface.ip);
    if let Some(gateway) = interface.gateway {
        let _ = write!(line, " gw {gateway}");
    }
    Some(line)
}

fn option(line: &mut String, keyword: &str, value: Option<&str>) {
    if let Some(value) = value {
        let _ = write!(line, " {keyword} {value}");
    }
}

fn quoted(line: &mut String, keyword: &str, value: Option<&str>) {
    if let Some(value) = value {
        let _ = write!(line, " {keyword} \"{value}\"");
    }
}
