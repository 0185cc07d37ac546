//! EFA's monitor service.

use async_trait::async_trait;
use worker::efa::{Deployment, EfaApi, EfaError, NodeState, NodeStatus, RedeployStatus, Role};
use worker::permit::Permit;

use super::{Call, Way};
use crate::addresses::{peer_ip, tpvm_ip};
use crate::plant::{Command, Denial, Standing};

/// See the module.
pub(super) struct Monitor(pub(super) Way);

fn efa<T>(call: &str, came: Call<T>) -> Result<T, EfaError> {
    let call = call.to_owned();
    let status = |code, message: &str| {
        let message = message.to_owned();
        Err(EfaError::Status {
            call: call.clone(),
            code,
            message,
            own: true,
        })
    };
    match came {
        Call::Answered(answer) => Ok(answer),
        Call::Denied(Denial::Busy) => status(409, "busy"),
        Call::Denied(Denial::Refused(why)) => status(409, why),
        Call::Busy => status(503, "busy"),
        Call::Declined => status(400, "the schedule says so"),
        Call::TooLate => Err(EfaError::TooLate { call }),
        // What the HTTP library says of a lost connection can't be made up: a timeout counts alike.
        Call::Lost | Call::TimedOut => Err(EfaError::Timeout { call }),
        // What has another meaning where it is asked for is seen to there.
        Call::Garbled | Call::Missing | Call::Other => Err(EfaError::Invalid {
            call,
            what: "the answer is no whole JSON".to_owned(),
        }),
    }
}

#[async_trait]
impl EfaApi for Monitor {
    async fn nodes(&self) -> Result<Vec<NodeStatus>, EfaError> {
        let fabric = self.0.fabric;
        let nodes = self.0.read("efa nodes", |plant, now| {
            let node = |name: &str, ip, active, up| NodeStatus {
                name: name.to_owned(),
                ip,
                role: if active { Role::Active } else { Role::Standby },
                state: if up { NodeState::Up } else { NodeState::Down },
                reason: String::new(),
            };
            vec![
                node("peer", peer_ip(fabric), !plant.is_active, true),
                node("own", tpvm_ip(fabric), plant.is_active, plant.shows_up(now)),
            ]
        });
        match nodes.await {
            Call::Missing => Ok(Vec::new()),
            Call::Other => Ok([("peer", peer_ip(fabric)), ("own", tpvm_ip(fabric))]
                .map(|(name, ip)| NodeStatus {
                    name: name.to_owned(),
                    ip,
                    role: Role::Other("candidate".to_owned()),
                    state: NodeState::Other("resyncing".to_owned()),
                    reason: String::new(),
                })
                .into()),
            nodes => efa("GET /monitor/status/efa", nodes),
        }
    }

    async fn deployment(&self) -> Result<Deployment, EfaError> {
        let fabric = self.0.fabric;
        let deployment = self.0.read("efa deployment", |plant, _| Deployment {
            version: "3.8.0".to_owned(),
            node_ips: vec![peer_ip(fabric), tpvm_ip(fabric)],
            timestamp: Some(plant.deployed()),
            multi_node: true,
        });
        efa("GET /monitor/deployment", deployment.await)
    }

    async fn redeploy(&self, _clean: bool, permit: &Permit) -> Result<String, EfaError> {
        let id = self.0.command("efa redeploy", Command::Redeploy, permit);
        efa("POST /monitor/redeploy", id.await)
    }

    async fn redeploy_status(&self, id: &str) -> Result<RedeployStatus, EfaError> {
        let standing = self
            .0
            .read("efa redeploy_status", |plant, _| plant.redeploy(id));
        let standing = match standing.await {
            Call::Missing => Standing::Unknown,
            standing => efa("GET /monitor/redeploy/{id}", standing)?,
        };
        Ok(match standing {
            Standing::Unknown => RedeployStatus::NotFound,
            Standing::Running => RedeployStatus::Processing,
            Standing::Done => RedeployStatus::Completed,
            Standing::Failed(message) => RedeployStatus::Failed(message.to_owned()),
        })
    }
}
