#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

use async_trait::async_trait;
use schemas::tpvm::{TpvmConfig, TrustedPeer};
use secrecy::SecretString;

use super::*;
use crate::permit::Permit;
use crate::slx::{ImageSource, SlxError};
use crate::versions::SlxVersion;

fn at(age: std::time::Duration, sends: i32) -> (DateTime<Utc>, Intent) {
    let intent = Intent {
        at: DateTime::UNIX_EPOCH,
        sends,
        baseline: Baseline::default(),
        answered: false,
    };
    (intent.at + age, intent)
}

fn no_trace(age: std::time::Duration, sends: i32) -> Next {
    let (now, intent) = at(age, sends);
    rule(&Timing::default(), now, Seen::NoTrace, Some(&intent))
}

#[test]
fn without_an_intent_the_command_is_sent_for_the_first_time() {
    let now = DateTime::UNIX_EPOCH;
    let next = rule(&Timing::default(), now, Seen::NoTrace, None);
    assert!(matches!(next, Next::Send(1)));
}

/// Until then the command may still be on its way to the device.
#[test]
fn a_device_without_a_trace_is_not_believed_before_the_command_has_settled() {
    let almost = Timing::default().settle - std::time::Duration::from_millis(1);
    assert!(matches!(
        no_trace(almost, 1),
        Next::Stop(Ok(Progress::Waiting { .. }))
    ));
    assert!(matches!(
        no_trace(Timing::default().settle, 1),
        Next::Send(2)
    ));
}

#[test]
fn a_command_is_not_sent_for_ever() {
    let sends = Timing::default().max_sends.cast_signed();
    assert!(matches!(
        no_trace(Timing::default().settle, sends),
        Next::Stop(Err(Setback::Failed { .. }))
    ));
}

/// A switch that begins an operation, or ends one, after so many of its answers.
struct Turning {
    answers: usize,
    turn: usize,
    before: (Phase, &'static str),
    after: (Phase, &'static str),
}

impl Turning {
    fn now(&mut self) -> (Phase, &'static str) {
        self.answers += 1;
        if self.answers > self.turn {
            self.after.clone()
        } else {
            self.before.clone()
        }
    }
}

#[async_trait]
impl Switch for Turning {
    async fn tpvm_status(&mut self) -> Result<TpvmStatus, SlxError> {
        Ok(TpvmStatus {
            phase: self.now().0,
            tags: Vec::new(),
        })
    }

    async fn tpvm_version(&mut self) -> Result<Option<TpvmVersion>, SlxError> {
        Ok(self.now().1.parse().ok())
    }

    async fn snapshot(&mut self) -> Result<Option<String>, SlxError> {
        Ok(Some(self.now().1.to_owned()))
    }

    async fn slx_version(&mut self) -> Result<SlxVersion, SlxError> {
        unreachable!("not asked for")
    }

    async fn tpvm_ips(&mut self) -> Result<Vec<IpAddr>, SlxError> {
        unreachable!("not asked for")
    }

    async fn running_config(&mut self) -> Result<Option<TpvmConfig>, SlxError> {
        unreachable!("not asked for")
    }

    async fn configure(
        &mut self,
        _: &TpvmConfig,
        _: Option<&SecretString>,
    ) -> Result<(), SlxError> {
        unreachable!("nothing is written")
    }

    async fn set_trusted_peer(
        &mut self,
        _: &TrustedPeer,
        _: &SecretString,
    ) -> Result<(), SlxError> {
        unreachable!("nothing is written")
    }

    async fn deploy(&mut self, _: &Permit) -> Result<(), SlxError> {
        unreachable!("nothing is sent")
    }

    async fn upgrade(&mut self, _: &ImageSource<'_>, _: &Permit) -> Result<(), SlxError> {
        unreachable!("nothing is sent")
    }

    async fn revert(&mut self, _: &Permit) -> Result<(), SlxError> {
        unreachable!("nothing is sent")
    }

    async fn close(self: Box<Self>) {}
}

/// A running TPVM with one answer from before and one from during, or after, an operation would be
/// taken for one that ended with the wrong version.
#[tokio::test]
async fn what_begins_or_ends_during_a_look_is_still_at_work() {
    let working = (Phase::Working("upgrade: downloading".to_owned()), "2.0.0");
    let (old, new) = ((Phase::Running, "1.0.0"), (Phase::Running, "3.0.0"));
    for (before, after) in [(old, working.clone()), (working, new)] {
        for turn in 1..=3 {
            let mut switch = Turning {
                answers: 0,
                turn,
                before: before.clone(),
                after: after.clone(),
            };
            let seen = Tpvm::read(&mut switch).await.unwrap();
            let phase = &seen.status.phase;
            assert!(matches!(phase, Phase::Working(_)), "{turn}: {phase:?}");
        }
    }
}
