//! Remedies: whoever does what the remedy of a failure says, and requests the upgrade again, gets
//! it.
//!
//! Each way in which a state fails, those of the revert and of the deadlines included; where
//! somebody has to act on the device, the remedy says so, and it is done at the simulator.

use schemas::{Case, State};
use simulator::{DeploymentChange, FaultKind, SwitchChange};
use tests::World;

use crate::scene::{Scene, Upgrade};
use crate::tally::tally;
use crate::timing::{PATIENT, SHORT_DEADLINES};
use crate::walks::Walk;
use crate::ways::{Way, endless, ways};

/// What somebody has to do at the device, or at EFA, before the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Nothing but to see to what was in the way, which is the fault itself.
    Nothing,
    /// `tpvm show status clear-tag`
    ClearMessages,
    /// Another image in `/tftpboot/SWBD2900`, and the wrong TPVM removed.
    ReplaceImage,
    /// The TPVM gets its former address.
    RestoreAddress,
    /// The other EFA node becomes the active one.
    SwitchOver,
    /// What the device is at is ended.
    EndOperation,
    /// The TPVM as it was before, with EFA.
    RestoreTpvm,
}

impl Act {
    /// What a remedy must say that asks for it.
    fn words(self) -> &'static [&'static str] {
        match self {
            Act::Nothing | Act::EndOperation => &[],
            Act::ClearMessages => &["clear the message"],
            Act::ReplaceImage => &["copy the wanted image", "remove the TPVM"],
            Act::RestoreAddress => &["former address"],
            Act::SwitchOver => &["switch EFA over"],
            Act::RestoreTpvm => &["restore the TPVM by hand", "with EFA up on it"],
        }
    }

    fn done(self, world: &World, n: usize) {
        let change = SwitchChange::default();
        let change = match self {
            Act::Nothing => return,
            Act::SwitchOver => {
                return world.efa(n).set(DeploymentChange {
                    active: Some(0),
                    ..DeploymentChange::default()
                });
            }
            Act::ClearMessages => SwitchChange {
                clear_tags: true,
                ..change
            },
            Act::ReplaceImage => SwitchChange {
                image: Some("4.2.5".to_owned()),
                tpvm_version: Some(String::new()),
                ..change
            },
            Act::RestoreAddress => SwitchChange {
                tpvm_ip: Some(address(world, n)),
                ..change
            },
            Act::EndOperation => SwitchChange {
                end_operation: true,
                ..change
            },
            Act::RestoreTpvm => SwitchChange {
                end_operation: true,
                clear_tags: true,
                tpvm_version: Some("4.2.4".to_owned()),
                tpvm_ip: Some(address(world, n)),
                efa_installed: Some(true),
                running: Some(true),
                ..change
            },
        };
        world.standby(n).set(change).unwrap();
    }
}

/// The address at which EFA expects the TPVM.
fn address(world: &World, n: usize) -> std::net::Ipv4Addr {
    world.efa(n).state().nodes[1].ip
}

/// What the failure of `state` in this way asks for. A new kind of fault must be decided here.
fn act(state: State, kind: &FaultKind) -> Act {
    match kind {
        _ if state == State::TpvmRevert => Act::RestoreTpvm,
        FaultKind::UpgradeFails(_) | FaultKind::InstallFails(_) | FaultKind::RevertFails(_) => {
            Act::ClearMessages
        }
        FaultKind::WrongVersion(_) if state == State::TpvmInstallation => Act::ReplaceImage,
        FaultKind::ChangedIp(_) if state == State::TpvmInstallation => Act::RestoreAddress,
        FaultKind::NodeGoesActive => Act::SwitchOver,
        FaultKind::NeverEnds => Act::EndOperation,
        FaultKind::WrongVersion(_)
        | FaultKind::ChangedIp(_)
        | FaultKind::Refuse(_)
        | FaultKind::AcceptWithoutEffect
        | FaultKind::ApplyReplyLost
        | FaultKind::LostBeforeEffect
        | FaultKind::Slow(_)
        | FaultKind::Garbage
        | FaultKind::DropAfterBytes(_)
        | FaultKind::RedeployFails(_)
        | FaultKind::Says(_)
        | FaultKind::Truncated
        | FaultKind::Page(..)
        | FaultKind::StaleStatus => Act::Nothing,
    }
}

