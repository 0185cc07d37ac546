//! The control API: plain HTTP and JSON, for demonstrations and for tests in other processes.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /health` | `{"status":"ok"}` |
//! | `GET /inventory` | the inventory |
//! | `GET /known-hosts`, `GET /ca` | OpenSSH `known_hosts`; the CA's certificate, PEM |
//! | `GET /switches`, `GET /deployments` | every state |
//! | `GET /switches/{ip}`, `GET /deployments/{name}` | state, counts and faults |
//! | `PATCH /switches/{ip}`, `PATCH /deployments/{name}` | a [`SwitchChange`], a [`DeploymentChange`] |
//! | `GET …/commands` | the last calls |
//! | `POST …/faults` | adds a [`Fault`]: `{"on":"tpvm-upgrade","kind":"refuse","times":1}` |
//! | `DELETE …/faults` | takes all faults away |

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use crate::faults::Fault;
use crate::handles::{DeploymentChange, DeploymentHandle, SwitchChange, SwitchHandle};
use crate::inventory;
use crate::switch::World;

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) world: Arc<World>,
    pub(crate) switches: HashMap<IpAddr, SwitchHandle>,
    pub(crate) deployments: Vec<DeploymentHandle>,
    pub(crate) ca_pem: String,
    pub(crate) known_hosts: String,
}

impl Control {
    pub(crate) fn inventory(&self) -> serde_json::Value {
        let deployments = self.deployments.iter().map(|deployment| &*deployment.0);
        inventory::of(&self.world, deployments)
    }

    pub(crate) fn deployment(&self, name: &str) -> Option<&DeploymentHandle> {
        self.deployments
            .iter()
            .find(|deployment| deployment.0.spec.name == name)
    }

    fn known_switch(&self, ip: IpAddr) -> Result<&SwitchHandle, Refusal> {
        let known = self.switches.get(&ip);
        known.ok_or_else(|| {
            Refusal(
                StatusCode::NOT_FOUND,
                format!("no switch has the address {ip}"),
            )
        })
    }

    fn known_deployment(&self, name: &str) -> Result<&DeploymentHandle, Refusal> {
        let known = self.deployment(name);
        known.ok_or_else(|| {
            Refusal(
                StatusCode::NOT_FOUND,
                format!("no deployment is called {name:?}"),
            )
        })
    }
}

/// An error for the client.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

fn invalid(error: impl std::fmt::Display) -> Refusal {
    Refusal(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
}

type Answer = Result<Response, Refusal>;
type Shared = State<Arc<Control>>;
type Body<T> = Result<Json<T>, JsonRejection>;

pub(crate) fn router(control: Arc<Control>) -> Router {
    Router::new()
        .route("/health", get(async || Json(json!({ "status": "ok" }))))
        .route(
            "/inventory",
            get(async |State(control): Shared| Json(control.inventory())),
        )
        .route(
            "/known-hosts",
            get(async |State(control): Shared| control.known_hosts.clone()),
        )
        .route(
            "/ca",
            get(async |State(control): Shared| control.ca_pem.clone()),
        )
        .route("/switches", get(switches))
        .route("/switches/{ip}", get(switch).patch(change_switch))
        .route("/switches/{ip}/commands", get(switch_commands))
        .route(
            "/switches/{ip}/faults",
            post(fault_switch).delete(mend_switch),
        )
        .route("/deployments", get(deployments))
        .route(
            "/deployments/{name}",
            get(deployment).patch(change_deployment),
        )
        .route("/deployments/{name}/commands", get(deployment_commands))
        .route(
            "/deployments/{name}/faults",
            post(fault_deployment).delete(mend_deployment),
        )
        .with_state(control)
}

async fn switches(State(control): Shared) -> Response {
    let mut all: Vec<_> = control.switches.iter().collect();
    all.sort_by_key(|(ip, _)| **ip);
    Json(
        all.into_iter()
            .map(|(_, switch)| switch.state())
            .collect::<Vec<_>>(),
    )
    .into_response()
}

async fn switch(State(control): Shared, Path(ip): Path<IpAddr>) -> Answer {
    let switch = control.known_switch(ip)?;
    Ok(Json(json!({
        "state": switch.state(), "counts": switch.counts(), "faults": switch.faults(),
    }))
    .into_response())
}

async fn change_switch(
    State(control): Shared,
    Path(ip): Path<IpAddr>,
    body: Body<SwitchChange>,
) -> Answer {
    let switch = control.known_switch(ip)?;
    switch.set(body?.0).map_err(invalid)?;
    Ok(Json(switch.state()).into_response())
}

async fn switch_commands(State(control): Shared, Path(ip): Path<IpAddr>) -> Answer {
    Ok(Json(control.known_switch(ip)?.commands()).into_response())
}

async fn fault_switch(State(control): Shared, Path(ip): Path<IpAddr>, body: Body<Fault>) -> Answer {
    control.known_switch(ip)?.fault(body?.0).map_err(invalid)?;
    Ok(StatusCode::CREATED.into_response())
}

async fn mend_switch(State(control): Shared, Path(ip): Path<IpAddr>) -> Answer {
    control.known_switch(ip)?.clear_faults();
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn deployments(State(control): Shared) -> Response {
    let states = control.deployments.iter().map(DeploymentHandle::state);
    Json(states.collect::<Vec<_>>()).into_response()
}

async fn deployment(State(control): Shared, Path(name): Path<String>) -> Answer {
    let deployment = control.known_deployment(&name)?;
    Ok(Json(json!({
        "state": deployment.state(), "counts": deployment.counts(), "faults": deployment.faults(),
    }))
    .into_response())
}

async fn change_deployment(
    State(control): Shared,
    Path(name): Path<String>,
    body: Body<DeploymentChange>,
) -> Answer {
    let deployment = control.known_deployment(&name)?;
    deployment.set(body?.0);
    Ok(Json(deployment.state()).into_response())
}

async fn deployment_commands(State(control): Shared, Path(name): Path<String>) -> Answer {
    Ok(Json(control.known_deployment(&name)?.commands()).into_response())
}

async fn fault_deployment(
    State(control): Shared,
    Path(name): Path<String>,
    body: Body<Fault>,
) -> Answer {
    control
        .known_deployment(&name)?
        .fault(body?.0)
        .map_err(invalid)?;
    Ok(StatusCode::CREATED.into_response())
}

async fn mend_deployment(State(control): Shared, Path(name): Path<String>) -> Answer {
    control.known_deployment(&name)?.clear_faults();
    Ok(StatusCode::NO_CONTENT.into_response())
}
