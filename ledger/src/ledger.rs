//! The handle that everyone else uses.

use std::net::IpAddr;
use std::time::Duration;

use schemas::UpgradeRequest;
use schemas::inventory::{FirmwareHost, Inventory};
use schemas::tpvm::TpvmConfig;
use uuid::Uuid;

use crate::error::LedgerError;
use crate::execution::*;
use crate::facts::Facts;
use crate::report::{Execution, Filter, HistoryRow, StateCount};
use crate::target::{InventoryCounts, Target};

/// How the ledger uses Postgres.
#[derive(Clone, Debug)]
pub struct LedgerOptions {
    /// At most so many connections.
    pub max_connections: u32,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// At most so many items in one statement.
    pub max_batch: usize,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            max_connections: 8,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            max_batch: 256,
        }
    }
}

/// The ledger. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger;

#[allow(unused_variables, missing_docs, reason = "being filled in")]
impl Ledger {
    pub async fn connect(url: &str, options: &LedgerOptions) -> Result<Ledger, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn close(self) {}
    pub async fn accept(
        &self,
        request: &UpgradeRequest,
        first_wake: Duration,
    ) -> Result<Acceptance, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn claim(
        &self,
        step: &StepRef,
        worker: &str,
        ttl: Duration,
    ) -> Result<Claim, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn renew(&self, token: &ClaimToken, ttl: Duration) -> Result<Fenced, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn note(
        &self,
        token: &ClaimToken,
        facts: &Facts,
        ttl: Duration,
    ) -> Result<Fenced, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn record(
        &self,
        token: &ClaimToken,
        transition: &Transition,
    ) -> Result<Fenced, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn wait(&self, token: &ClaimToken, wait: &Wait) -> Result<Fenced, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn due(&self, limit: i64, again_after: Duration) -> Result<Vec<Due>, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn transition(
        &self,
        execution_id: Uuid,
        seq: i32,
    ) -> Result<Option<Transitioned>, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn unannounced_ends(
        &self,
        older_than: Duration,
        limit: i64,
    ) -> Result<Vec<Transitioned>, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn end_announced(&self, execution_id: Uuid) -> Result<(), LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn target(&self, ip: IpAddr) -> Result<Option<Target>, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn firmware_host(&self, ip: IpAddr) -> Result<Option<FirmwareHost>, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn save_tpvm_config(
        &self,
        device_ip: IpAddr,
        config: &TpvmConfig,
    ) -> Result<(), LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn save_operational(
        &self,
        device_ip: IpAddr,
        version: Option<&str>,
        tpvm_ip: Option<IpAddr>,
    ) -> Result<(), LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn load_inventory(
        &self,
        inventory: &Inventory,
    ) -> Result<InventoryCounts, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn inventory(&self) -> Result<Inventory, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn execution(&self, id: Uuid) -> Result<Option<Execution>, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn executions(&self, filter: &Filter) -> Result<Vec<Execution>, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn history(&self, id: Uuid) -> Result<Vec<HistoryRow>, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn counts(&self) -> Result<Vec<StateCount>, LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn migrate(&self) -> Result<(), LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn check_schema(&self) -> Result<(), LedgerError> {
        Err(LedgerError::Closed)
    }
    pub async fn ping(&self) -> Result<(), LedgerError> {
        Err(LedgerError::Closed)
    }
}
