use ledger::Target;

use super::{Deployment, EfaError, EfaSettings, NodeStatus, RedeployStatus};
use crate::secrets::Secrets;

/// Clients of all deployments.
#[derive(Clone)]
pub struct EfaClients {}

#[allow(missing_docs)]
impl EfaClients {
    pub fn new(_settings: &EfaSettings) -> Result<Self, EfaError> {
        todo!()
    }
    pub fn open(&self, _target: &Target, _secrets: &Secrets) -> Result<Efa, EfaError> {
        todo!()
    }
}

/// The API of one deployment.
pub struct Efa {}

#[allow(missing_docs)]
impl Efa {
    pub async fn nodes(&self) -> Result<Vec<NodeStatus>, EfaError> {
        todo!()
    }
    pub async fn deployment(&self) -> Result<Deployment, EfaError> {
        todo!()
    }
    pub async fn redeploy(&self, _clean: bool) -> Result<String, EfaError> {
        todo!()
    }
    pub async fn redeploy_status(&self, _id: &str) -> Result<RedeployStatus, EfaError> {
        todo!()
    }
}
