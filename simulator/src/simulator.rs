//! Starts and stops everything.

mod error;
mod files;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use axum_server::accept::DefaultAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::error::SimulatorError;
pub use self::files::Files;
use crate::control::{self, Control};
use crate::efa::{self, Deployment};
use crate::fleet::{DeploymentSpec, Fleet};
use crate::handles::{DeploymentHandle, SwitchHandle};
use crate::http::{self, WireAcceptor};
use crate::identity::Identity;
use crate::inventory;
use crate::settings::{Listen, Settings};
use crate::switch::{self, Switch, World};

/// How long [`Simulator::stop`] waits for its tasks.
const STOP: Duration = Duration::from_secs(5);

/// A running simulator. Dropping it ends every listener and connection.
#[derive(Debug)]
pub struct Simulator {
    control: Arc<Control>,
    control_address: SocketAddr,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Simulator {
    /// Starts every switch, every EFA deployment and the control API.
    pub async fn start(fleet: Fleet, settings: Settings) -> Result<Self, SimulatorError> {
        let control_address = settings.control;
        let mut starting = Starting {
            identity: Identity::new().map_err(crate::IdentityError::from)?,
            world: Arc::new(World {
                settings,
                credentials: fleet.credentials,
                firmware_hosts: fleet.firmware_hosts,
            }),
            switches: HashMap::new(),
            known_hosts: String::new(),
            ports: 0,
            tasks: TaskTracker::new(),
            // Ends what was started if the rest can't be.
            shutdown: Shutdown(CancellationToken::new()),
        };
        // All switches before the first deployment, so that advertised ports stand in that order.
        let mut prepared = Vec::with_capacity(fleet.deployments.len());
        for deployment in fleet.deployments {
            prepared.push(starting.switches(deployment)?);
        }
        let mut deployments = Vec::with_capacity(prepared.len());
        for one in prepared {
            deployments.push(starting.deployment(one)?);
        }
        starting.control(deployments, control_address)
    }

    /// The inventory that describes the fleet, as `tpvm-upgrade inventory load` reads it.
    pub fn inventory(&self) -> serde_json::Value {
        self.control.inventory()
    }

    /// The certificate of the CA that signed every EFA deployment's, PEM.
    pub fn ca_pem(&self) -> String {
        self.control.ca_pem.clone()
    }

    /// OpenSSH `known_hosts` lines for every switch.
    pub fn known_hosts(&self) -> String {
        self.control.known_hosts.clone()
    }

    /// Name and value of each secret that the inventory or a request names: `slx-password`,
    /// `efa-password`, `firmware-password`, `trusted-peer-password`.
    pub fn secrets(&self) -> Vec<(&'static str, String)> {
        inventory::secrets(&self.control.world.credentials)
    }

    /// The base of the control API: `http://127.0.0.1:41000`.
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control_address)
    }

    /// The switch with this management address.
    pub fn switch(&self, ip: IpAddr) -> Option<SwitchHandle> {
        self.control.switches.get(&ip).cloned()
    }

    /// The deployment with this name.
    pub fn deployment(&self, name: &str) -> Option<DeploymentHandle> {
        self.control.deployment(name).cloned()
    }

    /// Every deployment, in the fleet's order.
    pub fn deployments(&self) -> &[DeploymentHandle] {
        &self.control.deployments
    }

    /// Ends everything and waits for it, five seconds at most.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "tasks still running");
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Cancels when dropped, unless it was taken over.
struct Shutdown(CancellationToken);

