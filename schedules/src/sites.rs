//! The ways to the devices of a schedule, as the states see them.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use ledger::Target;
use schemas::inventory::Device;
use schemas::tpvm::{TpvmConfig, TrustedPeer};
use secrecy::SecretString;
use worker::efa::{Deployment, EfaApi, EfaError, NodeStatus, RedeployStatus, Role};
use worker::permit::Permit;
use worker::sites::Sites;
use worker::slx::{ImageSource, Phase, Severity, SlxError, Switch, Tag, TpvmStatus};
use worker::versions::{SlxVersion, TpvmVersion};

use crate::plant::{Command, Denial, Plant, Standing, device_ip, peer_ip, tpvm_ip};
use crate::point::Point;
use crate::schedule::{End, What};
use crate::world::{Go, OnTheWay, Task, World};

/// The bound on one command to a switch.
pub(crate) const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);
/// The bound on one request to EFA.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What a call came to, in the words of neither side.
enum Call<T> {
    Answered(T),
    Denied(Denial),
    /// The device refused, whatever it was.
    Declined,
    Busy,
    /// The leave to send it had ended.
    TooLate,
    /// The connection broke.
    Lost,
    /// No answer came in time.
    TimedOut,
    /// The answer is not understood.
    Garbled,
}

/// The way of one worker to the devices.
#[derive(Clone)]
pub(crate) struct Ways {
    pub(crate) world: World,
    pub(crate) worker: usize,
}

/// One worker's way to one deployment.
struct Way {
    ways: Ways,
    fabric: usize,
}

impl Way {
    /// A call that reads.
    async fn read<T>(&self, name: &str, look: impl FnOnce(&mut Plant, Duration) -> T) -> Call<T> {
        let Ways { world, worker } = &self.ways;
        let go = world.pass(*worker, Point::Call, name).await;
        if let Go::Wrong(what) = go {
            match what {
                What::CutOff | What::ReplyLost => return Call::Lost,
                What::Silent | What::ReplySilent => return self.silence(name).await,
                What::Garbled => return Call::Garbled,
                What::Declined => return Call::Declined,
                What::Busy => return Call::Busy,
                What::KillAfter { .. } => return world.die(*worker).await,
                What::Stale { secs } => {
                    let mut state = world.state();
                    let now = state.now;
                    state.plants[self.fabric].freeze(now, Duration::from_secs(secs.into()));
                }
                What::Failover => world.state().plants[self.fabric].is_active = true,
                _ => {}
            }
        }
        if let Go::Dead = go {
            return Call::Lost;
        }
        let mut state = world.state();
        let now = state.now;
        Call::Answered(look(&mut state.plants[self.fabric], now))
    }

    /// A call that changes something, all at once.
    async fn change(&self, name: &str, change: impl FnOnce(&mut Plant)) -> Call<()> {
        let Ways { world, worker } = &self.ways;
        let apply = || change(&mut world.state().plants[self.fabric]);
        match world.pass(*worker, Point::Call, name).await {
            Go::Dead | Go::Wrong(What::CutOff) => Call::Lost,
            Go::Wrong(What::Silent) => self.silence(name).await,
            Go::Wrong(What::ReplyLost) => {
                apply();
                Call::Lost
            }
            Go::Wrong(What::ReplySilent) => {
                apply();
                self.silence(name).await
            }
            Go::Wrong(What::Garbled) => {
                apply();
                Call::Garbled
            }
            Go::Wrong(What::Declined) => Call::Declined,
            Go::Wrong(What::KillAfter { .. }) => {
                apply();
                world.die(*worker).await
            }
            Go::On | Go::Away | Go::Wrong(_) => {
                apply();
                Call::Answered(())
            }
        }
    }

    /// A call that begins something.
    async fn command(&self, name: &str, command: Command, permit: &Permit) -> Call<String> {
        let Ways { world, worker } = &self.ways;
        let by = Task::request();
        let take = |end| {
            let mut state = world.state();
            let now = state.now;
            let taken = state.plants[self.fabric].take(command, now, end, by);
            state.say(format!("{command:?} at fabric {}: {taken:?}", self.fabric));
            taken
        };
        let what = match world.pass(*worker, Point::Call, name).await {
            Go::Dead => return Call::Lost,
            Go::On | Go::Away => What::Becomes { end: End::Well },
            Go::Wrong(what) => what,
        };
        if !permit.holds() {
            return Call::TooLate;
        }
        let taken = match what {
            What::CutOff => return Call::Lost,
            What::Silent => return self.silence(name).await,
            What::Declined => return Call::Declined,
            What::Busy => return Call::Busy,
            What::OnTheWay { secs } => {
                {
                    let mut state = world.state();
                    let arrives = state.now + Duration::from_secs(secs.into());
                    state.on_the_way.push(OnTheWay {
                        arrives,
                        fabric: self.fabric,
                        command,
                        by,
                    });
                }
                return self.silence(name).await;
            }
            What::Becomes { end } => take(end),
            _ => take(End::Well),
        };
        match what {
            What::KillAfter { .. } => world.die(*worker).await,
            What::ReplyLost => Call::Lost,
            What::ReplySilent => self.silence(name).await,
            What::Garbled => Call::Garbled,
            _ => match taken {
                Ok(answer) => Call::Answered(answer),
                Err(denial) => Call::Denied(denial),
            },
        }
    }

    async fn silence<T>(&self, name: &str) -> Call<T> {
        let limit = match name.starts_with("efa ") {
            true => REQUEST_TIMEOUT,
            false => COMMAND_TIMEOUT,
        };
        tokio::time::sleep(limit).await;
        Call::TimedOut
    }
}