/// A way in which an upgrade fails, with what has to be done then.
fn failures(ways: fn(State, Case) -> Vec<Way>) -> Vec<(Upgrade, Act)> {
    let mut all = Vec::new();
    for walk in Walk::all() {
        let failed = walk.failed();
        let Some(last) = failed.last() else { continue };
        for way in ways(*last, walk.case) {
            let kind = way.faults.first().map(|fault| &fault.kind);
            let act = kind.map_or(Act::Nothing, |kind| act(*last, kind));
            let mut steps = vec![(*last, way)];
            if failed.len() > 1 {
                let first = crate::ways::ways(failed[0], walk.case);
                let effective = first.into_iter().find(|way| way.carried_out);
                steps.insert(0, (failed[0], effective.unwrap()));
            }
            all.push((Upgrade::failing(walk.case, &steps), act));
        }
    }
    all
}

async fn follow(what: &str, failures: Vec<(Upgrade, Act)>, timing: &str) {
    let upgrades = failures.iter().map(|(upgrade, _)| upgrade.clone());
    let mut scene = Scene::open(upgrades.collect()).await;
    let _workers = [
        scene.world.worker_with(timing),
        scene.world.worker_with(timing),
    ];
    scene.request().await;
    scene.ended().await;
    let mut wrong = Vec::new();
    for (n, (upgrade, act)) in failures.iter().enumerate() {
        let execution = scene.world.ledger.execution(scene.ids[n]).await.unwrap();
        let Some(failure) = execution.unwrap().failure else {
            wrong.push(format!("{}: it did not fail", upgrade.name));
            continue;
        };
        let said = act.words().iter().all(|word| failure.remedy.contains(word));
        if !said {
            wrong.push(format!("{}: {act:?}, and {failure:?}", upgrade.name));
        }
        scene.world.standby(n).clear_faults();
        scene.world.efa(n).clear_faults();
        act.done(&scene.world, n);
    }
    // A TPVM that was restored is up again in EFA.
    tests::until("EFA to come back where it can", || async {
        let restored = failures.iter().enumerate();
        let mut restored = restored.filter(|(_, (_, act))| *act == Act::RestoreTpvm);
        let up = |n: usize| {
            let nodes = scene.world.efa(n).state().nodes;
            nodes.iter().all(|node| node.status == "up")
        };
        restored.all(|(n, _)| up(n)).then_some(())
    })
    .await;
    let requests: Vec<_> = (0..failures.len())
        .map(|n| scene.world.request(n))
        .collect();
    let ids = scene.world.accepted_all(&requests).await;
    for (id, (upgrade, _)) in ids.iter().zip(&failures) {
        let what = format!("the second end of {}", upgrade.name);
        let execution = tests::until_within(tests::patience(), &what, || async {
            let execution = scene.world.ledger.execution(*id).await.unwrap().unwrap();
            execution.verdict.map(|_| execution)
        })
        .await;
        if execution.verdict != Some(schemas::Verdict::Succeeded) {
            wrong.push(format!(
                "{}: then {:?} in {:?}: {:?}",
                upgrade.name, execution.verdict, execution.failed_state, execution.failure
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let failed = failures.iter().map(|(upgrade, _)| upgrade.fails_in());
    tally(what, failed);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_remedy_of_a_failure_is_followed_then_the_next_request_succeeds() {
    follow("remedies of failures", failures(ways), PATIENT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_remedy_of_a_deadline_is_followed_then_the_next_request_succeeds() {
    let mut late = failures(endless);
    // It can't be reverted while it is under way: see law F.
    late.retain(|(upgrade, _)| upgrade.walk.failed() != [State::TpvmUpgrade]);
    follow("remedies of deadlines", late, SHORT_DEADLINES).await;
}
