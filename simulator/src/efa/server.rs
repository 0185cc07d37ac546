//! The REST API of one deployment, and how faults get at its answers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::json;

use super::{Deployment, auth, monitor};
use crate::faults::Interference;
use crate::wire::Wire;

/// The auth service's code of an error without a name.
const UNKNOWN: u16 = 1000;

pub(super) type Shared = State<Arc<Deployment>>;
pub(super) type Cut = Extension<Wire>;

/// The API, below `/v1`.
pub(crate) fn router(deployment: Arc<Deployment>) -> Router {
    let v1 = Router::new()
        .route("/auth/token/access-token", post(auth::login))
        .route("/auth/token/refresh", post(auth::refresh))
        .route("/monitor/status/efa", get(monitor::status))
        .route("/monitor/deployment", get(monitor::setup))
        .route("/monitor/redeploy", post(monitor::redeploy))
        .route("/monitor/redeploy/{id}", get(monitor::redeploy_status))
        .route("/monitor/activetpvmreboot", post(monitor::reboot_active))
        .with_state(deployment);
    Router::new()
        .nest("/v1", v1)
        .fallback(async || error(StatusCode::NOT_FOUND, 404, "no such resource"))
}

/// Books a call, lets the faults at it, and answers.
pub(super) async fn called(
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
        let code = if name.starts_with("efa-token") {
            UNKNOWN
        } else {
            500
        };
        return error(StatusCode::INTERNAL_SERVER_ERROR, code, refusal);
    }
    if let Some((status, page)) = met.page {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        return html(status, page);
    }
    let response = answer(&met);
    if let Some(words) = met.says {
        return html(StatusCode::OK, words);
    }
    if met.truncated {
        return half(response).await;
    }
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

fn html(status: StatusCode, text: String) -> Response {
    (status, [(CONTENT_TYPE, "text/html")], text).into_response()
}

/// The first half of an answer, as if it were whole.
async fn half(response: Response) -> Response {
    let status = response.status();
    let whole = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    let whole = whole.unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    (status, [(CONTENT_TYPE, "application/json")], half).into_response()
}

/// The vendor's `ErrorModel`.
pub(super) fn error(status: StatusCode, code: u16, message: &str) -> Response {
    (status, Json(json!({ "code": code, "message": message }))).into_response()
}
