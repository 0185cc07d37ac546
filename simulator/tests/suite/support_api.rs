//! A client of a simulated EFA deployment.

use std::sync::Once;

use reqwest::{Certificate, Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use simulator::{DeploymentHandle, Simulator};

use crate::support::{BOUND, secret};

/// The needed response schemas of the vendor's OpenAPI specification, as JSON Schema.
const SCHEMAS: &str = include_str!("efa-schemas.json");

/// Fails unless the value is what the specification calls `name`.
pub fn assert_schema(name: &str, value: &Value) {
    let mut schema: Value = serde_json::from_str(SCHEMAS).unwrap();
    schema["$ref"] = json!(format!("#/$defs/{name}"));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "not a {name}: {errors:?}: {value}");
}

pub fn https(simulator: &Simulator) -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .unwrap();
    });
    Client::builder()
        .tls_certs_only([Certificate::from_pem(simulator.ca_pem().as_bytes()).unwrap()])
        .timeout(BOUND)
        .build()
        .unwrap()
}

/// A client with an access token.
pub struct Api {
    pub client: Client,
    pub base: String,
    pub token: String,
    pub refresh: String,
}

impl Api {
    pub async fn login(simulator: &Simulator, deployment: &DeploymentHandle) -> Self {
        let client = https(simulator);
        let base = deployment.api_url();
        let password = secret(simulator, "efa-password");
        let (status, body) = send(login_request(&client, &base, &password)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        Self {
            client,
            base,
            token: body["access-token"].as_str().unwrap().to_owned(),
            refresh: body["refresh-token"].as_str().unwrap().to_owned(),
        }
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client
            .get(format!("{}{path}", self.base))
            .bearer_auth(&self.token)
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client
            .post(format!("{}{path}", self.base))
            .bearer_auth(&self.token)
    }

    /// The node's status and role, as the monitor shows it.
    pub async fn node(&self, index: usize) -> (String, String) {
        let (_, body) = send(self.get("/monitor/status/efa")).await;
        let text = |key: &str| body["nodes"][index][key].as_str().unwrap().to_owned();
        (text("status"), text("role"))
    }

    /// Starts a redeploy and waits for its end.
    pub async fn redeploy(&self) -> (String, String) {
        let (status, body) = send(self.post("/monitor/redeploy?cleanRedeploy=false")).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        let path = format!("/monitor/redeploy/{}", body["id"].as_str().unwrap());
        let started = std::time::Instant::now();
        loop {
            let (_, body) = send(self.get(&path)).await;
            let text = |key: &str| body[key].as_str().unwrap().to_owned();
            if !["initiated", "processing"].contains(&text("status").as_str()) {
                return (text("status"), text("message"));
            }
            assert!(started.elapsed() < BOUND, "the redeploy never ends");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

pub fn login_request(client: &Client, base: &str, password: &str) -> RequestBuilder {
    client
        .post(format!("{base}/auth/token/access-token"))
        .json(&json!({ "username": "extreme", "password": password }))
}

pub async fn send(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, response.json().await.unwrap_or(Value::Null))
}
