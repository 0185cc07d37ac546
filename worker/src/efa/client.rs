//! The calls that the workflow needs, with their tokens.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use broker::delay;
use ledger::Target;
use reqwest::{Client, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::error::REDEPLOY;
use super::http::{self, Reply};
use super::{Deployment, EfaApi, EfaError, EfaSettings, NodeStatus, RedeployStatus, model};
use crate::permit::Permit;
use crate::secrets::Secrets;
use crate::slx::Redactor;

/// The pause before the second attempt of a read; later ones are longer, up to the second value.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// The tokens of one user in one deployment. Whoever needs new ones holds the lock meanwhile, so
/// many callers log in once.
type TokenSlot = Arc<tokio::sync::Mutex<Option<Tokens>>>;

/// What all deployments share: certificates, connections and tokens. Cheap to clone.
#[derive(Clone)]
pub struct EfaClients {
    client: Client,
    read_attempts: u32,
    /// By base URL and user.
    tokens: Arc<Mutex<HashMap<(String, String), TokenSlot>>>,
}

impl fmt::Debug for EfaClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EfaClients").finish_non_exhaustive()
    }
}

impl EfaClients {
    /// Reads the CA file and prepares the client. Fails with [`EfaError::Tls`].
    pub fn new(settings: &EfaSettings) -> Result<Self, EfaError> {
        Ok(Self {
            client: http::client(settings)?,
            read_attempts: settings.read_attempts.max(1),
            tokens: Arc::default(),
        })
    }

    /// The API of a device's deployment. Nothing is sent yet.
    pub fn open(&self, target: &Target, secrets: &Secrets) -> Result<Efa, EfaError> {
        let url = http::base(&target.api_url)?;
        let user = target.user.to_string();
        let password = secrets.get(&target.password_secret)?;
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = tokens.entry((url.clone(), user.clone())).or_default();
        Ok(Efa {
            client: self.client.clone(),
            read_attempts: self.read_attempts,
            tokens: Arc::clone(slot),
            url,
            user,
            password,
        })
    }
}

/// The API of one deployment.
pub struct Efa {
    client: Client,
    read_attempts: u32,
    tokens: TokenSlot,
    url: String,
    user: String,
    password: SecretString,
}

impl fmt::Debug for Efa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Efa")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// `AccessTokenResponse` of the Auth service.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Tokens {
    access_token: SecretString,
    #[serde(default)]
    refresh_token: Option<SecretString>,
}

#[async_trait]
impl EfaApi for Efa {
    async fn nodes(&self) -> Result<Vec<NodeStatus>, EfaError> {
        self.read("/monitor/status/efa", model::nodes).await
    }

    async fn deployment(&self) -> Result<Deployment, EfaError> {
        self.read("/monitor/deployment", model::deployment).await
    }

    async fn redeploy(&self, clean: bool, permit: &Permit) -> Result<String, EfaError> {
        let path = format!("/monitor/redeploy?cleanRedeploy={clean}");
        let reply = self.authorized(Method::POST, &path, REDEPLOY, Some(permit));
        let body = self.accept(reply.await?, REDEPLOY)?;
        model::accepted(&body).map_err(|what| self.unread(REDEPLOY, &what, &body))
    }

    async fn redeploy_status(&self, id: &str) -> Result<RedeployStatus, EfaError> {
        let call = "GET /monitor/redeploy/{id}";
        if !model::is_id(id) {
            return Err(invalid(call, "the id is none that EFA gives".to_owned()));
        }
        let path = format!("/monitor/redeploy/{id}");
        let attempt = || async {
            let reply = self.authorized(Method::GET, &path, call, None).await?;
            // Anyone on the way can say 404; EFA says it in its own words.
            if reply.status == StatusCode::NOT_FOUND && model::is_error(&reply.body) {
                return Ok(RedeployStatus::NotFound);
            }
            let body = self.accept(reply, call)?;
            model::redeploy(&body).map_err(|what| self.unread(call, &what, &body))
        };
        self.repeated(attempt).await
    }
}

