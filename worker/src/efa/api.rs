//! What a workflow asks of EFA.

use async_trait::async_trait;

use super::{Deployment, EfaError, NodeStatus, RedeployStatus};
use crate::permit::Permit;

/// The monitor service of one deployment.
#[async_trait]
pub trait EfaApi: Send + Sync {
    /// The nodes, as the monitor sees them. Right after an upgrade it may still show the state
    /// from before.
    async fn nodes(&self) -> Result<Vec<NodeStatus>, EfaError>;

    /// How EFA is deployed.
    async fn deployment(&self) -> Result<Deployment, EfaError>;

    /// Asks for EFA to be deployed anew on the peer; `clean` removes its application data first.
    /// Returns the id to poll. It is sent once, and only with leave to: on a failure whose
    /// [`EfaError::effect`] is *perhaps*, observe.
    async fn redeploy(&self, clean: bool, permit: &Permit) -> Result<String, EfaError>;

    /// How a redeploy stands.
    async fn redeploy_status(&self, id: &str) -> Result<RedeployStatus, EfaError>;
}
