//! The EFA DB tables.

use std::net::IpAddr;

use schemas::inventory::{FirmwareHost, Inventory};
use schemas::tpvm::TpvmConfig;
use schemas::values::Label;

use crate::error::LedgerError;
use crate::execution::{ClaimToken, Fenced};
use crate::ledger::Ledger;
use crate::sql::{firmware_host, inventory, operational, tpvm_config};
use crate::target::{InventoryCounts, Target};

impl Ledger {
    /// A registered device with its deployment.
    ///
    /// # Errors
    /// [`LedgerError::UndecodableInventory`].
    pub async fn target(&self, ip: IpAddr) -> Result<Option<Target>, LedgerError> {
        inventory::target(&self.db, ip).await
    }

    /// A registered firmware host.
    ///
    /// # Errors
    /// [`LedgerError::UndecodableInventory`].
    pub async fn firmware_host(&self, ip: IpAddr) -> Result<Option<FirmwareHost>, LedgerError> {
        firmware_host::one(&self.db, ip).await
    }

    /// Replaces the persisted TPVM configuration of a registered device, while the claim is held.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn save_tpvm_config(
        &self,
        held: &ClaimToken,
        device_ip: IpAddr,
        config: &TpvmConfig,
    ) -> Result<Fenced, LedgerError> {
        let work = async {
            let mut connection = self.db.pool.take().await?;
            let saved = tpvm_config::save(&mut connection, device_ip, config, Some(held));
            let saved = saved.await?;
            connection.give_back();
            Ok::<_, LedgerError>(saved)
        };
        Ok(fenced(self.db.bounded(work).await?))
    }

    /// Notes what was seen of a registered device's TPVM, while the claim is held. What is `None`
    /// stays as it was last seen: a replaced device is still known by its TPVM's old address.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for a version that is no [`Label`].
    pub async fn save_operational(
        &self,
        held: &ClaimToken,
        device_ip: IpAddr,
        version: Option<&str>,
        tpvm_ip: Option<IpAddr>,
    ) -> Result<Fenced, LedgerError> {
        if let Some(error) = version.and_then(|version| version.parse::<Label>().err()) {
            return Err(LedgerError::Invalid(format!(
                "the TPVM version of device {device_ip} can't be kept: {error}"
            )));
        }
        let work = async {
            let mut connection = self.db.pool.take().await?;
            let saved = operational::save(&mut connection, device_ip, version, tpvm_ip, Some(held));
            let saved = saved.await?;
            connection.give_back();
            Ok::<_, LedgerError>(saved)
        };
        Ok(fenced(self.db.bounded(work).await?))
    }

    /// Writes everything that an inventory names, or nothing of it. What it does not name stays,
    /// a device's persisted configuration and operational data included.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for something named twice, and for a device that would leave its
    /// deployment while an upgrade of it runs.
    pub async fn load_inventory(
        &self,
        inventory: &Inventory,
    ) -> Result<InventoryCounts, LedgerError> {
        inventory::load(&self.db, inventory).await
    }

    /// The EFA DB tables as an inventory, sorted by names and addresses.
    ///
    /// # Errors
    /// [`LedgerError::UndecodableInventory`].
    pub async fn inventory(&self) -> Result<Inventory, LedgerError> {
        inventory::read(&self.db).await
    }
}

fn fenced(written: bool) -> Fenced {
    match written {
        true => Fenced::Done,
        false => Fenced::Stale,
    }
}
