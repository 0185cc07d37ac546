//! How long things take, and where the simulator listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Durations and addresses. Minutes in the field are milliseconds or seconds here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// From `tpvm upgrade` to the end of it.
    pub upgrade: Duration,
    /// From `deploy` to a running TPVM.
    pub install: Duration,
    /// From `tpvm revert` to the end of it.
    pub revert: Duration,
    /// From the accepted redeploy to the end of it.
    pub redeploy: Duration,
    /// How long the monitor goes on showing a node as it was, counted from the end of the
    /// operation that took its EFA away.
    pub stale_status: Duration,
    /// From the start of a TPVM that still has its EFA (after a revert) to the node being up.
    pub rejoin: Duration,
    /// How long an access token is good.
    pub access_token: Duration,
    /// How long a refresh token is good.
    pub refresh_token: Duration,
    /// Where switches and EFA nodes listen.
    pub listen: Listen,
    /// Where the control API listens; port 0 lets the system choose.
    pub control: SocketAddr,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            upgrade: Duration::from_secs(2),
            install: Duration::from_secs(2),
            revert: Duration::from_secs(2),
            redeploy: Duration::from_secs(2),
            stale_status: Duration::from_secs(1),
            rejoin: Duration::from_millis(500),
            access_token: Duration::from_secs(300),
            refresh_token: Duration::from_secs(3600),
            listen: Listen::Loopback,
            control: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        }
    }
}

/// Where switches and EFA nodes listen, and what the inventory says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Each on its own loopback address, on a port that the system chooses.
    Loopback,
    /// All on one address, on consecutive ports: switches first, then the EFA deployments. For
    /// containers, whose loopback addresses nobody else reaches.
    Advertised {
        /// The address to listen on, for example `0.0.0.0`.
        address: IpAddr,
        /// The name under which others reach it.
        host: String,
        /// The first switch's port.
        first_port: u16,
    },
}

impl Settings {
    /// Everything as fast as still can be observed: for tests.
    pub fn fast() -> Self {
        Self {
            upgrade: Duration::from_millis(300),
            install: Duration::from_millis(300),
            revert: Duration::from_millis(300),
            redeploy: Duration::from_millis(300),
            stale_status: Duration::from_millis(200),
            rejoin: Duration::from_millis(100),
            ..Self::default()
        }
    }
}
