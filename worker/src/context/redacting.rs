//! No secret of an upgrade in what becomes known of it. What a device prints is redacted where it is
//! read, by the secrets of that session; but it may print what an earlier session, of another worker,
//! has sent: the firmware host's password, for example.

use std::sync::PoisonError;

use schemas::values::SecretName;

use super::Context;
use crate::outcome::{Performed, Progress, Setback};
use crate::slx::Redactor;

impl Context<'_> {
    /// These are secrets of the upgrade.
    pub(super) fn names(&self, names: impl IntoIterator<Item = SecretName>) {
        let mut known = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(names);
    }

    /// What was performed, with none of the upgrade's secrets in a text.
    pub async fn redacted(&self, mut performed: Performed) -> Performed {
        if performed.is_err() {
            // Those that this look had no use for. What can't be had now was not asked for either.
            let _ = self.target().await;
            let _ = self.firmware_host().await;
        }
        let mut names = {
            let known = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            known.clone()
        };
        names.extend(self.step().request.trusted_peer_password_secret.clone());
        let mut redactor = Redactor::default();
        for name in &names {
            if let Ok(secret) = self.secret(name) {
                redactor.add(&secret);
            }
        }
        if let Some(text) = text(&mut performed) {
            *text = redactor.without_known(text);
        }
        performed
    }
}

/// What is said of it.
fn text(performed: &mut Performed) -> Option<&mut String> {
    Some(match performed {
        Ok(Progress::Done(done)) => &mut done.detail,
        Ok(Progress::Waiting { why, .. }) => why,
        Err(
            Setback::Failed { cause, .. }
            | Setback::Retry { cause, .. }
            | Setback::Busy { cause }
            | Setback::Unreadable { cause, .. }
            | Setback::Login { cause, .. },
        ) => cause,
        Err(Setback::Unknown { attempted, .. }) => attempted,
        Err(Setback::ClaimLost) => return None,
    })
}
