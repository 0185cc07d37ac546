//! The block's items as an operator types them.

use std::net::{IpAddr, Ipv4Addr};

use super::{Dns, Interface, Ldap, LdapCaCert, TpvmConfig, TrustedPeer, encode};

/// Why an item was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemError {
    /// The word at this index doesn't belong there.
    Unexpected(usize),
    /// Words are missing.
    Incomplete,
}

/// The call's name of a configuration item, if these words begin one.
pub(crate) fn item_name(words: &[String]) -> Option<&'static str> {
    let first = words.first()?.as_str();
    let second = words.get(1).map_or("", String::as_str);
    Some(match (first, second) {
        ("password", _) => "config:password",
        ("interface", "management") => "config:interface-management",
        ("interface", "insight") => "config:interface-insight",
        ("auto-boot", _) => "config:auto-boot",
        ("hostname", _) => "config:hostname",
        ("timezone", _) => "config:timezone",
        ("dns", _) => "config:dns",
        ("ntp", _) => "config:ntp",
        ("ldap", "host") => "config:ldap",
        ("ldap", "ca-cert") => "config:ldap-ca-cert",
        ("trusted-peer", _) => "config:trusted-peer",
        ("deploy", _) => "deploy",
        _ => return None,
    })
}

impl TpvmConfig {
    /// Sets one item from its words, except `deploy`.
    pub(crate) fn set(&mut self, words: &[String]) -> Result<(), ItemError> {
        let mut rest = Words { words, at: 1 };
        match item_name(words) {
            Some("config:password") => self.password = Some(encode(rest.word()?)),
            Some("config:interface-management") => self.management = Some(rest.interface()?),
            Some("config:interface-insight") => self.insight = Some(rest.interface()?),
            Some("config:auto-boot") => self.auto_boot = true,
            Some("config:hostname") => self.hostname = Some(rest.word()?.to_owned()),
            Some("config:timezone") => self.timezone = Some(rest.word()?.to_owned()),
            Some("config:dns") => self.dns = Some(rest.dns()?),
            Some("config:ntp") => self.ntp_server = Some(rest.word()?.to_owned()),
            Some("config:ldap") => self.ldap = Some(rest.ldap()?),
            Some("config:ldap-ca-cert") => self.ldap_ca_cert = Some(rest.ca_cert()?),
            Some("config:trusted-peer") => self.trusted_peer = Some(rest.trusted_peer()?),
            _ => return Err(ItemError::Unexpected(0)),
        }
        rest.end()
    }
}

/// The words after an item's name, taken from left to right.
struct Words<'a> {
    words: &'a [String],
    at: usize,
}

impl<'a> Words<'a> {
    fn word(&mut self) -> Result<&'a str, ItemError> {
        let word = self.words.get(self.at).ok_or(ItemError::Incomplete)?;
        self.at += 1;
        Ok(word)
    }

    fn parsed<T: std::str::FromStr>(&mut self) -> Result<T, ItemError> {
        let at = self.at;
        self.word()?.parse().map_err(|_| ItemError::Unexpected(at))
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), ItemError> {
        let at = self.at;
        if self.word()? == keyword {
            Ok(())
        } else {
            Err(ItemError::Unexpected(at))
        }
    }

    fn flag(&mut self, keyword: &str) -> bool {
        let there = self.words.get(self.at).is_some_and(|word| word == keyword);
        self.at += usize::from(there);
        there
    }

    fn after(&mut self, keyword: &str) -> Result<String, ItemError> {
        self.keyword(keyword)?;
        Ok(self.word()?.to_owned())
    }

    fn optional(&mut self, keyword: &str) -> Result<Option<String>, ItemError> {
        if self.flag(keyword) {
            Ok(Some(self.word()?.to_owned()))
        } else {
            Ok(None)
        }
    }

    fn end(&self) -> Result<(), ItemError> {
        if self.at == self.words.len() {
            Ok(())
        } else {
            Err(ItemError::Unexpected(self.at))
        }
    }

    fn interface(&mut self) -> Result<Interface, ItemError> {
        self.at = 2;
        self.keyword("ip")?;
        let at = self.at;
        let ip = self.word()?.to_owned();
        if ip == "dhcp" {
            return Ok(Interface { ip, gateway: None });
        }
        let valid = ip.split_once('/').is_some_and(|(address, prefix)| {
            address.parse::<Ipv4Addr>().is_ok() && prefix.parse::<u8>().is_ok_and(|bits| bits <= 32)
        });
        if !valid {
            return Err(ItemError::Unexpected(at));
        }
        let gateway = if self.flag("gw") {
            Some(self.parsed()?)
        } else {
            None
        };
        Ok(Interface { ip, gateway })
    }

    fn dns(&mut self) -> Result<Dns, ItemError> {
        Ok(Dns {
            primary_server: self.after("primary-server")?,
            secondary_server: self.optional("secondary-server")?,
            domain_name: self.optional("domain-name")?,
        })
    }

    fn ldap(&mut self) -> Result<Ldap, ItemError> {
        Ok(Ldap {
            host: self.after("host")?,
            port: {
                self.keyword("port")?;
                self.parsed()?
            },
            secure: self.flag("secure"),
            basedn: self.after("basedn")?,
            rootdn: self.optional("rootdn")?,
            password: self.optional("password")?.map(|password| encode(&password)),
        })
    }

    fn ca_cert(&mut self) -> Result<LdapCaCert, ItemError> {
        self.at = 2;
        Ok(LdapCaCert {
            protocol: self.after("protocol")?,
            user: self.after("user")?,
            password: encode(&self.after("password")?),
            host: self.after("host")?,
            directory: self.after("directory")?,
            filename: self.after("filename")?,
        })
    }

    fn trusted_peer(&mut self) -> Result<TrustedPeer, ItemError> {
        self.keyword("ip")?;
        let ip: IpAddr = self.parsed()?;
        Ok(TrustedPeer {
            ip,
            password: self.optional("password")?.map(|password| encode(&password)),
            sudo_user: self.optional("trusted-peer-sudo-user")?,
        })
    }
}
