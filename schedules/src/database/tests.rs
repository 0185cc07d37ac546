//! Claims and due times go by the clock that the driver sets, and by no other.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ledger::{Claim, ClaimToken, Claimant, Facts, Fenced, StepRef, Wait};
use schemas::State;

use super::*;
use crate::fleet::{inventory, request};
use crate::schedule::{Fabric, Request, Schedule};
use crate::stage::Stage;

/// How long claims last here, and steps wait: shorter than [`really_wait`].
const SHORT: Duration = Duration::from_millis(300);
const BEGINNING_OF_ALL: Duration = Duration::ZERO;

/// A database with a ledger, and in it one step that is due after [`SHORT`].
struct Scene {
    database: Database,
    ledger: Ledger,
    step: StepRef,
}

impl Scene {
    async fn new() -> Self {
        let url = std::env::var("DATABASE_URL").expect("run `cargo xtask test -p schedules`");
        let database = Database::new(&url).await.unwrap();
        let options = LedgerOptions::default();
        let ledger = Ledger::connect(database.url(), &options).await.unwrap();
        let schedule = Schedule {
            order: 0,
            workers: 1,
            hurried: false,
            brisk: false,
            fabrics: vec![Fabric::Old],
            requests: vec![Request {
                fabric: 0,
                at: 0,
                twice: false,
            }],
            faults: vec![],
        };
        let known = inventory(&schedule).unwrap();
        ledger.load_inventory(&known).await.unwrap();
        let request = request(&schedule, 0).unwrap();
        ledger.accept(&request, SHORT).await.unwrap();
        let id = database.executions().await.unwrap()[0].id;
        let step = StepRef {
            execution_id: id,
            seq: 1,
            state: State::DeviceValidation,
        };
        Self {
            database,
            ledger,
            step,
        }
    }

    /// Real time passes, for Postgres as for everyone.
    async fn really_wait(&self) {
        let slept = sqlx::query("SELECT pg_sleep(2 * $1)").bind(SHORT.as_secs_f64());
        slept.execute(&self.database.pool).await.unwrap();
    }

    async fn claim(&self, worker: &str) -> Option<ClaimToken> {
        let question = Claimant::new(worker).ask();
        match self
            .ledger
            .claim(&self.step, question, SHORT)
            .await
            .unwrap()
        {
            Claim::Held(held) => Some(held.token),
            Claim::Busy { .. } => None,
            other => panic!("{other:?}"),
        }
    }

    async fn is_due(&self) -> bool {
        !self.ledger.due(10, SHORT).await.unwrap().is_empty()
    }

    async fn set(&mut self, now: Duration, jumped: i64) {
        self.database.set_clock(now, jumped).await.unwrap();
    }

    async fn close(self) {
        self.ledger.close().await;
        self.database.close().await.unwrap();
    }
}

fn block_on<F: Future>(test: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(test)
}

#[test]
fn a_claim_ends_when_the_clock_says_so() {
    block_on(async {
        let mut scene = Scene::new().await;
        let first = scene.claim("first").await.expect("a claim");
        scene.really_wait().await;
        assert_eq!(scene.claim("second").await, None);
        scene.set(SHORT - Duration::from_micros(1), 0).await;
        assert_eq!(scene.claim("second").await, None);
        scene.set(SHORT, 0).await;
        let second = scene.claim("second").await.expect("a claim");

        let facts = Facts::default();
        let note = |token| scene.ledger.note(token, &facts, SHORT);
        assert_eq!(note(&first).await.unwrap(), Fenced::Stale);
        scene.really_wait().await;
        assert_eq!(note(&second).await.unwrap(), Fenced::Done);
        scene.close().await;
    });
}

#[test]
fn steps_are_due_when_the_clock_says_so() {
    block_on(async {
        let mut scene = Scene::new().await;
        scene.really_wait().await;
        assert!(!scene.is_due().await, "after its acceptance");
        scene.set(SHORT, 0).await;
        assert!(scene.is_due().await);
        scene.really_wait().await;
        assert!(!scene.is_due().await, "after it was found");

        let token = scene.claim("worker").await.expect("a claim");
        scene.really_wait().await;
        assert!(!scene.is_due().await, "after its claim");
        let wait = Wait {
            after: SHORT,
            why: "it takes time".to_owned(),
            facts: Facts::default(),
            counts_as_attempt: false,
        };
        let waits = scene.ledger.wait(&token, &wait).await.unwrap();
        assert_eq!(waits, Fenced::Done);
        scene.really_wait().await;
        assert!(!scene.is_due().await, "after a wait");
        scene.set(2 * SHORT, 0).await;
        assert!(scene.is_due().await);
        scene.close().await;
    });
}

#[test]
fn a_jump_of_the_clock_is_time_like_any_other() {
    block_on(async {
        let mut scene = Scene::new().await;
        scene.claim("first").await.expect("a claim");
        scene.set(BEGINNING_OF_ALL, -60).await;
        assert_eq!(scene.claim("second").await, None, "after a jump back");
        assert!(!scene.is_due().await);
        scene.set(Duration::from_secs(60), -60).await;
        assert_eq!(scene.claim("second").await, None, "as late as before");
        scene.set(BEGINNING_OF_ALL, 60).await;
        assert!(scene.is_due().await, "after a jump forward");
        scene.claim("second").await.expect("a claim");
        scene.close().await;
    });
}

/// Whatever whole schedules write: no row holds a time of another clock.
#[test]
fn every_time_in_the_ledger_is_the_clocks() {
    let url = std::env::var("DATABASE_URL").expect("run `cargo xtask test -p schedules`");
    let mut stage = Stage::new(&url).unwrap();
    for seed in 0..10 {
        stage.run(&crate::of_seed(seed)).unwrap();
        let Stage {
            driver, database, ..
        } = &stage;
        let (times, strangers) = driver.block_on(times(&database.pool));
        assert!(times > 0);
        assert_eq!(strangers, Vec::<String>::new(), "seed {seed}");
    }
    stage.close().unwrap();
}

/// How many times the tables hold, and those that no schedule can have come to.
async fn times(pool: &PgPool) -> (usize, Vec<String>) {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'
           AND table_name NOT LIKE '\\_sqlx%'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let (mut count, mut strangers) = (0, Vec::new());
    for (table, column) in columns {
        let sql = format!(
            "SELECT abs(extract(epoch FROM {column}) - {BEGINNING})::float8 FROM {table}
             WHERE {column} IS NOT NULL"
        );
        let distances: Vec<f64> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(pool)
            .await
            .unwrap();
        count += distances.len();
        let two_days = Duration::from_secs(2 * 24 * 3_600).as_secs_f64();
        let far = distances
            .into_iter()
            .filter(|distance| *distance > two_days);
        strangers.extend(far.map(|distance| format!("{table}.{column}: {distance} s away")));
    }
    (count, strangers)
}
