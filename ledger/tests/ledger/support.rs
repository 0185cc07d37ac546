//! A database for each test, and the steps that most tests begin with.

use std::time::Duration;

use ledger::{
    Acceptance, Claim, Claimant, Facts, Failure, Fenced, HeldStep, Ledger, LedgerOptions, Question,
    StepRef, Transition,
};
use schemas::inventory::Inventory;
use schemas::{Case, Outcome, State, UpgradeRequest, Verdict};
use serde_json::{Value, json};
use services::Database;
use sqlx::postgres::{PgPool, PgPoolOptions};
use uuid::Uuid;

pub const TTL: Duration = Duration::from_secs(60);
pub const LATER: Duration = Duration::from_secs(3600);

/// A migrated database of its own, with a ledger on it and a pool for looking behind it.
pub struct Fixture {
    pub ledger: Ledger,
    pub pool: PgPool,
    pub database: Database,
}

impl Fixture {
    pub async fn new() -> Self {
        let database = services::database()
            .await
            .expect("run `cargo xtask test`, or set DATABASE_URL");
        let ledger = connect(&database).await;
        ledger.migrate().await.unwrap();
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .connect(database.url())
            .await
            .unwrap();
        Self {
            ledger,
            pool,
            database,
        }
    }

    /// With so many deployments of one device each; see [`device_ip`].
    pub async fn with_devices(count: usize) -> Self {
        let fixture = Self::new().await;
        fixture
            .ledger
            .load_inventory(&devices(count))
            .await
            .unwrap();
        fixture
    }

    /// Another worker's ledger.
    pub async fn another(&self) -> Ledger {
        connect(&self.database).await
    }

    pub async fn close(self) {
        self.ledger.close().await;
        self.pool.close().await;
        self.database.close().await.unwrap();
    }

    /// Accepts an upgrade of device `index` and gives its first step.
    pub async fn start(&self, index: usize) -> StepRef {
        let acceptance = self.ledger.accept(&request(index), LATER).await.unwrap();
        let Acceptance::Accepted {
            execution_id,
            duplicate: false,
        } = acceptance
        else {
            panic!("not accepted: {acceptance:?}");
        };
        StepRef {
            execution_id,
            seq: 1,
            state: State::DeviceValidation,
        }
    }

    /// Claims a step that is free.
    pub async fn hold(&self, step: &StepRef) -> HeldStep {
        held(
            self.ledger
                .claim(step, question("worker-1"), TTL)
                .await
                .unwrap(),
        )
    }

    /// Accepts an upgrade of device `index` and claims its first step.
    pub async fn started(&self, index: usize) -> HeldStep {
        let step = self.start(index).await;
        self.hold(&step).await
    }

    /// Takes the arrow and claims the next step.
    pub async fn moved(&self, from: &HeldStep, transition: &Transition) -> HeldStep {
        let fenced = self.ledger.record(&from.token, transition).await.unwrap();
        assert_eq!(fenced, Fenced::Done);
        self.hold(&StepRef {
            execution_id: from.token.execution_id,
            seq: from.token.seq + 1,
            state: transition.to,
        })
        .await
    }

    /// Runs a statement behind the ledger's back; how many rows it concerned.
    pub async fn sql(&self, sql: &'static str, id: Uuid) -> u64 {
        let query = sqlx::query(sql).bind(id);
        query.execute(&self.pool).await.unwrap().rows_affected()
    }

    /// Lets a claim end, as time would.
    pub async fn expire_claim(&self, id: Uuid) {
        let sql = "UPDATE executions SET claim_until = now() - interval '1 second' WHERE id = $1";
        assert_eq!(self.sql(sql, id).await, 1);
    }

    /// Makes a step due, as time would.
    pub async fn make_due(&self, id: Uuid) {
        let sql = "UPDATE executions SET wake_at = now() - interval '1 second' WHERE id = $1";
        assert_eq!(self.sql(sql, id).await, 1);
    }

    /// The seconds from Postgres' now to a column of an execution.
    pub async fn seconds_until(&self, column: &'static str, id: Uuid) -> f64 {
        let sql = format!(
            "SELECT extract(epoch FROM {column} - now())::float8 FROM executions WHERE id = $1"
        );
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

async fn connect(database: &Database) -> Ledger {
    Ledger::connect(database.url(), &LedgerOptions::default())
        .await
        .unwrap()
}

pub fn held(claim: Claim) -> HeldStep {
    match claim {
        Claim::Held(held) => *held,
        other => panic!("not held: {other:?}"),
    }
}

/// A value from its JSON.
pub fn parse<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub fn device_ip(index: usize) -> String {
    format!("10.20.{}.{}", index / 250, 1 + index % 250)
}

pub fn devices(count: usize) -> Inventory {
    let deployments: Vec<Value> = (0..count)
        .map(|index| {
            json!({
                "name": format!("fabric-{index:04}"),
                "api_url": "https://192.0.2.1/v1",
                "user": "admin",
                "password_secret": "efa-admin",
                "nodes": [{ "ip_address": "192.0.2.11", "name": "tpvm-1" }],
                "devices": [{ "ip_address": device_ip(index), "name": "leaf-1", "user": "admin" }],
            })
        })
        .collect();
    parse(json!({ "deployments": deployments }))
}

pub fn request(index: usize) -> UpgradeRequest {
    parse(json!({
        "version": 1,
        "request_id": Uuid::new_v4(),
        "ip_address": device_ip(index),
        "firmware_host": "192.0.2.99",
        "tpvm_image": "/images/tpvm-4.6.0.deb",
        "requested_by": "alice",
        "trusted_peer_sudo_user": "extreme",
        "trusted_peer_password_secret": "peer",
        "options": { "force": true, "clean_redeploy": false },
    }))
}

pub fn success(to: State) -> Transition {
    Transition {
        outcome: Outcome::Success,
        to,
        case: (to == State::TpvmUpgrade).then_some(Case::NormalUpgrade),
        facts: Facts::default(),
        detail: Some(format!("on to {to}")),
        failure: None,
        failed_state: None,
        verdict: None,
        wake_after: LATER,
    }
}

pub fn failure(of: State, to: State) -> Transition {
    Transition {
        outcome: Outcome::Failure,
        failure: Some(Failure {
            cause: format!("{of} did not work"),
            remedy: format!("mend {of}"),
        }),
        failed_state: Some(of),
        detail: None,
        ..success(to)
    }
}

pub fn the_end(verdict: Verdict, transition: Transition) -> Transition {
    Transition {
        to: State::WorkflowFinished,
        verdict: Some(verdict),
        ..transition
    }
}

/// The only question of a claimant.
pub fn question(worker: &str) -> Question {
    Claimant::new(worker).ask()
}
