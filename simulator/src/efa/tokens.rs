//! Tokens of one deployment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::time::Instant;
use uuid::Uuid;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Access,
    Refresh,
}

/// The tokens that were given out and still are good.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<String, (Use, Instant)>>);

impl Tokens {
    /// A new token in the form of a JWT.
    pub(super) fn issue(&self, usage: Use, user: &str, lifetime: Duration) -> String {
        let token = Self::unknown(user, lifetime);
        let now = Instant::now();
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, (_, end)| *end > now);
        tokens.insert(token.clone(), (usage, now + lifetime));
        token
    }

    /// A token that nobody will accept.
    pub(super) fn unknown(user: &str, lifetime: Duration) -> String {
        let expiry = chrono::Utc::now()
            .timestamp()
            .saturating_add_unsigned(lifetime.as_secs());
        let claims = serde_json::json!({ "sub": user, "exp": expiry, "jti": Uuid::new_v4() });
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        format!(
            "{}.{}.{}",
            encode(br#"{"alg":"HS256","typ":"JWT"}"#),
            encode(claims.to_string().as_bytes()),
            encode(Uuid::new_v4().as_bytes())
        )
    }

    pub(super) fn is_good(&self, token: &str, usage: Use) -> bool {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens
            .get(token)
            .is_some_and(|(known, end)| *known == usage && *end > Instant::now())
    }

    /// Whether the request carries a good access token.
    pub(super) fn admit(&self, headers: &HeaderMap) -> bool {
        headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .is_some_and(|token| self.is_good(token, Use::Access))
    }
}
