//! One EFA deployment: its nodes as the monitor sees them, and the redeploy of a peer.

mod auth;
mod model;
mod monitor;
mod redeploy;
pub(crate) mod server;
mod tokens;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use self::redeploy::Redeploy;
use self::tokens::Tokens;
use crate::counters::Counters;
use crate::faults::{Faults, Tagged, UnknownCall};
use crate::fleet::DeploymentSpec;
use crate::handles::{DeploymentChange, DeploymentState, NodeState};
use crate::switch::{ActiveNode, Switch, World};

/// One deployment.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) spec: DeploymentSpec,
    pub(crate) api_url: String,
    pub(crate) listening: SocketAddr,
    pub(crate) switches: Vec<Arc<Switch>>,
    pub(crate) active: ActiveNode,
    pub(crate) world: Arc<World>,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    tokens: Tokens,
    model: Mutex<Model>,
}

/// What changes in a deployment.
#[derive(Debug)]
struct Model {
    efa_version: String,
    deployed: DateTime<Utc>,
    /// Every redeploy that was accepted; at most the last one runs.
    redeploys: Vec<Redeploy>,
}

/// A second redeploy while one runs.
#[derive(Debug)]
struct Busy;

impl Deployment {
    pub(crate) fn new(
        spec: DeploymentSpec,
        api_url: String,
        listening: SocketAddr,
        switches: Vec<Arc<Switch>>,
        active: ActiveNode,
        world: Arc<World>,
    ) -> Result<Self, UnknownCall> {
        let faults = Faults::new(&spec.faults)?;
        let of_switches = switches.iter().map(|switch| &switch.faults);
        Faults::join(of_switches.chain([&faults]));
        Ok(Self {
            faults,
            counters: Counters::default(),
            tokens: Tokens::default(),
            model: Mutex::new(Model {
                efa_version: spec.efa_version.clone(),
                deployed: Utc::now() - chrono::TimeDelta::days(30),
                redeploys: Vec::new(),
            }),
            spec,
            api_url,
            listening,
            switches,
            active,
            world,
        })
    }

    /// The state as of now: a redeploy that should have ended has ended.
    fn model(&self) -> MutexGuard<'_, Model> {
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let active = self.active_node();
        if let Some(redeploy) = model.redeploys.last_mut()
            && redeploy.finish(now, &self.switches, active)
        {
            model.deployed = Utc::now();
        }
        model
    }

    fn active_node(&self) -> usize {
        self.active.load(Ordering::SeqCst)
    }

    /// Whether the monitor shows this node as up.
    fn is_up(&self, node: &Switch) -> bool {
        node.tpvm().health.is_up(Instant::now())
    }

    fn role(&self, node: &Switch) -> &'static str {
        if node.node == self.active_node() {
            "active"
        } else {
            "standby"
        }
    }

    /// Accepts a redeploy and says its id.
    fn redeploy(&self, failure: Option<Tagged>) -> Result<String, Busy> {
        let mut model = self.model();
        if model.redeploys.last().is_some_and(Redeploy::is_running) {
            return Err(Busy);
        }
        let redeploy = Redeploy::start(failure, self.world.settings.redeploy);
        let id = redeploy.id.clone();
        model.redeploys.push(redeploy);
        self.counters.effect("efa-redeploy");
        Ok(id)
    }

    /// The active node goes away for a moment: another one takes over, if one is up.
    fn fail_over(&self) -> bool {
        let active = self.active_node();
        let heir = self
            .switches
            .iter()
            .find(|switch| switch.node != active && self.is_up(switch));
        if let Some(heir) = heir {
            heir.go_active();
        }
        heir.is_some()
    }

    pub(crate) fn state(&self) -> DeploymentState {
        let model = self.model();
        DeploymentState {
            name: self.spec.name.clone(),
            api_url: self.api_url.clone(),
            efa_version: model.efa_version.clone(),
            timestamp: model.timestamp(),
            nodes: self
                .switches
                .iter()
                .map(|switch| NodeState {
                    ip: switch.spec.tpvm_ip,
                    name: switch.spec.tpvm_name.clone(),
                    role: self.role(switch).to_owned(),
                    status: if self.is_up(switch) { "up" } else { "down" }.to_owned(),
                })
                .collect(),
            redeploying: model.redeploys.last().is_some_and(Redeploy::is_running),
        }
    }

    pub(crate) fn change(&self, change: DeploymentChange) {
        if let Some(active) = change.active {
            self.active.store(active, Ordering::SeqCst);
        }
        if let Some(version) = change.efa_version {
            self.model().efa_version = version;
        }
    }
}

impl Model {
    /// When EFA was last deployed, as `show efa status` writes it: `22-10-25:12:45:44`.
    fn timestamp(&self) -> String {
        self.deployed.format("%y-%m-%d:%H:%M:%S").to_string()
    }
}
