#![allow(clippy::unwrap_used)]

use async_trait::async_trait;
use schemas::tpvm::{TpvmConfig, TrustedPeer};
use secrecy::SecretString;

mod partial;

use super::*;
use crate::permit::Permit;
use crate::slx::{Addresses, ImageSource, SlxError};
use crate::versions::SlxVersion;

fn known(intents: i32, written: i32, answers: i32) -> Intent {
    Intent {
        at: DateTime::UNIX_EPOCH,
        sends: intents,
        baseline: Baseline::default(),
        answered: false,
        written,
        answers,
    }
}

fn no_trace(age: std::time::Duration, intent: &Intent) -> Next {
    let now = intent.at + age;
    rule(&Timing::default(), now, Seen::NoTrace, Some(intent))
}

#[test]
fn without_an_intent_the_command_is_sent_for_the_first_time() {
    let now = DateTime::UNIX_EPOCH;
    let next = rule(&Timing::default(), now, Seen::NoTrace, None);
    assert!(matches!(next, Next::Send));
}

/// Until then the command may still be on its way to the device.
#[test]
fn a_device_without_a_trace_is_not_believed_before_the_command_has_settled() {
    let almost = Timing::default().settle - std::time::Duration::from_millis(1);
    for intent in [known(1, 1, 0), known(1, 0, 0), known(7, 0, 0)] {
        assert!(matches!(
            no_trace(almost, &intent),
            Next::Stop(Ok(Progress::Waiting { .. }))
        ));
        let settled = no_trace(Timing::default().settle, &intent);
        assert!(matches!(settled, Next::Send));
    }
}

#[test]
fn a_command_is_not_sent_for_ever() {
    let sends = Timing::default().max_sends.cast_signed();
    for (intents, answers) in [(sends, 0), (sends, sends), (sends + 3, 1)] {
        assert!(matches!(
            no_trace(Timing::default().settle, &known(intents, sends, answers)),
            Next::Stop(Err(Setback::Failed { .. }))
        ));
    }
}

/// Workers that died between intent and command sent nothing.
#[test]
fn when_nothing_is_known_of_an_intent_then_it_does_not_count_as_sent() {
    for intents in 1..20 {
        let next = no_trace(Timing::default().settle, &known(intents, 1, 0));
        assert!(matches!(next, Next::Send), "{intents}");
    }
    let Next::Stop(Err(Setback::Failed { cause, .. })) =
        no_trace(Timing::default().settle, &known(5, 2, 1))
    else {
        panic!("sent for ever");
    };
    assert!(cause.contains("was sent 2 times"), "{cause}");
    assert!(cause.contains("3 times a worker ended"), "{cause}");
}

/// Rows from before it was counted what was written.
#[test]
fn when_an_intent_is_of_an_older_worker_then_only_its_answer_counts() {
    let stored = serde_json::json!({"at": DateTime::UNIX_EPOCH, "sends": 2, "baseline": {}});
    let silent: Intent = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!((silent.known_sends(), silent.unknown_sends()), (0, 2));
    let mut answered = stored;
    answered["answered"] = true.into();
    let answered: Intent = serde_json::from_value(answered).unwrap();
    assert_eq!((answered.known_sends(), answered.unknown_sends()), (1, 1));
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

    async fn tpvm_ips(&mut self) -> Result<Addresses, SlxError> {
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
        // Who is at work before the others is not asked for more.
        let turns = if before.0 == Phase::Running {
            1..=3
        } else {
            1..=1
        };
        for turn in turns {
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

/// A guest that is down tells neither its version nor its snapshot.
struct Down {
    status: Phase,
    asked: usize,
}

#[async_trait]
impl Switch for Down {
    async fn tpvm_status(&mut self) -> Result<TpvmStatus, SlxError> {
        Ok(TpvmStatus {
            phase: self.status.clone(),
            tags: Vec::new(),
        })
    }

    async fn tpvm_version(&mut self) -> Result<Option<TpvmVersion>, SlxError> {
        self.asked += 1;
        Err(SlxError::Refused {
            command: "tpvm_version".to_owned(),
            output: "% Error: TPVM is not running".to_owned(),
        })
    }

    async fn snapshot(&mut self) -> Result<Option<String>, SlxError> {
        self.tpvm_version().await.map(|_| None)
    }

    async fn slx_version(&mut self) -> Result<SlxVersion, SlxError> {
        unreachable!("not asked for")
    }

    async fn tpvm_ips(&mut self) -> Result<Addresses, SlxError> {
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

#[tokio::test]
async fn what_a_guest_that_is_down_refuses_to_tell_is_no_error() {
    let working = Phase::Working("upgrade: installing".to_owned());
    for (status, asked) in [(working, 0), (Phase::Stopped, 2), (Phase::NotInstalled, 2)] {
        let mut switch = Down { status, asked: 0 };
        let seen = Tpvm::read(&mut switch).await.unwrap();
        assert_eq!(seen.status.phase, switch.status);
        assert_eq!(
            (seen.version, seen.snapshot, switch.asked),
            (None, None, asked)
        );
    }
    let mut running = Down {
        status: Phase::Running,
        asked: 0,
    };
    let error = Tpvm::read(&mut running).await.err();
    assert!(
        matches!(error, Some(Setback::Unreadable { .. })),
        "{error:?}"
    );
}

#[test]
fn an_address_has_changed_only_if_another_one_stands_in_its_place() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let addresses = |management: &[&str], others: &[&str]| Addresses {
        management: management.iter().map(|text| ip(text)).collect(),
        others: others.iter().map(|text| ip(text)).collect(),
    };
    let expected = Some(ip("10.0.0.1"));
    for (management, others, found) in [
        (&["10.0.0.1", "fe80::1"][..], &[][..], Place::Expected),
        (&[], &["10.0.0.1"], Place::Expected),
        (&["10.0.0.2"], &[], Place::Other(ip("10.0.0.2"))),
        // DHCP has not answered yet.
        (&["fe80::1"], &[], Place::NotYet),
        (&["169.254.3.4"], &[], Place::NotYet),
        (&["fd00::1"], &["10.30.0.2"], Place::NotYet),
        (&[], &[], Place::NotYet),
        (&["10.0.0.12"], &[], Place::Other(ip("10.0.0.12"))),
    ] {
        assert_eq!(place(expected, &addresses(management, others)), found);
    }
    let (long, cut) = (Some(ip("10.0.0.12")), addresses(&["10.0.0.1"], &[]));
    assert_eq!(place(long, &cut), Place::NotYet);
    assert!(
        cut_short("4.2", "4.2.5") && !cut_short("4.2.5", "4.2.5") && !cut_short("4.3", "4.2.5")
    );
    assert_eq!(place(None, &addresses(&["10.9.9.9"], &[])), Place::Expected);
    assert_eq!(place(None, &addresses(&["fe80::1"], &[])), Place::NotYet);
}

#[test]
fn a_refusal_is_evidence_of_the_first_command_only() {
    let refused = || SlxError::Refused {
        command: "deploy".to_owned(),
        output: "% Error: TPVM is already deployed".to_owned(),
    };
    let first = not_taken("deploy", None, refused());
    assert!(matches!(first, Setback::Failed { .. }), "{first:?}");
    let second = not_taken("deploy", Some(&known(1, 1, 0)), refused());
    assert!(matches!(second, Setback::Unreadable { .. }), "{second:?}");
}
