//! Answers that are right and not whole, or say the same in other words, are no evidence.

use super::*;
use crate::slx::Tag;

fn tag(name: &str) -> Tag {
    Tag {
        name: name.to_owned(),
        severity: Severity::Error,
        text: "an old story".to_owned(),
    }
}

fn running(version: &str, snapshot: Option<&str>) -> Tpvm {
    Tpvm {
        status: TpvmStatus {
            phase: Phase::Running,
            tags: Vec::new(),
        },
        version: version.parse().ok(),
        snapshot: snapshot.map(str::to_owned),
    }
}

#[test]
fn when_a_version_is_written_otherwise_then_it_is_the_same() {
    for (one, other) in [("4.2.5", "4.2.5.0"), ("4.2", "4.2.0"), ("4.2.05", "4.2.5")] {
        assert!(is_version(one, other) && is_version(other, one), "{one}");
        assert!(!cut_short(one, other), "{one}");
    }
    for (one, other) in [("4.2.5", "4.2.50"), ("4.2.5", "4.2"), ("4.2", "4.2.5")] {
        assert!(!is_version(one, other) && !is_version(other, one), "{one}");
    }
}

#[test]
fn when_an_answer_is_cut_short_then_nothing_has_changed() {
    let snapshot = "Snapshot: 2026-11-01 10:20:30";
    let before = running("4.2.4", Some(snapshot)).baseline();
    for (version, shown) in [
        ("4.2.4", Some(snapshot)),
        ("4.2", Some(snapshot)),
        ("4.2.4.0", Some(snapshot)),
        ("4.2.4", Some("Snapshot: 2026-1")),
    ] {
        assert!(running(version, shown).unchanged(&before), "{version}");
    }
    for (version, shown) in [
        ("4.2.5", Some(snapshot)),
        ("4.2.40", Some(snapshot)),
        ("4.2.4", Some("Snapshot: 2026-11-01 10:20:31")),
        ("4.2.4", None),
    ] {
        assert!(!running(version, shown).unchanged(&before), "{version}");
    }
}

/// Two answers, of which the second lacks a message.
struct Forgetful(usize);

#[async_trait]
impl Switch for Forgetful {
    async fn tpvm_status(&mut self) -> Result<TpvmStatus, SlxError> {
        self.0 += 1;
        let tags = if self.0 == 1 {
            vec![tag("old-1")]
        } else {
            Vec::new()
        };
        Ok(TpvmStatus {
            phase: Phase::Running,
            tags,
        })
    }

    async fn tpvm_version(&mut self) -> Result<Option<TpvmVersion>, SlxError> {
        Ok("4.2.4".parse().ok())
    }

    async fn snapshot(&mut self) -> Result<Option<String>, SlxError> {
        Ok(None)
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
async fn when_one_of_two_answers_lacks_a_message_then_it_is_no_new_one_later() {
    let before = Tpvm::read(&mut Forgetful(0)).await.unwrap().baseline();
    assert_eq!(before.tags, ["old-1"]);
    let mut after = running("4.2.5", None);
    after.status.tags.push(tag("old-1"));
    assert_eq!(after.new_error(&before), None);
}

#[test]
fn when_an_interface_has_no_address_yet_then_it_is_not_another_one() {
    let expected: IpAddr = "10.0.0.1".parse().unwrap();
    for none in ["0.0.0.0", "127.0.0.1", "255.255.255.255", "169.254.0.9"] {
        let shown = Addresses {
            management: vec![none.parse().unwrap()],
            others: Vec::new(),
        };
        assert_eq!(place(Some(expected), &shown), Place::NotYet, "{none}");
        assert_eq!(place(None, &shown), Place::NotYet, "{none}");
    }
}