#[async_trait]
impl Sites for Ways {
    async fn switch(&self, device: &Device) -> Result<Box<dyn Switch>, SlxError> {
        let way = self.way(|index| device_ip(index) == device.ip_address);
        match way.read("connect", |_, _| ()).await {
            Call::Answered(()) => Ok(Box::new(Session(way))),
            Call::Declined | Call::Garbled | Call::Denied(_) => Err(SlxError::Login {
                host: device.ip_address.to_string(),
                user: device.user.to_string(),
                what: "the password is wrong".to_owned(),
            }),
            Call::Lost | Call::TimedOut | Call::Busy | Call::TooLate => Err(SlxError::Connect {
                host: device.ip_address.to_string(),
                what: "no route".to_owned(),
                source: None,
            }),
        }
    }

    fn efa(&self, target: &Target) -> Result<Box<dyn EfaApi>, EfaError> {
        let way = self.way(|index| device_ip(index) == target.device.ip_address);
        Ok(Box::new(Monitor(way)))
    }
}

impl Ways {
    fn way(&self, is: impl Fn(usize) -> bool) -> Way {
        let count = self.world.state().plants.len();
        Way {
            ways: self.clone(),
            // Every registered device is one of the schedule's.
            fabric: (0..count).find(|index| is(*index)).unwrap_or_default(),
        }
    }
}

/// A session with a switch.
struct Session(Way);

fn slx<T>(command: &str, call: Call<T>) -> Result<T, SlxError> {
    let command = command.to_owned();
    let output = "Error: the schedule says so".to_owned();
    match call {
        Call::Answered(answer) => Ok(answer),
        Call::Denied(Denial::Busy) | Call::Busy => Err(SlxError::Busy { command }),
        Call::Denied(Denial::Refused(why)) => Err(SlxError::Refused {
            command,
            output: format!("Error: {why}"),
        }),
        Call::Declined => Err(SlxError::Refused { command, output }),
        Call::TooLate => Err(SlxError::TooLate { command }),
        Call::Lost => Err(SlxError::Lost { command }),
        Call::TimedOut => Err(SlxError::Timeout { command }),
        Call::Garbled => Err(SlxError::Unknown { command, output }),
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
        let version = slx("tpvm_version", version.await)?;
        Ok(version.and_then(|version| version.parse().ok()))
    }

    async fn tpvm_ips(&mut self) -> Result<Vec<IpAddr>, SlxError> {
        let ips = self.0.read("tpvm_addresses", |plant, _| {
            let running = plant.guest.iter().filter(|guest| guest.running);
            running.map(|guest| guest.ip).collect()
        });
        slx("tpvm_addresses", ips.await)
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

/// EFA's monitor service.
struct Monitor(Way);

fn efa<T>(call: &str, came: Call<T>) -> Result<T, EfaError> {
    let call = call.to_owned();
    let status = |code, message: &str| {
        let message = message.to_owned();
        Err(EfaError::Status {
            call: call.clone(),
            code,
            message,
        })
    };
    match came {
        Call::Answered(answer) => Ok(answer),
        Call::Denied(Denial::Busy) => status(409, "busy"),
        Call::Denied(Denial::Refused(why)) => status(409, why),
        Call::Busy => status(503, "busy"),
        Call::Declined => status(400, "the schedule says so"),
        Call::TooLate => Err(EfaError::TooLate { call }),
        // What the HTTP library says of a lost connection can't be made up: a timeout counts alike.
        Call::Lost | Call::TimedOut => Err(EfaError::Timeout { call }),
        Call::Garbled => Err(EfaError::Invalid {
            call,
            what: "the answer is no whole JSON".to_owned(),
        }),
    }
}

#[async_trait]
impl EfaApi for Monitor {
    async fn nodes(&self) -> Result<Vec<NodeStatus>, EfaError> {
        let fabric = self.0.fabric;
        let nodes = self.0.read("efa nodes", |plant, now| {
            let node = |name: &str, ip, active, up| NodeStatus {
                name: name.to_owned(),
                ip,
                role: if active { Role::Active } else { Role::Standby },
                up,
                reason: String::new(),
            };
            vec![
                node("peer", peer_ip(fabric), !plant.is_active, true),
                node("own", tpvm_ip(fabric), plant.is_active, plant.shows_up(now)),
            ]
        });
        efa("GET /monitor/status/efa", nodes.await)
    }

    async fn deployment(&self) -> Result<Deployment, EfaError> {
        let fabric = self.0.fabric;
        let deployment = self.0.read("efa deployment", |plant, _| Deployment {
            version: "3.8.0".to_owned(),
            node_ips: vec![peer_ip(fabric), tpvm_ip(fabric)],
            timestamp: Some(plant.deployed()),
            multi_node: true,
        });
        efa("GET /monitor/deployment", deployment.await)
    }

    async fn redeploy(&self, _clean: bool, permit: &Permit) -> Result<String, EfaError> {
        let id = self.0.command("efa redeploy", Command::Redeploy, permit);
        efa("POST /monitor/redeploy", id.await)
    }

    async fn redeploy_status(&self, id: &str) -> Result<RedeployStatus, EfaError> {
        let standing = self
            .0
            .read("efa redeploy_status", |plant, _| plant.redeploy(id));
        Ok(match efa("GET /monitor/redeploy/{id}", standing.await)? {
            Standing::Unknown => RedeployStatus::NotFound,
            Standing::Running => RedeployStatus::Processing,
            Standing::Done => RedeployStatus::Completed,
            Standing::Failed(message) => RedeployStatus::Failed(message.to_owned()),
        })
    }
}
