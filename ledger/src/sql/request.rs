//! A request as its execution's row holds it.

use schemas::{Options, UpgradeRequest, V1};
use uuid::Uuid;

use crate::error::LedgerError;
use crate::values::{Columns, Row};

pub(crate) struct StoredRequest {
    pub(crate) id: Uuid,
    pub(crate) request_id: Uuid,
    pub(crate) ip_address: String,
    pub(crate) firmware_host: String,
    pub(crate) tpvm_image: String,
    pub(crate) requested_by: String,
    pub(crate) trusted_peer_sudo_user: Option<String>,
    pub(crate) trusted_peer_password_secret: Option<String>,
    pub(crate) force: bool,
    pub(crate) clean_redeploy: bool,
}

impl StoredRequest {
    pub(crate) fn read(&self) -> Result<UpgradeRequest, LedgerError> {
        let columns = Row(self.id);
        let secret = self.trusted_peer_password_secret.as_deref();
        let user = self.trusted_peer_sudo_user.as_deref();
        Ok(UpgradeRequest {
            version: V1,
            request_id: self.request_id,
            ip_address: columns.read("ip_address", &self.ip_address)?,
            firmware_host: columns.read("firmware_host", &self.firmware_host)?,
            tpvm_image: columns.read("tpvm_image", &self.tpvm_image)?,
            requested_by: columns.read("requested_by", &self.requested_by)?,
            trusted_peer_sudo_user: columns.read_some("trusted_peer_sudo_user", user)?,
            trusted_peer_password_secret: columns
                .read_some("trusted_peer_password_secret", secret)?,
            options: Options {
                force: self.force,
                clean_redeploy: self.clean_redeploy,
            },
        })
    }
}
