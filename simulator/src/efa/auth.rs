//! The auth service: logins and refreshed tokens.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;

use super::Deployment;
use super::server::{Cut, Shared, called, error};
use super::tokens::{Tokens, Use};
use crate::faults::Interference;

/// The vendor's code of an error in the request.
const INVALID_REQUEST: u16 = 1001;
/// The vendor's code of a refused login.
const NOT_GENERATED: u16 = 25001;
/// The vendor's code of a token that it doesn't know.
const INVALID_TOKEN: u16 = 25005;

#[derive(Deserialize)]
pub(super) struct AccessTokenRequest {
    username: String,
    password: String,
}

pub(super) async fn login(
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
pub(super) struct RefreshTokenRequest {
    grant_type: String,
    refresh_token: String,
}

pub(super) async fn refresh(
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
