//! The command line of `tpvm-simulator`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{ArgGroup, Parser};
use simulator::{Fleet, Listen, Settings, Simulator};

/// Simulated SLX switches over SSH and EFA deployments over HTTPS.
///
/// Prints one line, `ready control=http://127.0.0.1:PORT`, when everything listens, and ends at
/// SIGTERM or SIGINT.
#[derive(Parser)]
#[command(name = "tpvm-simulator", version, after_help = EXAMPLES)]
#[command(group(ArgGroup::new("what").required(true).args(["deployments", "fleet"])))]
pub struct Options {
    /// Simulate N deployments of two nodes each
    #[arg(long, value_name = "N")]
    deployments: Option<usize>,
    /// Simulate what this TOML file says
    #[arg(long, value_name = "FILE")]
    fleet: Option<PathBuf>,

    /// Write the inventory, JSON for `tpvm-upgrade inventory load`
    #[arg(long, value_name = "FILE")]
    write_inventory: Option<PathBuf>,
    /// Write each secret to a file of its own, mode 0600
    #[arg(long, value_name = "DIR")]
    secrets_dir: Option<PathBuf>,
    /// Write the certificate of the CA behind the EFA deployments
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Write OpenSSH known_hosts lines of all switches
    #[arg(long, value_name = "FILE")]
    known_hosts: Option<PathBuf>,

    /// Where the control API listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// Listen on this address alone, with fixed ports, instead of loopback addresses
    #[arg(long, value_name = "IP", requires = "advertise_host")]
    listen: Option<IpAddr>,
    /// The name under which others reach that address
    #[arg(long, value_name = "NAME")]
    advertise_host: Option<String>,
    /// The first of those ports: switches, then EFA deployments
    #[arg(long, value_name = "PORT", default_value_t = 22_000)]
    first_port: u16,

    /// How long an upgrade takes
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    upgrade: Duration,
    /// How long an installation takes
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    install: Duration,
    /// How long a revert takes
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    revert: Duration,
    /// How long a redeploy of EFA takes
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    redeploy: Duration,
    /// How long after an operation the EFA monitor still shows the old status
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    stale_status: Duration,
    /// How long a reverted TPVM takes to be up in EFA again
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    rejoin: Duration,
    /// How long an access token is good
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    access_token: Duration,
    /// How long a refresh token is good
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    refresh_token: Duration,
}

const EXAMPLES: &str = "Examples:
  tpvm-simulator --deployments 4 --write-inventory inventory.json --secrets-dir secrets \\
      --ca-file ca.pem --known-hosts known_hosts
  tpvm-simulator --fleet simulator/fleet.example.toml --upgrade 30s
  tpvm-simulator --deployments 4 --listen 0.0.0.0 --advertise-host simulator";

impl Options {
    pub fn fleet(&self) -> anyhow::Result<Fleet> {
        match &self.fleet {
            None => Ok(Fleet::generate(self.deployments.unwrap_or_default())),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("can't read the fleet file {}", path.display()))?;
                Fleet::from_toml(&text)
                    .with_context(|| format!("can't use the fleet file {}", path.display()))
            }
        }
    }

    pub fn settings(&self) -> Settings {
        let listen = match &self.advertise_host {
            None => Listen::Loopback,
            Some(host) => Listen::Advertised {
                address: self.listen.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
                host: host.clone(),
                first_port: self.first_port,
            },
        };
        Settings {
            upgrade: self.upgrade,
            install: self.install,
            revert: self.revert,
            redeploy: self.redeploy,
            stale_status: self.stale_status,
            rejoin: self.rejoin,
            access_token: self.access_token,
            refresh_token: self.refresh_token,
            listen,
            control: self.control,
        }
    }

    /// Writes the files that were asked for.
    pub fn write(&self, simulator: &Simulator) -> anyhow::Result<()> {
        if let Some(dir) = &self.secrets_dir {
            simulator.write_secrets(dir)?;
        }
        write(self.ca_file.as_deref(), || simulator.ca_pem())?;
        write(self.known_hosts.as_deref(), || simulator.known_hosts())?;
        // Last: whoever waits for the inventory finds the other files.
        write(self.write_inventory.as_deref(), || {
            simulator.inventory_text()
        })
    }
}

fn write(path: Option<&Path>, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    match path {
        None => Ok(()),
        Some(path) => {
            std::fs::write(path, text()).with_context(|| format!("can't write {}", path.display()))
        }
    }
}