impl Drop for Shutdown {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A simulator of which a part is running.
struct Starting {
    identity: Identity,
    world: Arc<World>,
    switches: HashMap<IpAddr, SwitchHandle>,
    known_hosts: String,
    /// How many advertised ports are taken.
    ports: usize,
    tasks: TaskTracker,
    shutdown: Shutdown,
}

/// A deployment whose switches are running.
struct Prepared {
    spec: DeploymentSpec,
    switches: Vec<Arc<Switch>>,
    active: switch::ActiveNode,
}

impl Starting {
    fn switches(&mut self, spec: DeploymentSpec) -> Result<Prepared, SimulatorError> {
        let active = Arc::new(AtomicUsize::new(spec.active));
        let mut switches = Vec::with_capacity(spec.switches.len());
        for (node, switch) in spec.switches.iter().enumerate() {
            let config = Arc::new(russh::server::Config {
                keys: vec![self.identity.host_key.clone()],
                auth_rejection_time: Duration::from_millis(50),
                auth_rejection_time_initial: Some(Duration::ZERO),
                preferred: switch.profile.algorithms(),
                methods: switch.login.methods(),
                ..russh::server::Config::default()
            });
            let listener = self.listen(switch.address.into(), &switch.name)?;
            let listening = local(&listener, &switch.name)?;
            let host = inventory::advertised(&self.world.settings)
                .map_or_else(|| listening.ip().to_string(), str::to_owned);
            self.known_hosts += &self.identity.known_host(&host, listening.port())?;
            self.known_hosts.push('\n');
            let listener = tokio::net::TcpListener::from_std(listener)
                .map_err(|source| SimulatorError::listen(&switch.name, listening, source))?;
            let switch = Arc::new(Switch::new(
                switch.clone(),
                listening,
                node,
                active.clone(),
                self.world.clone(),
            )?);
            let address = IpAddr::V4(switch.address());
            if self
                .switches
                .insert(address, SwitchHandle(switch.clone()))
                .is_some()
            {
                return Err(SimulatorError::Twice(address.to_string()));
            }
            self.tasks.spawn(switch::server::serve(
                switch.clone(),
                listener,
                config.clone(),
                self.tasks.clone(),
                self.shutdown.0.clone(),
            ));
            switches.push(switch);
        }
        Ok(Prepared {
            spec,
            switches,
            active,
        })
    }

    fn deployment(&mut self, prepared: Prepared) -> Result<DeploymentHandle, SimulatorError> {
        let Prepared {
            spec,
            switches,
            active,
        } = prepared;
        let listener = self.listen(spec.address.into(), &spec.name)?;
        let listening = local(&listener, &spec.name)?;
        let host = inventory::advertised(&self.world.settings)
            .map_or_else(|| listening.ip().to_string(), str::to_owned);
        let names = vec![
            host.clone(),
            spec.address.to_string(),
            "127.0.0.1".to_owned(),
        ];
        let tls = RustlsConfig::from_config(Arc::new(self.identity.tls(names)?));
        let deployment = Arc::new(Deployment::new(
            spec,
            format!("https://{host}:{}/v1", listening.port()),
            listening,
            switches,
            active,
            self.world.clone(),
        )?);
        let acceptor = WireAcceptor {
            inner: RustlsAcceptor::new(tls),
            shutdown: self.shutdown.0.clone(),
        };
        let router = efa::server::router(deployment.clone());
        self.tasks.spawn(http::serve(listener, acceptor, router));
        Ok(DeploymentHandle(deployment))
    }

    fn control(
        mut self,
        deployments: Vec<DeploymentHandle>,
        address: SocketAddr,
    ) -> Result<Simulator, SimulatorError> {
        let listener = bind(address, "the control API")?;
        let control_address = local(&listener, "the control API")?;
        let control = Arc::new(Control {
            world: self.world.clone(),
            switches: std::mem::take(&mut self.switches),
            deployments,
            ca_pem: self.identity.ca_pem.clone(),
            known_hosts: std::mem::take(&mut self.known_hosts),
        });
        let shutdown = std::mem::take(&mut self.shutdown.0);
        let acceptor = WireAcceptor {
            inner: DefaultAcceptor::new(),
            shutdown: shutdown.clone(),
        };
        self.tasks.spawn(http::serve(
            listener,
            acceptor,
            control::router(control.clone()),
        ));
        Ok(Simulator {
            control,
            control_address,
            tasks: self.tasks.clone(),
            shutdown,
        })
    }

    fn listen(&mut self, own: IpAddr, what: &str) -> Result<std::net::TcpListener, SimulatorError> {
        let address = match &self.world.settings.listen {
            Listen::Loopback => SocketAddr::from((own, 0)),
            Listen::Advertised {
                address,
                first_port,
                ..
            } => {
                let port = usize::from(*first_port) + self.ports;
                self.ports += 1;
                let port = u16::try_from(port).map_err(|_| SimulatorError::Ports)?;
                SocketAddr::from((*address, port))
            }
        };
        bind(address, what)
    }
}

fn bind(address: SocketAddr, what: &str) -> Result<std::net::TcpListener, SimulatorError> {
    let listen = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|source| SimulatorError::listen(what, address, source))
}

fn local(listener: &std::net::TcpListener, what: &str) -> Result<SocketAddr, SimulatorError> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    listener
        .local_addr()
        .map_err(|source| SimulatorError::listen(what, unknown, source))
}
