//! One request to EFA: HTTPS only, no redirects, no proxies, everything bounded.

use std::error::Error;
use std::io;
use std::path::Path;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, StatusCode, Url};

use super::{EfaError, EfaSettings};

/// The longest accepted answer, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// An answer of any status.
pub(super) struct Reply {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

/// A client for all deployments.
pub(super) fn client(settings: &EfaSettings) -> Result<Client, EfaError> {
    // Another part of the process may have installed the same provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .tls_backend_rustls()
        .https_only(true)
        .no_proxy()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.request_timeout);
    if let Some(path) = &settings.ca_file {
        builder = builder.tls_certs_only(certificates(path)?);
    }
    builder.build().map_err(|error| EfaError::Tls {
        url: "any EFA".to_owned(),
        what: format!("no TLS client: {}", causes(&error)),
    })
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, EfaError> {
    let unusable = |what: String| EfaError::Tls {
        url: format!("the CA file {}", path.display()),
        what,
    };
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(causes(&error)))?;
    if found.is_empty() {
        return Err(unusable("it holds no PEM certificate".to_owned()));
    }
    Ok(found)
}

/// The base of an API without a slash at its end, if it is one that may be used.
pub(super) fn base(api_url: &str) -> Result<String, EfaError> {
    let usable = |url: &Url| {
        url.scheme() == "https"
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    match Url::parse(api_url) {
        Ok(url) if usable(&url) => Ok(url.as_str().trim_end_matches('/').to_owned()),
        _ => Err(EfaError::Invalid {
            call: "the deployment's api_url".to_owned(),
            what: "it must be https://<host>[:port]/v1, without user or query".to_owned(),
        }),
    }
}

/// Sends a request and reads the whole answer. `call` and `url` are what errors say.
pub(super) async fn send(
    request: RequestBuilder,
    call: &str,
    url: &str,
) -> Result<Reply, EfaError> {
    let mut response = request
        .send()
        .await
        .map_err(|error| failed(error, call, url))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| failed(error, call, url))?
    {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(EfaError::Invalid {
                call: call.to_owned(),
                what: format!("the answer is longer than {MAX_BODY} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, body })
}

fn failed(error: reqwest::Error, call: &str, url: &str) -> EfaError {
    let source = error.without_url();
    if source.is_connect() {
        let url = url.to_owned();
        return match tls_error(&source) {
            Some(what) => EfaError::Tls { url, what },
            None => EfaError::Connect { url, source },
        };
    }
    let call = call.to_owned();
    if source.is_timeout() {
        EfaError::Timeout { call }
    } else {
        EfaError::Lost { call, source }
    }
}

/// What TLS found wrong, if it was TLS. I/O errors hide what they wrap from the chain of causes.
fn tls_error(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(tls.to_string());
    }
    let wrapped = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    if let Some(found) = wrapped.and_then(|wrapped| tls_error(wrapped)) {
        return Some(found);
    }
    error.source().and_then(tls_error)
}

fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}
