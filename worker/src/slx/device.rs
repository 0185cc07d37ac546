use std::net::IpAddr;
use std::sync::Arc;

use schemas::inventory::Device;
use schemas::tpvm::{TpvmConfig, TrustedPeer};
use secrecy::SecretString;

use super::{Dialect, ImageSource, SlxError, SshSettings, TpvmStatus};
use crate::secrets::Secrets;
use crate::versions::{SlxVersion, TpvmVersion};

/// One SSH session with a switch.
pub struct SlxDevice {}

#[allow(missing_docs)]
impl SlxDevice {
    pub async fn connect(
        _device: &Device,
        _secrets: &Secrets,
        _settings: &SshSettings,
        _dialect: Arc<Dialect>,
    ) -> Result<SlxDevice, SlxError> {
        todo!()
    }
    pub async fn slx_version(&mut self) -> Result<SlxVersion, SlxError> {
        todo!()
    }
    pub async fn tpvm_status(&mut self) -> Result<TpvmStatus, SlxError> {
        todo!()
    }
    pub async fn tpvm_version(&mut self) -> Result<Option<TpvmVersion>, SlxError> {
        todo!()
    }
    pub async fn tpvm_ips(&mut self) -> Result<Vec<IpAddr>, SlxError> {
        todo!()
    }
    pub async fn snapshot(&mut self) -> Result<Option<String>, SlxError> {
        todo!()
    }
    pub async fn running_config(&mut self) -> Result<Option<TpvmConfig>, SlxError> {
        todo!()
    }
    pub async fn configure(
        &mut self,
        _config: &TpvmConfig,
        _trusted_peer_password: Option<&SecretString>,
    ) -> Result<(), SlxError> {
        todo!()
    }
    pub async fn set_trusted_peer(
        &mut self,
        _peer: &TrustedPeer,
        _password: &SecretString,
    ) -> Result<(), SlxError> {
        todo!()
    }
    pub async fn deploy(&mut self) -> Result<(), SlxError> {
        todo!()
    }
    pub async fn upgrade(&mut self, _from: &ImageSource<'_>) -> Result<(), SlxError> {
        todo!()
    }
    pub async fn revert(&mut self) -> Result<(), SlxError> {
        todo!()
    }
    pub async fn close(self) {}
}
