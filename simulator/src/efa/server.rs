//! The REST API of one deployment: authentication and the part of the monitor service that a
//! TPVM upgrade needs.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;

use super::auth::{Tokens, Use};
use super::model::{DeploymentConfig, NodesStatus};
use super::{Busy, Deployment};
use crate::faults::Interference;
use crate::wire::Wire;

/// The auth service's code of an error in the request.
const INVALID_REQUEST: u16 = 1001;
/// The auth service's code of a refused login.
const NOT_GENERATED: u16 = 25001;
/// The auth service's code of a token that it doesn't know.
const INVALID_TOKEN: u16 = 25005;

type Shared = State<Arc<Deployment>>;
type Cut = Extension<Wire>;

/// The API, below `/v1`.
pub(crate) fn router(deployment: Arc<Deployment>) -> Router {
    let v1 = Router::new()
        .route("/auth/token/access-token", post(login))
        .route("/auth/token/refresh", post(refresh))
        .route("/monitor/status/efa", get(status))
        .route("/monitor/deployment", get(setup))
        .route("/monitor/redeploy", post(redeploy))
        .route("/monitor/redeploy/{id}", get(redeploy_status))
        .route("/monitor/activetpvmreboot", post(reboot_active))
        .with_state(deployment);
    Router::new()
        .nest("/v1", v1)
        .fallback(async || error(StatusCode::NOT_FOUND, 404, "no such resource"))
}

#[derive(Deserialize)]
struct AccessTokenRequest {
    username: String,
    password: String,
}

async fn login(
    State(deployment): Shared,
    Extension(wire): Cut,
    body: Result<Json<AccessTokenRequest>, JsonRejection>,
) -> Response {
    let text = "POST /auth/token/access-token";
    called(&deployment, &wire, "efa-token", text, |met| {
        let known = &deployment.world.credentials;
        match body {
            Err(rejection) => error(
                StatusCode::BAD_REQUEST,
                INVALID_REQUEST,
                &rejection.body_text(),
            ),
            Ok(Json(given))
                if given.username == known.efa_user
                    && given.password == known.efa_password.expose_secret() =>
            {
                tokens(&deployment, "efa-token", met)
            }
            Ok(_) => error(
                StatusCode::UNAUTHORIZED,
                NOT_GENERATED,
                "invalid user name or password",
            ),
        }
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RefreshTokenRequest {
    grant_type: String,
    refresh_token: String,
}

async fn refresh(
    State(deployment): Shared,
    Extension(wire): Cut,
    body: Result<Json<RefreshTokenRequest>, JsonRejection>,
) -> Response {
    let text = "POST /auth/token/refresh";
    called(
        &deployment,
        &wire,
        "efa-token-refresh",
        text,
        |met| match body {
            Err(rejection) => error(
                StatusCode::BAD_REQUEST,
                INVALID_REQUEST,
                &rejection.body_text(),
            ),
            Ok(Json(given))
                if given.grant_type == "refresh_token"
                    && deployment
                        .tokens
                        .is_good(&given.refresh_token, Use::Refresh) =>
            {
                tokens(&deployment, "efa-token-refresh", met)
            }
            Ok(_) => error(
                StatusCode::UNAUTHORIZED,
                INVALID_TOKEN,
                "invalid refresh token",
            ),
        },
    )
    .await
}

fn tokens(deployment: &Deployment, call: &str, met: &Interference) -> Response {
    let settings = &deployment.world.settings;
    let user = &deployment.world.credentials.efa_user;
    let issue = |usage, lifetime| {
        if met.without_effect {
            Tokens::unknown(user, lifetime)
        } else {
            deployment.tokens.issue(usage, user, lifetime)
        }
    };
    if !met.without_effect {
        deployment.counters.effect(call);
    }
    Json(json!({
        "access-token": issue(Use::Access, settings.access_token),
        "token-type": "Bearer",
        "refresh-token": issue(Use::Refresh, settings.refresh_token),
        "message": "",
    }))
    .into_response()
}

async fn status(State(deployment): Shared, Extension(wire): Cut, headers: HeaderMap) -> Response {
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

async fn setup(State(deployment): Shared, Extension(wire): Cut, headers: HeaderMap) -> Response {
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
struct RedeployQuery {
    #[serde(rename = "cleanRedeploy", default)]
    clean: bool,
}

async fn redeploy(
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

async fn redeploy_status(
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

async fn reboot_active(
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

/// Books a call, lets the faults at it, and answers.
async fn called(
    deployment: &Deployment,
    wire: &Wire,
    name: &str,
    text: &str,
    answer: impl FnOnce(&Interference) -> Response,
) -> Response {
    deployment.counters.received(name, text.to_owned());
    let met = deployment.faults.meet(name);
    tokio::time::sleep(met.slow).await;
    if met.goes_active {
        deployment.fail_over();
    }
    if met.lost_before_effect {
        wire.cut_after(0);
        return StatusCode::NO_CONTENT.into_response();
    }
    if let Some(refusal) = &met.refuse {
        return error(StatusCode::INTERNAL_SERVER_ERROR, 500, refusal);
    }
    let response = answer(&met);
    if met.reply_lost {
        wire.cut_after(0);
    } else if let Some(bytes) = met.drop_after {
        wire.cut_after(bytes);
    } else if met.garbage {
        let status = response.status();
        return (
            status,
            [(CONTENT_TYPE, "application/json")],
            "{\"no\u{1}des\":[{<html>",
        )
            .into_response();
    }
    response
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

/// The vendor's `ErrorModel`.
fn error(status: StatusCode, code: u16, message: &str) -> Response {
    (status, Json(json!({ "code": code, "message": message }))).into_response()
}
