//! The statements, one function or one [`Statement`](crate::coalesce::Statement) each.
//!
//! Statements that write to many executions lock the rows first, in the order of their ids: two
//! of them that share rows (a message may arrive twice) then wait for each other instead of
//! deadlocking. They take `FOR NO KEY UPDATE`, which is what an update of other columns than the
//! key takes, so that a row of history can refer to the execution meanwhile.
//!
//! A row that was found locked is read again once the lock is granted, so what such a statement
//! sees is what the last writer left.

pub(crate) mod accept;
pub(crate) mod backlog;
pub(crate) mod claim;
pub(crate) mod counts;
mod deployment;
mod device;
pub(crate) mod due;
pub(crate) mod end_announced;
pub(crate) mod executions;
pub(crate) mod firmware_host;
pub(crate) mod history;
pub(crate) mod inventory;
pub(crate) mod note;
pub(crate) mod operational;
pub(crate) mod outlived;
pub(crate) mod postpone;
pub(crate) mod record;
pub(crate) mod renew;
mod request;
pub(crate) mod tpvm_config;
pub(crate) mod transitions;
pub(crate) mod wait;
