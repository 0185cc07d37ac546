use std::sync::{Arc, Mutex};

use ledger::{Acceptance, Ledger, LedgerError, LedgerOptions, Sky, StatementName, Weather};

use crate::support::{Fixture, LATER, request};

/// Writes down every statement, and keeps one of them from Postgres, or its answer from us.
#[derive(Debug, Default)]
struct Storm {
    seen: Mutex<Vec<&'static str>>,
    cut_off: Option<&'static str>,
    unanswered: Option<&'static str>,
}

impl Weather for Storm {
    fn before(&self, StatementName(name): StatementName) -> Sky<'_> {
        self.seen.lock().unwrap().push(name);
        let clear = self.cut_off != Some(name);
        Box::pin(async move { clear.then_some(()).ok_or(LedgerError::Closed) })
    }

    fn after(&self, StatementName(name): StatementName) -> Sky<'_> {
        let clear = self.unanswered != Some(name);
        Box::pin(async move { clear.then_some(()).ok_or(LedgerError::Closed) })
    }
}

async fn in_weather(fixture: &Fixture, storm: Storm) -> (Ledger, Arc<Storm>) {
    let storm = Arc::new(storm);
    let options = LedgerOptions {
        weather: Some(storm.clone()),
        ..LedgerOptions::default()
    };
    let ledger = Ledger::connect(fixture.database.url(), &options).await;
    (ledger.unwrap(), storm)
}

#[tokio::test]
async fn a_statement_that_is_cut_off_has_no_effect() {
    let fixture = Fixture::with_devices(1).await;
    let storm = Storm {
        cut_off: Some("accept"),
        ..Storm::default()
    };
    let (ledger, storm) = in_weather(&fixture, storm).await;
    let refused = ledger.accept(&request(0), LATER).await;
    assert!(matches!(refused, Err(LedgerError::Closed)), "{refused:?}");
    assert!(ledger.counts().await.unwrap().is_empty());
    assert_eq!(*storm.seen.lock().unwrap(), ["accept", "counts"]);
    ledger.close().await;
    fixture.close().await;
}

#[tokio::test]
async fn a_statement_whose_answer_is_lost_has_its_effect() {
    let fixture = Fixture::with_devices(1).await;
    let storm = Storm {
        unanswered: Some("accept"),
        ..Storm::default()
    };
    let (ledger, _) = in_weather(&fixture, storm).await;
    let asked = request(0);
    let lost = ledger.accept(&asked, LATER).await;
    assert!(matches!(lost, Err(LedgerError::Closed)), "{lost:?}");
    let again = fixture.ledger.accept(&asked, LATER).await.unwrap();
    assert!(
        matches!(
            again,
            Acceptance::Accepted {
                duplicate: true,
                ..
            }
        ),
        "{again:?}"
    );
    ledger.close().await;
    fixture.close().await;
}
