//! The part of the monitor service that a TPVM upgrade needs.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::model::{DeploymentConfig, NodesStatus};
use super::server::{Cut, Shared, called, error};
use super::{Busy, Deployment};

pub(super) async fn status(
    State(deployment): Shared,
    Extension(wire): Cut,
    headers: HeaderMap,
) -> Response {
    let text = "GET /monitor/status/efa";
    called(&deployment, &wire, "efa-status", text, |met| {
        admitted(&deployment, &headers, || {
            // Brings a redeploy that has ended to its end.
            drop(deployment.model());
            Json(NodesStatus::of(&deployment, met.stale)).into_response()
        })
    })
    .await
}

pub(super) async fn setup(
    State(deployment): Shared,
    Extension(wire): Cut,
    headers: HeaderMap,
) -> Response {
    let text = "GET /monitor/deployment";
    called(&deployment, &wire, "efa-deployment", text, |_| {
        admitted(&deployment, &headers, || {
            let model = deployment.model();
            Json(DeploymentConfig::of(&deployment, &model)).into_response()
        })
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct RedeployQuery {
    #[serde(rename = "cleanRedeploy", default)]
    clean: bool,
}

pub(super) async fn redeploy(
    State(deployment): Shared,
    Extension(wire): Cut,
    Query(query): Query<RedeployQuery>,
    headers: HeaderMap,
) -> Response {
    let text = format!("POST /monitor/redeploy?cleanRedeploy={}", query.clean);
    called(&deployment, &wire, "efa-redeploy", &text, |met| {
        admitted(&deployment, &headers, || {
            let id = if met.without_effect {
                Ok(uuid::Uuid::new_v4().to_string())
            } else {
                deployment.redeploy(met.twist.failure.clone())
            };
            match id {
                Ok(id) => (StatusCode::ACCEPTED, Json(json!({ "id": id }))).into_response(),
                Err(Busy) => error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    500,
                    "a redeploy is already in progress",
                ),
            }
        })
    })
    .await
}

pub(super) async fn redeploy_status(
    State(deployment): Shared,
    Extension(wire): Cut,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let text = format!("GET /monitor/redeploy/{id}");
    called(&deployment, &wire, "efa-redeploy-status", &text, |_| {
        admitted(&deployment, &headers, || {
            let model = deployment.model();
            match model.redeploys.iter().find(|redeploy| redeploy.id == id) {
                Some(redeploy) => {
                    let status = redeploy.status();
                    Json(json!({ "status": status.status, "message": status.message }))
                        .into_response()
                }
                None => error(
                    StatusCode::NOT_FOUND,
                    404,
                    "no redeploy operation with this id",
                ),
            }
        })
    })
    .await
}

pub(super) async fn reboot_active(
    State(deployment): Shared,
    Extension(wire): Cut,
    headers: HeaderMap,
) -> Response {
    let text = "POST /monitor/activetpvmreboot";
    called(&deployment, &wire, "efa-active-tpvm-reboot", text, |met| {
        admitted(&deployment, &headers, || {
            let result = met.without_effect || deployment.fail_over();
            if result && !met.without_effect {
                deployment.counters.effect("efa-active-tpvm-reboot");
            }
            Json(json!({ "result": result })).into_response()
        })
    })
    .await
}

fn admitted(
    deployment: &Deployment,
    headers: &HeaderMap,
    answer: impl FnOnce() -> Response,
) -> Response {
    if deployment.tokens.admit(headers) {
        answer()
    } else {
        // The monitor's codes end at 600, unlike those of the auth service.
        error(
            StatusCode::UNAUTHORIZED,
            401,
            "access token is missing, invalid or expired",
        )
    }
}
