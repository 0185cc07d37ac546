//! The ways to the other side: to switches over SSH, and to EFA over HTTPS.

use std::sync::Arc;

use async_trait::async_trait;
use ledger::Target;
use schemas::inventory::Device;

use crate::efa::{EfaApi, EfaClients, EfaError};
use crate::secrets::Secrets;
use crate::slx::{Dialect, SlxDevice, SlxError, SshSettings, Switch};

/// What a state reaches: the switch, and the EFA of its deployment.
#[async_trait]
pub trait Sites: Send + Sync {
    /// A session with a switch.
    async fn switch(&self, device: &Device) -> Result<Box<dyn Switch>, SlxError>;

    /// The EFA of a device's deployment. Nothing is sent yet.
    fn efa(&self, target: &Target) -> Result<Box<dyn EfaApi>, EfaError>;
}

/// The real ones.
pub struct Network {
    /// Secrets by name, to log in with.
    pub secrets: Arc<Secrets>,
    /// How switches are reached.
    pub ssh: SshSettings,
    /// How switches are spoken to.
    pub dialect: Arc<Dialect>,
    /// How EFA is reached.
    pub efa: EfaClients,
}

#[async_trait]
impl Sites for Network {
    async fn switch(&self, device: &Device) -> Result<Box<dyn Switch>, SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let session = SlxDevice::connect(device, &self.secrets, &self.ssh, dialect).await?;
        Ok(Box::new(session))
    }

    fn efa(&self, target: &Target) -> Result<Box<dyn EfaApi>, EfaError> {
        Ok(Box::new(self.efa.open(target, &self.secrets)?))
    }
}
