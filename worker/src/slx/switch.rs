//! What a workflow asks of a switch.

use async_trait::async_trait;
use schemas::tpvm::{TpvmConfig, TrustedPeer};
use secrecy::SecretString;

use super::{Addresses, ImageSource, SlxError, TpvmStatus};
use crate::permit::Permit;
use crate::versions::{SlxVersion, TpvmVersion};

/// One session with a switch.
#[async_trait]
pub trait Switch: Send {
    /// The SLX-OS version.
    async fn slx_version(&mut self) -> Result<SlxVersion, SlxError>;

    /// What the TPVM does, and what earlier operations left behind.
    async fn tpvm_status(&mut self) -> Result<TpvmStatus, SlxError>;

    /// The version of the installed image; `None` if none is installed.
    async fn tpvm_version(&mut self) -> Result<Option<TpvmVersion>, SlxError>;

    /// The TPVM's addresses. None while it does not run.
    async fn tpvm_ips(&mut self) -> Result<Addresses, SlxError>;

    /// The snapshot that a revert would go back to, as the switch describes it: the whole text
    /// after `Snapshot: `.
    async fn snapshot(&mut self) -> Result<Option<String>, SlxError>;

    /// The TPVM configuration in the running-config; `None` if there is none.
    async fn running_config(&mut self) -> Result<Option<TpvmConfig>, SlxError>;

    /// Writes every item of a configuration but `deploy`, install-time items first and the
    /// trusted peer last. The trusted peer needs its password in clear, since SLX-OS does not
    /// take the encoded one back; without it nothing is sent. `auto-boot` is written if the
    /// configuration has it on.
    async fn configure(
        &mut self,
        config: &TpvmConfig,
        trusted_peer_password: Option<&SecretString>,
    ) -> Result<(), SlxError>;

    /// Writes the trusted peer, with its password in clear.
    async fn set_trusted_peer(
        &mut self,
        peer: &TrustedPeer,
        password: &SecretString,
    ) -> Result<(), SlxError>;

    /// Writes `deploy`: installs the TPVM from the image on the switch, starts and configures it.
    /// The switch goes on by itself; [`Switch::tpvm_status`] tells how far it is.
    /// Not sent without leave to.
    async fn deploy(&mut self, permit: &Permit) -> Result<(), SlxError>;

    /// Sends `tpvm upgrade`: stops the TPVM, takes a snapshot, fetches the image and starts it.
    /// The switch goes on by itself. Not sent without leave to.
    async fn upgrade(&mut self, from: &ImageSource<'_>, permit: &Permit) -> Result<(), SlxError>;

    /// Sends `tpvm revert`: goes back to the snapshot. The switch goes on by itself. Not sent
    /// without leave to.
    async fn revert(&mut self, permit: &Permit) -> Result<(), SlxError>;

    /// Ends the session in good order. Dropping it ends it too.
    async fn close(self: Box<Self>);
}
