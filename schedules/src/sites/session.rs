//! A session with a switch.

use std::net::{IpAddr, Ipv6Addr};

use async_trait::async_trait;
use schemas::tpvm::{TpvmConfig, TrustedPeer};
use secrecy::SecretString;
use worker::permit::Permit;
use worker::slx::{
    Addresses, ImageSource, LastLine, Phase, Severity, SlxError, Switch, Tag, TpvmStatus,
};
use worker::versions::{SlxVersion, TpvmVersion};

use super::{Call, Way};
use crate::plant::{Command, Denial};

/// See the module.
pub(super) struct Session(pub(super) Way);

/// The beginning of every version.
const CUT_SHORT: &str = "4.2";
/// An address that others can't reach: a TPVM has it before it has its own.
const ON_THE_LINK: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));

fn slx<T>(command: &str, call: Call<T>) -> Result<T, SlxError> {
    let command = command.to_owned();
    let output = "Error: the schedule says so".to_owned();
    match call {
        Call::Answered(answer) => Ok(answer),
        Call::Denied(Denial::Busy) | Call::Busy => Err(SlxError::Busy {
            command,
            output: "another operation".to_owned(),
        }),
        Call::Denied(Denial::Refused(why)) => Err(SlxError::Refused {
            command,
            output: format!("Error: {why}"),
        }),
        Call::Declined => Err(SlxError::Refused { command, output }),
        Call::TooLate => Err(SlxError::TooLate { command }),
        Call::Lost => Err(SlxError::Lost { command }),
        Call::TimedOut => Err(SlxError::Timeout {
            command,
            last: LastLine::None,
        }),
        // What has another meaning where it is asked for is seen to there.
        Call::Garbled | Call::Missing | Call::Other => Err(SlxError::Unknown { command, output }),
    }
}

fn slx_version(text: &str) -> Result<SlxVersion, SlxError> {
    text.parse().map_err(|_| SlxError::Invalid {
        command: "slx_version".to_owned(),
        what: format!("{text} is no version"),
    })
}

#[async_trait]
impl Switch for Session {
    async fn slx_version(&mut self) -> Result<SlxVersion, SlxError> {
        slx("slx_version", self.0.read("slx_version", |_, _| ()).await)?;
        slx_version("20.5.1a")
    }

    async fn tpvm_status(&mut self) -> Result<TpvmStatus, SlxError> {
        let status = self.0.read("tpvm_status", |plant, _| TpvmStatus {
            phase: match (&plant.operation, &plant.guest) {
                (Some(operation), _) => Phase::Working(format!("{:?}", operation.command)),
                (None, None) => Phase::NotInstalled,
                (None, Some(guest)) if guest.running => Phase::Running,
                (None, Some(_)) => Phase::Stopped,
            },
            tags: plant
                .tags
                .iter()
                .map(|name| Tag {
                    name: name.clone(),
                    severity: Severity::Error,
                    text: "it failed".to_owned(),
                })
                .collect(),
        });
        slx("tpvm_status", status.await)
    }

    async fn tpvm_version(&mut self) -> Result<Option<TpvmVersion>, SlxError> {
        let version = self.0.read("tpvm_version", |plant, _| {
            plant.guest.as_ref().map(|guest| guest.version)
        });
        let version = match version.await {
            Call::Missing => None,
            Call::Other => Some(CUT_SHORT),
            version => slx("tpvm_version", version)?,
        };
        Ok(version.and_then(|version| version.parse().ok()))
    }

    async fn tpvm_ips(&mut self) -> Result<Addresses, SlxError> {
        let ips = self.0.read("tpvm_addresses", |plant, _| {
            let running = plant.guest.iter().filter(|guest| guest.running);
            Addresses {
                management: running.map(|guest| guest.ip).collect(),
                others: Vec::new(),
            }
        });
        match ips.await {
            Call::Missing => Ok(Addresses {
                management: Vec::new(),
                others: Vec::new(),
            }),
            Call::Other => Ok(Addresses {
                management: vec![ON_THE_LINK],
                others: Vec::new(),
            }),
            ips => slx("tpvm_addresses", ips),
        }
    }

    async fn snapshot(&mut self) -> Result<Option<String>, SlxError> {
        let snapshot = self.0.read("tpvm_snapshot", |plant, _| {
            plant.snapshot.as_ref().map(|(text, _)| text.clone())
        });
        slx("tpvm_snapshot", snapshot.await)
    }

    async fn running_config(&mut self) -> Result<Option<TpvmConfig>, SlxError> {
        let config = self
            .0
            .read("running_config", |plant, _| plant.config.clone());
        slx("running_config", config.await)
    }

    async fn configure(
        &mut self,
        config: &TpvmConfig,
        _trusted_peer_password: Option<&SecretString>,
    ) -> Result<(), SlxError> {
        let config = TpvmConfig {
            deploy: false,
            ..config.clone()
        };
        let done = self
            .0
            .change("configure", |plant| plant.config = Some(config));
        slx("configure", done.await)
    }

    async fn set_trusted_peer(
        &mut self,
        peer: &TrustedPeer,
        _password: &SecretString,
    ) -> Result<(), SlxError> {
        let peer = peer.clone();
        let done = self.0.change("trusted_peer", |plant| {
            if let Some(config) = &mut plant.config {
                config.trusted_peer = Some(peer);
            }
        });
        slx("trusted_peer", done.await)
    }

    async fn deploy(&mut self, permit: &Permit) -> Result<(), SlxError> {
        slx(
            "deploy",
            self.0.command("deploy", Command::Deploy, permit).await,
        )
        .map(drop)
    }

    async fn upgrade(&mut self, _from: &ImageSource<'_>, permit: &Permit) -> Result<(), SlxError> {
        slx(
            "upgrade",
            self.0.command("upgrade", Command::Upgrade, permit).await,
        )
        .map(drop)
    }

    async fn revert(&mut self, permit: &Permit) -> Result<(), SlxError> {
        slx(
            "revert",
            self.0.command("revert", Command::Revert, permit).await,
        )
        .map(drop)
    }

    async fn close(self: Box<Self>) {}
}
