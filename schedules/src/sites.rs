//! The ways to the devices of a schedule, as the states see them.

mod monitor;
mod session;

use std::time::Duration;

use async_trait::async_trait;
use ledger::Target;
use schemas::inventory::Device;
use worker::efa::{EfaApi, EfaError};
use worker::permit::Permit;
use worker::sites::Sites;
use worker::slx::{LoginFailure, SlxError, Switch, Unconnected};

use self::monitor::Monitor;
use self::session::Session;
use crate::addresses::device_ip;
use crate::plant::{Command, Denial, Plant};
use crate::point::Point;
use crate::schedule::{End, How, What};
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
    /// The answer lacks what was asked for.
    Missing,
    /// The answer has words that nobody knows.
    Other,
}

impl<T> From<How> for Call<T> {
    fn from(how: How) -> Self {
        match how {
            How::Refused => Call::Declined,
            How::Garbled => Call::Garbled,
            How::Missing => Call::Missing,
            How::Other => Call::Other,
        }
    }
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
        let hidden = {
            let state = world.state();
            state.plants[self.fabric].hidden(state.now)
        };
        if let Go::Wrong(what) = go {
            match what {
                What::Unreadable { secs, how } => {
                    let mut state = world.state();
                    let now = state.now;
                    state.plants[self.fabric].hide(now, Duration::from_secs(secs.into()), how);
                    return how.into();
                }
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
                What::Failover => {
                    let plant = &mut world.state().plants[self.fabric];
                    plant.is_active = true;
                    plant.evidence = true;
                }
                _ => {}
            }
        }
        if let Go::Dead = go {
            return Call::Lost;
        }
        if let Some(how) = hidden {
            return how.into();
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
            Go::Wrong(What::Declined) => {
                world.state().plants[self.fabric].evidence = true;
                Call::Declined
            }
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
        {
            let mut state = world.state();
            state.sent(self.fabric, command, by);
            let plant = &mut state.plants[self.fabric];
            plant.commanded.push(by);
            match what {
                What::Declined | What::Busy => plant.evidence = true,
                What::CutOff | What::Silent => plant.lost += 1,
                What::Becomes { end: End::Nothing } => plant.lost += 1,
                What::Becomes { end } => plant.evidence |= end != End::Well,
                _ => {}
            }
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
            Call::Declined | Call::Garbled | Call::Other | Call::Denied(_) => {
                Err(SlxError::Login {
                    host: device.ip_address.to_string(),
                    user: device.user.to_string(),
                    cause: LoginFailure::Refused {
                        tried: "the password".to_owned(),
                        said: String::new(),
                    },
                })
            }
            Call::Lost | Call::TimedOut | Call::Missing | Call::Busy | Call::TooLate => {
                Err(SlxError::Connect {
                    host: device.ip_address.to_string(),
                    cause: Box::new(Unconnected::Unreachable),
                    source: None,
                })
            }
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
