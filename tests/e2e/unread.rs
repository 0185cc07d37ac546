//! What can't be read once a command was sent is shown while its state waits, and named if the
//! deadline ends that; without the secrets in it.

use schemas::{State, Verdict};
use serde_json::Value;
use simulator::{Fault, FaultKind, Fleet};
use tests::{World, until};

const DEADLINES: &str = "timing.upgrade_deadline = '15s'\n\
                         timing.redeploy_deadline = '15s'\n\
                         timing.revert_deadline = '15s'";

/// Every secret, as no pattern knows it.
fn leaking(world: &World, text: &str) -> String {
    let secrets = world.secrets().join(" and images:");
    format!("{text} with {secrets} inside")
}

/// What `show` says of the `n`th upgrade, in both formats.
async fn shown(world: &World, ip: &str) -> (String, String) {
    let json = world.cli(&["--format", "json", "show", "--ip", ip]).await;
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let detail = json["items"][0]["detailed_status"].as_str().unwrap();
    let lines = world.cli(&["show", "--ip", ip]).await.stdout;
    let lines = String::from_utf8(lines).unwrap();
    let words: Vec<&str> = lines.split_whitespace().collect();
    (detail.to_owned(), words.join(" "))
}

fn assert_no_secret(world: &World, text: &str) {
    for secret in world.secrets() {
        assert!(!text.contains(&secret), "{secret} shows in {text}");
    }
}

#[tokio::test]
async fn when_answers_stay_unreadable_then_show_and_the_cause_name_the_last_one_without_secrets() {
    let world = World::new(Fleet::generate(2)).await;
    let device = leaking(&world, "the guest is in two minds");
    let device = Fault::new("show-tpvm-status", FaultKind::Says(device)).since(&["tpvm-upgrade"]);
    world.fault(0, device);
    let efa = leaking(&world, "<html>the monitor is elsewhere</html>");
    let efa = Fault::new("efa-redeploy-status", FaultKind::Says(efa)).since(&["efa-redeploy"]);
    world.fault(1, efa);
    let cases = [
        (State::TpvmUpgrade, "the guest is in two minds"),
        (State::EfaDeployPeerAndRejoin, "the monitor is elsewhere"),
    ];
    let _worker = world.worker_with(DEADLINES);
    let requests = [world.request(0), world.request(1)];
    let ids = world.accepted_all(&requests).await;
    for (request, (state, text)) in requests.iter().zip(cases) {
        let ip = request.ip_address.to_string();
        let what = format!("{text} to be shown");
        let (detail, lines) = until(&what, || async {
            let (detail, lines) = shown(&world, &ip).await;
            assert!(!detail.contains("Remedy"), "{state} has ended: {detail}");
            detail.contains(text).then_some((detail, lines))
        })
        .await;
        assert_no_secret(&world, &format!("{detail}{lines}"));
    }
    // The revert looks at the same device.
    for (n, (state, text)) in cases.into_iter().enumerate() {
        let execution = until("its state's end", || async {
            let execution = world.ledger.execution(ids[n]).await.unwrap().unwrap();
            execution.failed_state.is_some().then_some(execution)
        })
        .await;
        let cause = &execution.failure.as_ref().unwrap().cause;
        assert!(cause.contains("did not end within 15s"), "{cause}");
        assert!(cause.contains(text), "{state}: {cause}");
        world.standby(n).clear_faults();
    }
    for (n, (_, text)) in cases.into_iter().enumerate() {
        let execution = world.finished(ids[n]).await;
        assert_eq!(execution.verdict, Some(Verdict::Reverted), "{execution:?}");
        let (detail, lines) = shown(&world, &requests[n].ip_address.to_string()).await;
        assert!(detail.contains(text), "{detail}");
        let history = world.history(ids[n]).await;
        let everything = format!("{detail}{lines}{execution:?}{history:?}{}", world.logs());
        assert_no_secret(&world, &everything);
    }
    world.close().await;
}

#[tokio::test]
async fn when_a_later_answer_can_be_read_then_the_one_that_could_not_is_still_shown() {
    let world = World::new(Fleet::generate(1)).await;
    let busy = FaultKind::NeverEnds;
    world.fault(0, Fault::new("tpvm-upgrade", busy));
    let words = FaultKind::Says("the guest is in two minds".to_owned());
    let once = Fault::new("show-tpvm-status", words).since(&["tpvm-upgrade"]);
    world.fault(0, once.once());
    let _worker = world.worker();
    let request = world.request(0);
    world.accepted(&request).await;
    until("a later answer beside it", || async {
        let ip = request.ip_address.to_string();
        let (detail, _) = shown(&world, &ip).await;
        let both = detail.contains("in two minds") && !detail.starts_with("looking again");
        both.then_some(())
    })
    .await;
    world.close().await;
}
