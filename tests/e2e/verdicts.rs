//! The words of each verdict are true together, also where EFA is down on the node: of the device and
//! EFA as they are at that moment.

use schemas::{State, Verdict};
use serde_json::Value;
use simulator::{Fault, FaultKind, Fleet, SwitchChange, Tagged};
use tests::{Trap, World, until};
use worker::points::Point;

use crate::checks::{normal, replaced};

/// How an upgrade ends, and whether EFA stays down on its node.
struct Ending {
    fleet: Fleet,
    faults: Vec<Fault>,
    /// The worker dies there in the revert; before the next one, EFA goes down for good.
    efa_goes_down_at: Option<Point>,
    verdict: Verdict,
    efa_is_up: bool,
    /// What is said.
    says: &'static [&'static str],
}

fn redeploy_fails() -> Fault {
    let fails = FaultKind::RedeployFails("peer unreachable".to_owned());
    Fault::new("efa-redeploy", fails)
}

fn endings() -> Vec<Ending> {
    let refused = || Fault::new("tpvm-upgrade", FaultKind::Refuse(None));
    let revert_fails = FaultKind::RevertFails(Tagged::new("no space"));
    let revert_fails = Fault::new("tpvm-revert", revert_fails);
    let ending = |faults, verdict, efa_is_up, says| Ending {
        fleet: normal(),
        faults,
        efa_goes_down_at: None,
        verdict,
        efa_is_up,
        says,
    };
    const NOT_BACK: &str = "EFA has not come back on it";
    vec![
        ending(vec![], Verdict::Succeeded, true, &[]),
        ending(
            vec![redeploy_fails()],
            Verdict::Reverted,
            true,
            &["peer unreachable", "the TPVM was reverted to 4.2.4"],
        ),
        Ending {
            efa_goes_down_at: Some(Point::Commanded),
            ..ending(
                vec![redeploy_fails()],
                Verdict::Reverted,
                false,
                &[
                    "the TPVM was reverted to 4.2.4",
                    NOT_BACK,
                    "Recover EFA on that node",
                ],
            )
        },
        ending(
            vec![refused()],
            Verdict::Reverted,
            true,
            &["refused", "nothing to revert: the TPVM runs 4.2.4"],
        ),
        Ending {
            efa_goes_down_at: Some(Point::Claimed),
            ..ending(
                vec![refused()],
                Verdict::Reverted,
                false,
                &[
                    "nothing to revert: the TPVM runs 4.2.4",
                    NOT_BACK,
                    "Recover EFA on that node",
                ],
            )
        },
        ending(
            vec![redeploy_fails(), revert_fails],
            Verdict::RevertFailed,
            false,
            &[
                "peer unreachable",
                "the revert failed",
                "no space",
                "restore the TPVM by hand",
            ],
        ),
        Ending {
            fleet: replaced(),
            ..ending(
                vec![redeploy_fails()],
                Verdict::Failed,
                false,
                &["peer unreachable", "request the upgrade again"],
            )
        },
    ]
}

/// Runs it to its end; if so said, EFA goes down on the way.
async fn run(world: &World, ending: &Ending) -> uuid::Uuid {
    for fault in &ending.faults {
        world.fault(0, fault.clone());
    }
    let Some(point) = ending.efa_goes_down_at else {
        let _worker = world.worker();
        let id = world.accepted(&world.request(0)).await;
        world.finished(id).await;
        return id;
    };
    let victim = world.worker_at(Trap::crash(point).in_state(State::TpvmRevert));
    let id = world.accepted(&world.request(0)).await;
    victim.killed("in the revert").await;
    until("the former version", || async {
        let device = world.standby(0).state();
        let former = device.tpvm_version.as_deref() == Some("4.2.4");
        (former && device.running && device.operation.is_none()).then_some(())
    })
    .await;
    for running in [false, true] {
        let without_efa = SwitchChange {
            efa_installed: Some(false),
            running: Some(running),
            ..SwitchChange::default()
        };
        world.standby(0).set(without_efa).unwrap();
    }
    until("EFA to show it as down", || async {
        (world.efa(0).state().nodes[1].status == "down").then_some(())
    })
    .await;
    let _worker = world.worker();
    world.finished(id).await;
    id
}

#[tokio::test]
async fn when_an_upgrade_has_ended_then_all_its_words_are_true_together() {
    for ending in endings() {
        let world = World::new(ending.fleet.clone()).await;
        let id = run(&world, &ending).await;
        let id = id.to_string();
        let show = ["--format", "json", "show", "--execution-id", &id];
        let shown = world.cli(&show).await.stdout;
        let shown: Value = serde_json::from_slice(&shown).unwrap();
        let item = &shown["items"][0];
        let words = item["detailed_status"].as_str().unwrap();
        assert_eq!(item["verdict"], ending.verdict.slug(), "{item}");
        for said in ending.says {
            assert!(words.contains(said), "{said:?} is missing: {words}");
        }
        assert_true(&world, ending.verdict, words);
        let nodes = world.efa(0).state().nodes;
        assert_eq!(
            nodes[1].status == "up",
            ending.efa_is_up,
            "{nodes:?}: {words}"
        );
        world.close().await;
    }
}

/// What is said of the device and of EFA, against what is so.
fn assert_true(world: &World, verdict: Verdict, words: &str) {
    let (device, nodes) = (world.standby(0).state(), world.efa(0).state().nodes);
    let efa_is_up = nodes[1].status == "up";
    let says = |text: &str| words.contains(text);
    let version = device.tpvm_version.as_deref().unwrap_or("none");
    let so = [
        // Whatever "before" was: EFA was up.
        !says("as it did before") && !says("as before"),
        efa_is_up || !says("rejoined") && !says("EFA nodes are up"),
        says("EFA has not come back") == (verdict == Verdict::Reverted && !efa_is_up),
        !says("reverted to") || device.running && words.contains(&format!("reverted to {version}")),
        says("reverted to") == (verdict == Verdict::Reverted && world.effects(0)[2] == 1),
        says("nothing to revert") == (verdict == Verdict::Reverted && world.effects(0)[2] == 0),
        says("the revert failed") == (verdict == Verdict::RevertFailed),
        (words == "None") == (verdict == Verdict::Succeeded),
        says("Remedy: ") == (verdict != Verdict::Succeeded),
        verdict != Verdict::Succeeded || efa_is_up && device.running && version == "4.2.5",
    ];
    assert!(
        so.iter().all(|so| *so),
        "{so:?} of {verdict}: {words}\n{device:?}\n{nodes:?}"
    );
}