impl Efa {
    async fn read<T>(
        &self,
        path: &str,
        parse: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<T, EfaError> {
        let call = format!("GET {path}");
        let attempt = || async {
            let reply = self.authorized(Method::GET, path, &call, None).await?;
            let body = self.accept(reply, &call)?;
            parse(&body).map_err(|what| self.unread(&call, &what, &body))
        };
        self.repeated(attempt).await
    }

    /// Sends a request with a token; once more with a new one if EFA takes it no longer. One that
    /// needs leave to be sent is sent within that, however long the token took. A connection that
    /// has to be made first takes no longer than the request timeout, which the leave allows for.
    async fn authorized(
        &self,
        method: Method,
        path: &str,
        call: &str,
        permit: Option<&Permit>,
    ) -> Result<Reply, EfaError> {
        let mut refused: Option<SecretString> = None;
        loop {
            let token = self.token(refused.as_ref()).await?;
            let url = format!("{}{path}", self.url);
            let request = self.client.request(method.clone(), url);
            let request = request.bearer_auth(token.expose_secret());
            if permit.is_some_and(|permit| !permit.holds()) {
                let call = call.to_owned();
                return Err(EfaError::TooLate { call });
            }
            let reply = http::send(request, call, &self.url).await?;
            match reply.status {
                StatusCode::UNAUTHORIZED if refused.is_none() => refused = Some(token),
                StatusCode::UNAUTHORIZED => return Err(self.login_refused(&reply)),
                _ => return Ok(reply),
            }
        }
    }

    /// The access token that is in use, or a new one if there is none or just that was refused:
    /// by the refresh token first, then by the password.
    async fn token(&self, refused: Option<&SecretString>) -> Result<SecretString, EfaError> {
        let mut slot = self.tokens.lock().await;
        let mut refresh = None;
        if let Some(tokens) = &*slot {
            let access = &tokens.access_token;
            if refused.is_none_or(|token| token.expose_secret() != access.expose_secret()) {
                return Ok(access.clone());
            }
            refresh = tokens.refresh_token.clone();
        }
        let renewed = match refresh {
            Some(refresh) => self.refresh(&refresh).await?,
            None => None,
        };
        let tokens = match renewed {
            Some(tokens) => tokens,
            None => self.log_in().await?,
        };
        let access = tokens.access_token.clone();
        *slot = Some(tokens);
        Ok(access)
    }

    async fn log_in(&self) -> Result<Tokens, EfaError> {
        let password = self.password.expose_secret();
        let body = json!({"username": self.user, "password": password});
        let path = "/auth/token/access-token";
        let reply = self.post_for_tokens(path, &body).await?;
        match reply.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.login_refused(&reply)),
            _ => self.tokens(reply, path),
        }
    }

    /// New tokens, or `None` if EFA takes the refresh token no longer.
    async fn refresh(&self, token: &SecretString) -> Result<Option<Tokens>, EfaError> {
        let body = json!({"grant-type": "refresh_token", "refresh-token": token.expose_secret()});
        let path = "/auth/token/refresh";
        let reply = self.post_for_tokens(path, &body).await?;
        if reply.status.is_client_error() {
            return Ok(None);
        }
        self.tokens(reply, path).map(Some)
    }

    async fn post_for_tokens(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<Reply, EfaError> {
        let call = format!("POST {path}");
        let attempt = || async {
            let request = self.client.post(format!("{}{path}", self.url)).json(body);
            let reply = http::send(request, &call, &self.url).await?;
            match reply.status.is_server_error() {
                true => Err(self.status(&reply, &call)),
                false => Ok(reply),
            }
        };
        self.repeated(attempt).await
    }

    fn login_refused(&self, reply: &Reply) -> EfaError {
        EfaError::Login {
            url: self.url.clone(),
            user: self.user.clone(),
            message: model::message(&self.without_secrets(&reply.body)),
        }
    }

    /// The body of a success, or the error that is reported.
    fn accept(&self, reply: Reply, call: &str) -> Result<Vec<u8>, EfaError> {
        match reply.status.is_success() {
            true => Ok(reply.body),
            false => Err(self.status(&reply, call)),
        }
    }

    fn status(&self, reply: &Reply, call: &str) -> EfaError {
        EfaError::Status {
            call: call.to_owned(),
            code: reply.status.as_u16(),
            message: model::message(&self.without_secrets(&reply.body)),
            own: model::is_error(&reply.body),
        }
    }

    /// An answer that has not the meaning that it must have, and how it begins.
    fn unread(&self, call: &str, what: &str, body: &[u8]) -> EfaError {
        let shown = model::shown(&self.without_secrets(body));
        invalid(call, format!("{what}; it begins: {shown}"))
    }

    /// An answer as it may be shown: something on the way may have put the request into it.
    fn without_secrets(&self, body: &[u8]) -> Vec<u8> {
        let mut redactor = Redactor::default();
        redactor.add(&self.password);
        if let Ok(slot) = self.tokens.try_lock()
            && let Some(tokens) = &*slot
        {
            redactor.add(&tokens.access_token);
            tokens
                .refresh_token
                .iter()
                .for_each(|token| redactor.add(token));
        }
        let text = String::from_utf8_lossy(body);
        redactor.clean(&text).into_bytes()
    }

    fn tokens(&self, reply: Reply, path: &str) -> Result<Tokens, EfaError> {
        let call = format!("POST {path}");
        let body = self.accept(reply, &call)?;
        // Never shown: it may hold a token.
        let tokens: Tokens = model::json(&body).map_err(|what| invalid(&call, what))?;
        let token = tokens.access_token.expose_secret();
        if token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic()) {
            return Err(invalid(
                &call,
                "the answer has no usable access token".to_owned(),
            ));
        }
        Ok(tokens)
    }

    /// Tries what changes nothing again as long as the failure is transient.
    // Not `AsyncFn`: what that returns can't be shown to be `Send`.
    async fn repeated<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, EfaError>
    where
        F: Future<Output = Result<T, EfaError>>,
    {
        for done in 1..self.read_attempts {
            match attempt().await {
                Err(error) if error.is_transient() => {
                    tracing::debug!(%error, attempt = done, "EFA is asked again");
                    let (first, longest) = RETRY_PAUSE;
                    tokio::time::sleep(delay::nth(first, longest, done - 1)).await;
                }
                end => return end,
            }
        }
        attempt().await
    }
}

fn invalid(call: &str, what: String) -> EfaError {
    EfaError::Invalid {
        call: call.to_owned(),
        what,
    }
}
