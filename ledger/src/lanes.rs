//! The lanes of a ledger: one for each kind of write that many ask for at once.

use tokio_util::sync::CancellationToken;

use crate::coalesce::Lane;
use crate::db::Db;
use crate::sql::accept::AcceptRequests;
use crate::sql::backlog::DeferEvents;
use crate::sql::claim::ClaimSteps;
use crate::sql::end_announced::AnnounceEnds;
use crate::sql::note::NoteFacts;
use crate::sql::record::RecordTransitions;
use crate::sql::renew::RenewClaims;
use crate::sql::wait::WaitForLater;

#[derive(Debug)]
pub(crate) struct Lanes {
    pub(crate) accept: Lane<AcceptRequests>,
    pub(crate) claim: Lane<ClaimSteps>,
    pub(crate) renew: Lane<RenewClaims>,
    pub(crate) note: Lane<NoteFacts>,
    pub(crate) record: Lane<RecordTransitions>,
    pub(crate) wait: Lane<WaitForLater>,
    pub(crate) end_announced: Lane<AnnounceEnds>,
    pub(crate) defer: Lane<DeferEvents>,
    /// Cancelled when a lane has ended that was not closed.
    pub(crate) failed: CancellationToken,
}

impl Lanes {
    pub(crate) fn start(db: &Db, max_batch: usize) -> Self {
        let failed = CancellationToken::new();
        let ended = || failed.clone();
        Self {
            accept: Lane::start(AcceptRequests(db.clone()), max_batch, ended()),
            claim: Lane::start(ClaimSteps(db.clone()), max_batch, ended()),
            renew: Lane::start(RenewClaims(db.clone()), max_batch, ended()),
            note: Lane::start(NoteFacts(db.clone()), max_batch, ended()),
            record: Lane::start(RecordTransitions(db.clone()), max_batch, ended()),
            wait: Lane::start(WaitForLater(db.clone()), max_batch, ended()),
            end_announced: Lane::start(AnnounceEnds(db.clone()), max_batch, ended()),
            defer: Lane::start(DeferEvents(db.clone()), max_batch, ended()),
            failed,
        }
    }

    pub(crate) async fn close(&self) {
        self.accept.close().await;
        self.claim.close().await;
        self.renew.close().await;
        self.note.close().await;
        self.record.close().await;
        self.wait.close().await;
        self.end_announced.close().await;
        self.defer.close().await;
    }
}
