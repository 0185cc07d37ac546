//! Executions in the vendor's vocabulary: `TpvmUpgradeSwitchStatus` of the XCO 3.8.0 API, with
//! more fields behind the vendor's.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ledger::{Execution, Facts, HistoryRow, LedgerError};
use schemas::values::{ImagePath, Requester};
use schemas::{Case, Outcome, State, UpdateState, Verdict, status};
use serde::Serialize;
use uuid::Uuid;

use crate::table::Table;

/// The answer to "how do these upgrades stand?".
#[derive(Serialize)]
pub(crate) struct Items {
    overall_status: &'static str,
    pub(crate) items: Vec<Item>,
    /// Not the vendor's: upgrades that can't be shown until their rows are mended. Each of these
    /// texts names one, and says what is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<String>,
}

impl Items {
    pub(crate) fn new(found: Vec<Result<Item, LedgerError>>) -> Self {
        let (mut items, mut unreadable) = (Vec::new(), Vec::new());
        for item in found {
            match item {
                Ok(item) => items.push(item),
                Err(error) => unreadable.push(error.to_string()),
            }
        }
        let any = |state| items.iter().any(|item| item.update_state == state);
        let overall_status = if items.is_empty() {
            status::NO_DETAIL
        } else if any(UpdateState::InProgress) {
            UpdateState::InProgress.as_str()
        } else if any(UpdateState::Failed) {
            UpdateState::Failed.as_str()
        } else {
            UpdateState::Completed.as_str()
        };
        Self {
            overall_status,
            items,
            unreadable,
        }
    }

    /// As tables: that of the items, and one that names what can't be shown.
    pub(crate) fn tables(&self, table: impl Fn(&[Item]) -> Table) -> Vec<Table> {
        let mut tables = vec![table(&self.items)];
        if !self.unreadable.is_empty() {
            let rows = self.unreadable.iter().map(|problem| [problem.clone()]);
            tables.push(Table::new("Unreadable TPVM Upgrades", ["Problem"], rows));
        }
        tables
    }
}

/// One upgrade.
#[derive(Serialize)]
pub(crate) struct Item {
    pub(crate) id: Uuid,
    pub(crate) switch_data: SwitchData,
    /// Empty until known, as every text of the vendor's that is not known yet.
    pub(crate) target_tpvm_version: String,
    pub(crate) update_state: UpdateState,
    pub(crate) status: String,
    pub(crate) detailed_status: String,
    pub(crate) start_time: DateTime<Utc>,
    pub(crate) last_update_time: DateTime<Utc>,
    pub(crate) failed_state: String,
    pub(crate) upgrade_type: String,
    // From here on the fields are not the vendor's.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) from_tpvm_version: Option<String>,
    pub(crate) state: State,
    pub(crate) seq: i32,
    pub(crate) attempts: i32,
    pub(crate) deployment: Option<String>,
    pub(crate) firmware_host: IpAddr,
    pub(crate) tpvm_image: ImagePath,
    pub(crate) request_id: Uuid,
    pub(crate) requested_by: Requester,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) history: Option<Vec<HistoryItem>>,
}

/// The switch, as far as it is known.
#[derive(Serialize)]
pub(crate) struct SwitchData {
    pub(crate) ip_address: IpAddr,
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) chassis_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) firmware: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tpvm_version: Option<String>,
}

impl From<Execution> for Item {
    fn from(execution: Execution) -> Self {
        let tpvm_version = match execution.verdict {
            Some(Verdict::Succeeded) => execution.target_version.clone(),
            Some(Verdict::RevertFailed) => None,
            _ => execution.from_version.clone(),
        };
        Self {
            id: execution.id,
            update_state: UpdateState::of(execution.verdict),
            status: status::status(execution.state, execution.verdict),
            detailed_status: detailed_status(&execution),
            switch_data: SwitchData {
                ip_address: execution.ip_address,
                name: execution.host_name.unwrap_or_default(),
                model: execution.model.unwrap_or_default(),
                chassis_name: execution.chassis_name.unwrap_or_default(),
                firmware: None,
                tpvm_version,
            },
            target_tpvm_version: execution.target_version.unwrap_or_default(),
            start_time: execution.created_at,
            last_update_time: execution.updated_at,
            failed_state: execution
                .failed_state
                .map_or_else(String::new, State::failed_slug),
            upgrade_type: upgrade_type(execution.case),
            verdict: execution.verdict,
            from_tpvm_version: execution.from_version,
            state: execution.state,
            seq: execution.seq,
            attempts: execution.attempts,
            deployment: execution.deployment,
            firmware_host: execution.firmware_host,
            tpvm_image: execution.tpvm_image,
            request_id: execution.request_id,
            requested_by: execution.requested_by,
            history: None,
        }
    }
}

impl Item {
    /// The upgrade with what its history tells beyond the execution.
    pub(crate) fn with_history(execution: Execution, rows: Vec<HistoryRow>) -> Self {
        let mut item = Item::from(execution);
        item.switch_data.firmware = rows
            .iter()
            .rev()
            .find_map(|row| row.facts.slx_version.clone());
        item.history = Some(rows.into_iter().map(HistoryItem::from).collect());
        item
    }
}

/// One move of an upgrade from state to state.
#[derive(Serialize)]
pub(crate) struct HistoryItem {
    pub(crate) seq: i32,
    pub(crate) state: State,
    pub(crate) next_state: State,
    pub(crate) outcome: Outcome,
    pub(crate) upgrade_type: String,
    pub(crate) detailed_status: String,
    pub(crate) start_time: DateTime<Utc>,
    pub(crate) end_time: DateTime<Utc>,
    pub(crate) duration_seconds: f64,
    pub(crate) attempts: i32,
    pub(crate) worker: String,
    pub(crate) facts: Facts,
}

impl From<HistoryRow> for HistoryItem {
    fn from(row: HistoryRow) -> Self {
        let detailed_status = match (row.failure, row.detail) {
            (Some(failure), _) => status::cause_and_remedy(&failure.cause, &failure.remedy),
            (None, Some(detail)) => detail,
            (None, None) => status::NO_DETAIL.to_owned(),
        };
        let duration = (row.ended_at - row.started_at).to_std().unwrap_or_default();
        Self {
            seq: row.seq,
            state: row.from,
            next_state: row.to,
            outcome: row.outcome,
            upgrade_type: upgrade_type(row.case),
            detailed_status,
            start_time: row.started_at,
            end_time: row.ended_at,
            duration_seconds: duration.as_secs_f64(),
            attempts: row.attempts,
            worker: row.worker,
            facts: row.facts,
        }
    }
}

fn upgrade_type(case: Option<Case>) -> String {
    case.map_or_else(String::new, |case| case.upgrade_type().to_owned())
}

fn detailed_status(execution: &Execution) -> String {
    let failure = execution.failure.as_ref();
    let failure = failure.map(|failure| (&*failure.cause, &*failure.remedy));
    status::detailed_status(execution.verdict, failure, execution.detail.as_deref())
}

/// A time in tables.
pub(crate) fn shown_time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
